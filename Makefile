# Two commands matter: `make demo` and `make test`. Both install what they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := $(CURDIR)/bin
FUZZTIME ?= 10s
# Packages whose tests run an API server, a cluster or many processes at once.
CROWDS := /(controllers|cmd/pipeline|cmd/operator/selftest|hack/e2e|hack/e2e/cluster)$$

.PHONY: help
help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/weir
	CGO_ENABLED=0 go build -o $(BIN)/weir ./cmd/weir

.PHONY: demo
demo: build ## Run the main job: feeds, a format change, two subscribers (KEEP=1 goes on serving)
	go run ./hack/demo -weir $(BIN)/weir $(if $(KEEP),-keep)

.PHONY: deps
deps: # the race detector needs a C compiler
	@command -v gcc >/dev/null || { apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }

.PHONY: test
test: deps verify assets ## Run every test, with the race detector; those with many processes one after the other
	go test -race -timeout 30m $$(go list ./... | grep -vE '$(CROWDS)')
	go test -race -p 1 -timeout 30m $$(go list ./... | grep -E '$(CROWDS)')

.PHONY: assets
assets: ## Build what tests of controllers need: kube-apiserver, etcd, kubectl (once, 5 minutes)
	@go run ./hack/assets/build envtest

.PHONY: images
images: ## Build the container images into bin/images (TAG=dev)
	go run ./hack/image -out $(BIN)/images -tag $(or $(TAG),dev)

.PHONY: cluster
cluster: ## Start a local Kubernetes cluster (Linux, root); cluster-down removes it
	go run ./hack/cluster up

.PHONY: cluster-down
cluster-down:
	go run ./hack/cluster down

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; done

.PHONY: bench
bench: ## Run the benchmarks beside the hot paths
	go test -run '^$$' -bench . -benchmem ./pipeline/...

.PHONY: bench-e2e
bench-e2e: build ## Measure end to end: rate, latency, memory of a 1 GiB payload
	go run ./hack/bench -weir $(BIN)/weir

.PHONY: bench-operator
bench-operator: assets ## Measure the operator with 1,000 and 10,000 FeedSources (half an hour)
	go run ./hack/bench/operator

.PHONY: generate
generate: $(BIN)/controller-gen ## Generate deepcopy code, custom resource definitions and what the chart derives
	$(BIN)/controller-gen object:headerFile=hack/boilerplate.go.txt crd:crdVersions=v1,maxDescLen=400 \
	  applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/... output:crd:dir=config/crd
	go run ./hack/chart

.PHONY: verify
verify: generate ## Check that generated code is committed, go.mod is tidy, code is formatted
	@git diff --exit-code -- api config charts || { echo "generated files differ: run make generate and commit"; exit 1; }
	@go mod tidy -diff
	@test -z "$$(gofmt -l api charts cmd hack pipeline)" || { echo "not formatted:"; gofmt -l api charts cmd hack pipeline; exit 1; }

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters
	$(BIN)/golangci-lint run --allow-parallel-runners ./...

$(BIN)/%: hack/tools/%/go.mod hack/tools/%/go.sum
	cd hack/tools/$* && go build -o $@ $$(awk '/^tool / {print $$2}' go.mod)

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN)
