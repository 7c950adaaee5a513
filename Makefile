# Two commands do everything: `make demo` builds and shows the main job; `make test` installs what tests need and runs them.
export CGO_ENABLED := 0
TOOL  := go tool -modfile=tools/go.mod
CACHE := $(CURDIR)/.cache
GO_FILES = $(shell git ls-files -co --exclude-standard '*.go' | grep -v '\.pb\.\(gw\.\)\?go$$')

.PHONY: help build font ucum demo test check lint generate generate-check unit race integration bench bench-ecg bench-lab clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

font: ## the Chinese outlines that codec/paper embeds (from npm, once)
	@tools/font/fetch

ucum: ## the table of units that codec/ucum embeds (from npm, once; UCUM_ESSENCE=FILE for another edition)
	@tools/ucum/fetch

build: font ucum ## bin/lianzhen and bin/lianzhen-edge
	go build -trimpath -o bin/ ./cmd/lianzhen ./cmd/lianzhen-edge

demo: build ## two counties on embedded storage: the whole story, then the server (DATA=DIR, ARGS=...)
	bin/lianzhen demo $(if $(DATA),--data $(DATA)) $(ARGS)

check: lint unit ## the inner loop: lint and unit tests

lint: ## gofumpt, go vet, staticcheck, buf lint
	@out=$$($(TOOL) gofumpt -l $(GO_FILES)); [ -z "$$out" ] || { echo "gofumpt:"; echo "$$out"; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	@tools/protoinclude
	$(TOOL) buf lint proto

generate: ## code and OpenAPI from proto/
	@tools/protoinclude
	rm -f proto/lianzhen/v1/*.pb.go proto/lianzhen/v1/*.pb.gw.go
	$(TOOL) buf generate

generate-check: ## generated code is what proto/ says
	@tools/generate-check

unit: font ucum ## tests that need nothing beside Go
	go test ./...

race: ## the same under the race detector
	CGO_ENABLED=1 go test -race -short -timeout 30m ./...

test: ## everything, with PostgreSQL and MinIO; installs what it needs
	tools/setup
	$(MAKE) font ucum lint generate-check
	tools/with-services go test -count=1 -timeout 30m ./...
	$(MAKE) race
	GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/lianzhen-edge

bench: ## measures beside Orthanc (installs it); see docs/benchmarks.md
	tools/setup bench
	bench/run

bench-ecg: ## accuracy and speed of the ECG centre; see docs/ecg.md (DATA=folder of databases)
	go run ./bench/ecg $(if $(DATA),--data $(DATA))

bench-lab: ## speed and exactness of the laboratory centre; see docs/lab.md (DATA=folder of samples; PARTS=...; with PostgreSQL and MinIO)
	tools/with-services go run ./bench/lab $(if $(DATA),--data $(DATA)) $(PARTS)

clean:
	rm -rf bin .build .cache
