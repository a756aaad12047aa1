# Every command that people and CI use. Plain `make` lists them, from the comments behind the targets.
#
# Variables of up may stand before make or behind: HOLD_SECONDS=20 make up, make up STACK=mine.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Functions, tools and tests share one set of flags: another set compiles the AWS SDK again. scripts/devstack has the same flags
# for use without make; a test keeps the two equal.
export CGO_ENABLED := 0
export GOFLAGS := -buildvcs=false -trimpath -tags=lambda.norpc

TOOLS := $(CURDIR)/.local/tools
DEVSTACK := $(TOOLS)/devstack
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
STRIPE_MOCK_VERSION := v0.203.0
STRIPE_MOCK := $(TOOLS)/stripe-mock-$(STRIPE_MOCK_VERSION)
OASDIFF_VERSION := v1.38.0
OASDIFF := $(TOOLS)/oasdiff-$(OASDIFF_VERSION)
SCHEMATHESIS := $(CURDIR)/.local/schemathesis
SOURCES := $(wildcard consumers contracts producers scripts)

# The packages that run many goroutines. The race detector needs another set of flags, so only these are tested with it.
RACE := $(addprefix ./consumers/internal/,lambda/... retry/... memory/memhold/... memory/memqueue/... adapters/sqssend/... mirror/... seats/... expire/... \
  publish/... adapters/redisclient/...) ./scripts/lambdahost/...
# A number of runs and not a time: with a time the fuzzer sometimes reports its own deadline as a failure.
FUZZ_TIME ?= 60000x
RAPID_CHECKS ?= 10000
PACKAGE_FLAGS ?= --verify
# Installs exactly what web/package-lock.json names, if it has changed or nothing is installed.
NPM_CI := [ node_modules/.package-lock.json -nt package-lock.json ] || { echo "installing the packages of web/package-lock.json (a minute)"; npm ci --silent; }

# USER is also the login name, which is no user id here: it counts only as an argument of make.
TOKEN_FLAGS := $(if $(filter command,$(firstword $(origin USER))),--user '$(USER)') $(if $(COUNT),--count '$(COUNT)') $(if $(TTL),--ttl='$(TTL)') $(if $(filter-out 0,$(OPERATOR)),--operator)

##@ The stack on this machine
.PHONY: demo up down status env token keys seed cancel events
demo: devstack ## show orders that are held, refused, cancelled and expire, on a stack of its own with holds of 5 s (HOLD_SECONDS)
	@echo "The demo has a stack of its own and takes it down at the end. It does not touch a stack of make up, with holds of 300 s."
	@$(DEVSTACK) run --stack demo --main-concerts --hold-seconds $(or $(HOLD_SECONDS),5) -- go run ./scripts/demo

up: devstack ## bring everything up on http://127.0.0.1:8080 (STACK EDGE=0 SITE_FOLDER HOLD_SECONDS HANDLER_TIMEOUT_SECONDS SITE_PORT AWS_PORT REDIS_PORT RATE_LIMITS=production)
	@$(DEVSTACK) up

down: devstack ## stop all of it and keep the logs (STACK)
	@$(DEVSTACK) down

status: devstack ## show each process with its address and health (STACK)
	@$(DEVSTACK) status

env: devstack ## print every address and name as shell exports: eval "$(make env)" (STACK)
	@$(DEVSTACK) env

token: devstack ## print an access token (USER=anna), or many lines `userId token` (USER=load COUNT=5000) (TTL STACK OPERATOR=1)
	@$(DEVSTACK) token $(TOKEN_FLAGS)

keys: devstack ## show the keys that sign tokens, or rotate them (KEYS_FLAGS='rotate --dry-run --json' STACK)
	@$(DEVSTACK) keys $(KEYS_FLAGS)

seed: devstack ## load the sample concerts again (STACK)
	@$(DEVSTACK) seed

cancel: devstack ## end the sale of a concert for good (CONCERT=nocturne-2030 CANCEL_FLAGS='--dry-run --json' STACK)
	@eval "$$($(DEVSTACK) env)"; go run ./scripts/catalogue/cmd/catalogue cancel $(CANCEL_FLAGS) '$(CONCERT)'

events: devstack ## print the events of orders on the bus as they happen, until Ctrl-C (EVENTS_FLAGS='--json --order ID' STACK)
	@eval "$$($(DEVSTACK) env)"; exec go run ./scripts/events $(EVENTS_FLAGS)

##@ The code
.PHONY: build package fmt vet lint test check
build: devstack ## build every package, and every function as .local/bin/NAME/bootstrap
	@go build ./...
	@$(DEVSTACK) build

package: devstack ## build what is deployed: a reproducible arm64 zip of each function in .local/package, built twice (PACKAGE_FLAGS=--json)
	@$(DEVSTACK) package $(PACKAGE_FLAGS)

fmt: ## format all Go code
	@gofmt -w $(SOURCES)

vet: ## check formatting and run go vet
	@unformatted="$$(gofmt -l $(SOURCES))"; if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	@go vet ./...

lint: $(GOLANGCI) ## run golangci-lint; installing it takes minutes, once
	@$(GOLANGCI) run ./...

test: tools vet unit e2e faults ## all that must pass before a commit: formatting, vet, all tests, end-to-end tests, fault tests

check: test lint race fuzz property stripe-mock contract web-types-check schemathesis mutants faults-long package ## run test and every slower step

##@ Single steps
.PHONY: unit e2e faults faults-long race fuzz property mutants stripe-mock schemathesis contract web-types web-types-check bench measure
unit: ## run all tests that need no running stack
	@go test ./...

# Through the edge, as in production. EDGE=0 shows whether a failure is the edge's.
e2e: devstack ## run the end-to-end tests behind the edge, on a stack of their own with short holds (EDGE=0 without the edge)
	@$(DEVSTACK) run --stack e2e $(if $(filter 0,$(EDGE)),--no-edge,--edge) --hold-seconds 5 --handler-timeout 2 -- go test -count=1 ./scripts/e2e/...

faults: devstack ## run the tests that break the pipeline, each on a stack of its own (RUN=TestName, FAULTS=long for the long forms)
	@rm -f $(TOOLS)/faults.code; { DEVSTACK='$(DEVSTACK)' FAULTS='$(FAULTS)' go test -count=1 -v -timeout 25m -parallel 64 -run '$(or $(RUN),.)' ./scripts/faults/ 2>&1; echo $$? >$(TOOLS)/faults.code; } | \
	  tee $(TOOLS)/faults$(FAULTS).log | grep --line-buffered -E '^ *---|^(=== NAME|ok|FAIL|panic)|FAULT |_test.go:'; exit "$$(cat $(TOOLS)/faults.code)"

faults-long: ## run the long forms of the fault tests: a minute without a service, 100 rounds of kills
	@$(MAKE) --no-print-directory faults FAULTS=long

race: ## run the race detector on the packages with many goroutines
	@command -v gcc >/dev/null || { echo "gcc is missing, which the race detector needs: on Debian apt-get install gcc libc6-dev"; exit 1; }
	@CGO_ENABLED=1 go test -race $(RACE)

fuzz: ## run every fuzz target for FUZZ_TIME
	@grep -rl --include='*_test.go' '^func Fuzz' $(SOURCES) | xargs -r -n1 dirname | sort -u | while read -r package; do \
	  for target in $$(go test -list '^Fuzz' "./$$package" | grep '^Fuzz'); do \
	    echo "fuzz ./$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZ_TIME)' "./$$package" </dev/null >$(TOOLS)/fuzz.log 2>&1 || { cat $(TOOLS)/fuzz.log; exit 1; }; \
	  done; \
	done

property: ## run the property tests with RAPID_CHECKS rounds
	@go test $$(go list -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... | grep -F pgregory.net/rapid | cut -d' ' -f1) -count=1 -timeout 30m -rapid.checks='$(RAPID_CHECKS)'

mutants: tools ## plant known bugs one at a time and report those that no test finds (ONLY='dynamoorder "page of"', MUTANTS_FLAGS=--json)
	@go build -o $(TOOLS)/mutants ./scripts/mutants
	@$(TOOLS)/mutants $(MUTANTS_FLAGS) $(ONLY)

stripe-mock: $(STRIPE_MOCK) ## check each request to Stripe with Stripe's own validator of requests
	@BOXOFFICE_STRIPE_MOCK='$(STRIPE_MOCK)' go test -count=1 -run TestStripeMock ./consumers/internal/adapters/stripepay

schemathesis: tools $(SCHEMATHESIS)/installed ## try every route of the contract with generated requests, on a stack of its own: under 4 minutes
	@$(DEVSTACK) run --stack schemathesis --main-concerts --hold-seconds 60 -- bash -euo pipefail -c '\
	  export HYPOTHESIS_STORAGE_DIRECTORY=$(SCHEMATHESIS)/hypothesis TOKEN="$$($(DEVSTACK) token --stack schemathesis --user schemathesis --operator --ttl 1h)"; \
	  exec $(SCHEMATHESIS)/bin/schemathesis --config-file scripts/schemathesis/schemathesis.toml --no-color run contracts/openapi/openapi.yaml --url "$$SITE_URL"'

contract: $(OASDIFF) ## compare the HTTP contract with the version before it: no client breaks by a change that its changelog does not list
	@BOXOFFICE_OASDIFF='$(OASDIFF)' go test -count=1 ./scripts/contract
	@go run ./scripts/contract --oasdiff '$(OASDIFF)'

# Only the site needs Node. `devstack node` prints the folder of the PATH's Node, or installs one into .local.
web-types: devstack ## generate the site's TypeScript types from the HTTP contract; installs Node into .local where it is missing
	@node="$$($(DEVSTACK) node)"; export PATH="$$node:$$PATH"; cd web; $(NPM_CI); npm run --silent types

web-types-check: devstack ## check that the site's types are those of the contract, and compile; without Node it says so, in CI it installs it
	@if ! node="$$($(DEVSTACK) node $(if $(CI),,--present) 2>$(TOOLS)/node.log)"; then \
	  cat $(TOOLS)/node.log >&2; $(if $(CI),exit 1,echo "web-types-check: not checked without Node; make web-types installs it into .local"; exit 0); \
	fi; \
	export PATH="$$node:$$PATH"; cd web; $(NPM_CI); TYPES='$(TOOLS)/schema.d.ts' npm run --silent types >/dev/null; \
	diff -u src/lib/api/schema.d.ts '$(TOOLS)/schema.d.ts' || { echo "web/src/lib/api/schema.d.ts is not that of contracts/openapi/openapi.yaml: run make web-types"; exit 1; }; \
	npm run --silent typecheck; echo "web-types-check: the types are those of the contract, and compile"

bench: ## run all benchmarks
	@go test -run '^$$' -bench . -benchmem ./...

# Holds last longer than the measure, so that none ends during it. A queue's delay cannot be longer.
measure: devstack ## measure orders a second, CPU an order and starts of the functions, on a stack of its own (MEASURE_FLAGS='--json --only http')
	@go build -o $(TOOLS)/measure ./scripts/measure
	@$(DEVSTACK) run --stack measure --hold-seconds 880 -- $(TOOLS)/measure --devstack $(DEVSTACK) $(MEASURE_FLAGS)

##@ Needed by the others
.PHONY: help devstack tools
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools: devstack ## install what the stack and the tests need: redis-server, and the emulator into .local/venv
	@$(DEVSTACK) tools

devstack:
	@mkdir -p $(TOOLS)
	@command -v go >/dev/null || { echo "go is missing: install the version that go.mod names"; exit 1; }
	@go build -o $(DEVSTACK) ./scripts/devstack

$(GOLANGCI):
	@echo "installing golangci-lint $(GOLANGCI_VERSION) (a few minutes)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@

$(STRIPE_MOCK):
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/stripe/stripe-mock@$(STRIPE_MOCK_VERSION)
	@mv $(TOOLS)/stripe-mock $@

$(OASDIFF):
	@echo "installing oasdiff $(OASDIFF_VERSION) (a minute)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/oasdiff/oasdiff@$(OASDIFF_VERSION)
	@mv $(TOOLS)/oasdiff $@

$(SCHEMATHESIS)/installed: scripts/schemathesis/requirements.txt
	@echo "installing schemathesis into .local/schemathesis (half a minute)"
	@python3 -m venv --clear $(SCHEMATHESIS)
	@$(SCHEMATHESIS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
