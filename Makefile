# Larder's build. `make` lists what it can do; run and test need Go and make, nothing else.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The same Go makes the same bytes, whatever the builder's own settings are: all that changes a
# binary is said here. GOFLAGS repeats a default, because an empty one means the user's.
GO    := GOFLAGS=-mod=readonly GOWORK=off go
BUILD := CGO_ENABLED=0 GOEXPERIMENT= GOAMD64=v1 GOARM64=v8.0 \
	$(GO) build -trimpath -buildvcs=false -ldflags "-s -w -buildid="

# The layer's programs start cold, and every byte of them is loaded then. Nothing here speaks
# HTTP/2. Code is inlined only where it is run often, that is in Go's runtime and where a read is
# served: elsewhere that costs 0.4 MB of the zip and 0.5 MB of memory, and registers no sooner.
LEAN := -tags nethttpomithttp2 -gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/runtime/...= \
	-gcflags=larder/cache= -gcflags=larder/server= -gcflags=larder/secret=
TINY := -gcflags=all=-l

# Lambda's words for the architectures, and Go's.
goarch_x86_64 := amd64
goarch_arm64  := arm64
machine := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)

# The example that `make run` starts: python, node or go, whichever this machine has first.
EXAMPLE   ?= $(shell python3 -c '' 2>/dev/null && echo python || { node -e fetch 2>/dev/null && echo node || echo go; })
bootstrap := $(if $(filter go,$(EXAMPLE)),dist,examples/$(EXAMPLE))/bootstrap

# The processes of the other examples.
environment := $(if $(filter go,$(EXAMPLE)),dist/environment,$(bootstrap) environment)
rotation    := $(if $(filter go,$(EXAMPLE)),dist/rotation,$(bootstrap) rotation)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 20

# What needs Go says so if there is none, in one line, or in Go's own words if it is no Go for
# this module. It is never up to date, nor is what depends on it: Go knows that of each program.
.PHONY: go
go:
	@command -v go >/dev/null || { echo "Go is missing: install it from https://go.dev/dl, and see that it is in the PATH" >&2; exit 1; }
	@go version >/dev/null

# So does an example, where it was asked for by name and this machine has not what it runs on.
interpreter := $(filter python node,$(EXAMPLE))
.PHONY: python node
python:
	@python3 -c '' 2>/dev/null || { echo "EXAMPLE=python wants python3, which is missing" >&2; exit 1; }
node:
	@node -e fetch 2>/dev/null || { echo "EXAMPLE=node wants Node.js 18 or later, which is missing" >&2; exit 1; }

.PHONY: run
run: dist/larder-$(machine).zip dist/larder-local $(bootstrap) $(interpreter) ## the layer and an example function on this machine, and dist/report.html about it [EXAMPLE=python|node|go]
	dist/larder-local run --report dist/report.html --layer $< --secrets examples/secrets.yaml --env-file examples/function.env -- $(bootstrap)

.PHONY: run-environment
run-environment: dist/larder-$(machine).zip dist/larder-local $(firstword $(environment)) $(interpreter) ## the same by plain environment variables [EXAMPLE=python|node|go]
	dist/larder-local run --report dist/report.html --layer $< --secrets examples/secrets.yaml --env-file examples/environment/function.env -- $(environment)

.PHONY: run-rotation
run-rotation: dist/larder-$(machine).zip dist/larder-local $(firstword $(rotation)) $(interpreter) ## a password rotates under an example function [EXAMPLE=python|node|go]
	dist/larder-local run --report dist/report.html --layer $< --secrets examples/rotation/secrets.yaml --change 2=examples/rotation/rotated.yaml \
		--events examples/rotation/events.jsonl --env-file examples/rotation/function.env -- $(rotation)

.PHONY: screenshots
screenshots: go ## pictures of the page that make run writes, in dist, from Debian's chromium
	@mkdir -p dist
	LARDER_SCREENSHOTS="$(CURDIR)/dist" go test -count=1 -v -run '^TestReportInBrowser$$' ./examples

.PHONY: test
test: go ## unit and script tests, with the race detector where there is a C compiler
	@if go build -race runtime/cgo 2>/dev/null; then set -x; go test -race ./...; \
	else echo "testing without the race detector: it wants cgo and a C compiler, and here are CGO_ENABLED=$$(go env CGO_ENABLED) CC=$$(go env CC)"; \
	set -x; go test ./...; fi

.PHONY: test-integration
test-integration: layer ## the layer, template.yaml, publishing and larder check against moto, a third party's AWS, and the examples under AWS's runtime clients
	integration/run.sh

.PHONY: layer
layer: dist/larder-x86_64.zip dist/larder-arm64.zip ## both layer zips, the same bytes from any folder

NAME := larder

.PHONY: publish
publish: layer ## both layers to your account: REGIONS="eu-west-1 us-east-1" [ORG=o-...] [NAME=larder]
	@REGIONS="$(REGIONS)" ORG="$(ORG)" NAME="$(NAME)" layer/publish.sh

.PHONY: lint
lint: go ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l examples/go $$(go list -tags integration -f '{{.Dir}}' ./...)); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w is due:" $$unformatted >&2; exit 1; fi
	go vet -tags integration,soak ./...
	cd examples/go && go vet ./...
	go run $(STATICCHECK) -tags integration,soak ./...

.PHONY: vuln
vuln: go ## known vulnerabilities in what we call, from Go's database
	go run $(GOVULNCHECK) ./...

N ?= 20000

.PHONY: soak
soak: go ## N invokes while AWS fails in every way and values change, with the race detector; a few minutes [N=20000] [SEED=]
	N=$(N) SEED=$(SEED) go test -race -tags soak -timeout 0 -v -run '^TestSoak$$' ./cmd/larder

# Counted, not timed: until Go 1.27 a timed run may end in "context deadline exceeded" although nothing was
# found (go.dev/issue/75804). Making an input that covers new code smaller is bounded too: left alone, a
# slow target does little else.
FUZZRUNS ?= 20000

.PHONY: fuzz
fuzz: go ## every fuzz target FUZZRUNS times [FUZZRUNS=20000]
	@grep -rE --include='*_test.go' --exclude-dir=dist '^func Fuzz' . | \
	sed 's|/[^/]*_test.go:func \(Fuzz[A-Za-z0-9_]*\).*| \1|' | while read -r folder target; do \
		echo "$$folder $$target"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZRUNS)x -fuzzminimizetime 100x "$$folder" </dev/null || exit; \
	done

PACKAGES ?= cache source manifest server extension

.PHONY: mutants
mutants: go ## change the code in small ways: do the tests notice? An hour [PACKAGES="cache source manifest server extension"]
	env -u AWS_CA_BUNDLE $(GO) run ./internal/mutants $(PACKAGES)

.PHONY: bench
bench: go ## start-up and memory beside a bare extension, the wrapper beside none, and what a read costs
	env -u AWS_CA_BUNDLE go test -run '^$$' -bench 'Startup|Wrapper' -benchtime 40x ./cmd/larder
	go test -run '^$$' -bench . -benchmem ./cache ./server

.PHONY: clean
clean: ## remove what was built
	rm -rf dist

# $(call stage,ARCHITECTURE,FOLDER) fills a folder with the files of the layer, which Lambda unpacks
# to /opt. It starts every file in extensions/, so nothing but the extension may lie there.
define stage
@GOOS=linux GOARCH=$(goarch_$(1)) $(BUILD) $(LEAN) -o "$(2)/extensions/larder" ./cmd/larder
@GOOS=linux GOARCH=$(goarch_$(1)) $(BUILD) $(TINY) -o "$(2)/larder-exec" ./cmd/larder-exec
@chmod 755 "$(2)/extensions/larder" "$(2)/larder-exec"
@mkdir -p "$(2)/larder" && cp LICENSE layer/NOTICE "$(2)/larder"
endef

# AWS SAM builds a layer by the target build-<LogicalId>, into ARTIFACTS_DIR: see template.yaml.
.PHONY: build-LayerX86 build-LayerArm64
build-LayerX86: go
	$(call stage,x86_64,$(ARTIFACTS_DIR))
build-LayerArm64: go
	$(call stage,arm64,$(ARTIFACTS_DIR))

dist/larder-x86_64.zip dist/larder-arm64.zip: dist/larder-%.zip: go
	@rm -rf dist/$*
	$(call stage,$*,dist/$*)
	@$(GO) run ./layer/pack dist/$* $@

dist/larder-local: go
	@$(BUILD) -o $@ ./cmd/larder-local

dist/bootstrap: go
	@cd examples/go && $(BUILD) -tags lambda.norpc -o "$(CURDIR)/$@" .

dist/environment dist/rotation: dist/%: go
	@cd examples/go && $(BUILD) -tags lambda.norpc -o "$(CURDIR)/$@" ./$*
