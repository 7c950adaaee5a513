//go:build race

package authz

// questions is how much is asked of casbin per policy: it is slow, and slower with the race detector.
const questions = 2_000
