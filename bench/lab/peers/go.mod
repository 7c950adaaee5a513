module github.com/lianzhen/lianzhen/bench/lab/peers

go 1.26.0

require (
	github.com/google/simhospital v0.0.0-20230809162052-e69eef7de3c0
	github.com/lenaten/hl7 v0.0.0-20181009090854-63c5c49a56d9
)

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/sirupsen/logrus v1.10.2 // indirect
	golang.org/x/sys v0.13.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
