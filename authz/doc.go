// Package authz says who is calling and what they may touch.
//
// The Book knows accounts: people with roles at institutions, sessions, API keys, client certificates, devices. It turns
// a credential into a Caller. The Guard turns a Caller, an act and a purpose into a record.Scope by the policy: rows in
// casbin's language, kept in the database with every earlier version, answered from an immutable snapshot compiled from
// them. casbin itself is the oracle: tests, and every change of the policy before it takes effect, compare the two.
//
// What the policy can say is closed: words.go lists the roles, kinds, acts, relations and guards.
package authz
