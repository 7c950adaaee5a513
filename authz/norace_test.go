//go:build !race

package authz

// questions is how much is asked of casbin per policy.
const questions = 25_000
