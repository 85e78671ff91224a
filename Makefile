# What one does with Sleuth's source. 'make' alone lists the targets.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/iam-sleuth/sleuth/internal/app.version=$(VERSION)
# Where 'make lambda' writes to, and for which architectures, in Lambda's words.
LAMBDA_OUT  ?= build/lambda
LAMBDA_ARCH ?= arm64 x86_64
SHA256SUM   := $(shell command -v sha256sum || echo shasum -a 256)
# Where 'make registry' writes to.
REGISTRY_OUT ?= build/terraform-aws-iam-sleuth
FUZZTIME ?= 30s
BENCHTIME ?= 1s
# What 'make bench' hands on: -quick, -full, -users N; see internal/tools/bench.
BENCHFLAGS ?=
# What 'make mutants' looks at, and by what. See docs/decisions/mutants.md.
MUTANTS  ?= audit enforce ledger outbox
GREMLINS ?= go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
MUTANTS_COVERED := 90
MUTANTS_KILLED  := 95
# What 'make test' hands on to go test, such as TESTFLAGS=-short.
TESTFLAGS ?=
# The packages that take longest begin first, and beside one another: they wait
# for moto and Terraform more than they use this machine.
SLOW := ./internal/test/deploy ./internal/cli ./internal/test/crash ./internal/lambda ./internal/test/browser
# One way to compile, so that every target, and what tests build, finds what
# another has compiled. The race detector needs cgo.
export CGO_ENABLED ?= 0
export GOFLAGS ?= -trimpath

.DEFAULT_GOAL := help
.PHONY: help build lambda registry demo test race lint fmt fmt-check vet tidy-check vuln fuzz mutants bench docs pictures clean ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

build: ## Build ./sleuth, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o sleuth ./cmd/sleuth

# What differs between two machines with the same source is left out of the
# zips: paths, the state of the checkout, cgo, settings of Go.
lambda: ## Build the Lambda zips and their checksums in build/lambda
	@set -e; mkdir -p '$(LAMBDA_OUT)'; rm -f '$(LAMBDA_OUT)'/*.zip; \
	for arch in $(LAMBDA_ARCH); do \
		case $$arch in x86_64) goarch=amd64 ;; *) goarch=$$arch ;; esac; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$goarch GOFLAGS= GOAMD64= GOARM64= GOEXPERIMENT= \
			go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '$(LDFLAGS) -buildid=' \
			-o '$(LAMBDA_OUT)/bootstrap' ./cmd/sleuth-lambda; \
		go tool build-lambda-zip -o "$(LAMBDA_OUT)/sleuth-lambda-$$arch.zip" '$(LAMBDA_OUT)/bootstrap'; \
		rm '$(LAMBDA_OUT)/bootstrap'; \
	done; \
	cd '$(LAMBDA_OUT)' && $(SHA256SUM) *.zip | tee SHA256SUMS

# The registry takes a module from the root of a repository of this name. Links
# that lead out of terraform/ are made absolute.
registry: ## Lay the Terraform module out for its registry, in build/terraform-aws-iam-sleuth
	@rm -rf '$(REGISTRY_OUT)'; mkdir -p '$(REGISTRY_OUT)'
	@cp -R terraform/. LICENSE '$(REGISTRY_OUT)'
	@find '$(REGISTRY_OUT)' \( -name '.terraform*' -o -name '*.tfstate*' \) -prune -exec rm -r {} +
	@sed 's,](\.\./,](https://github.com/iam-sleuth/sleuth/blob/main/,g' terraform/README.md > '$(REGISTRY_OUT)/README.md'

demo: ## Show the whole story: no account, no credentials, no network
	@echo "building sleuth: about a minute the first time, then a second or two"
	@rm -f build/demo/sleuth
	@go build -v -o build/demo/sleuth ./cmd/sleuth 2>&1 | awk ' \
		NF != 1 { print; next } \
		++n % 50 == 0 { print "  " n " packages compiled"; fflush() }'
	@build/demo/sleuth demo

test: ## Run the tests; those whose parts this machine lacks are skipped
	@python3 -c 'import moto.server' >/dev/null 2>&1 || \
		echo "skipped: the tests against moto (no moto here; pip install -r .ci/requirements.txt)"
	@command -v cfn-lint >/dev/null 2>&1 || \
		echo "skipped: the lint of the CloudFormation templates (no cfn-lint here; pip install -r .ci/requirements.txt)"
	@command -v terraform >/dev/null 2>&1 || \
		echo "skipped: the tests of the Terraform module (no terraform here; see developer.hashicorp.com/terraform/install)"
	@for browser in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$browser >/dev/null 2>&1 && break; done || \
		echo "skipped: the tests in a browser (no Chromium here; Debian's package is chromium)"
	@command -v npm >/dev/null 2>&1 || \
		echo "skipped: the tests with dynalite, axe-core and the Nu HTML checker (no npm here; Debian's package is npm)"
	@command -v java >/dev/null 2>&1 || \
		echo "skipped: the tests with the Nu HTML checker (no Java here; Debian's package is default-jre-headless)"
	@mkdir -p build/test
	@echo "compiling: some minutes the first time; each package is printed as it ends"
	@go build -o build/test/ ./cmd/sleuth ./cmd/sleuth-lambda ./internal/tools/testprogress
	@SLEUTH_PROGRAMS='$(CURDIR)/build/test' build/test/testprogress -p 4 $(TESTFLAGS) $(SLOW) ./...

race: ## Run the tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(TESTFLAGS) ./...

lint: ## Run golangci-lint with .golangci.yml
	@if command -v golangci-lint >/dev/null 2>&1; then \
		golangci-lint run ./...; \
	else \
		echo "skipped: lint (no golangci-lint here; .ci/run installs the version that counts)"; \
		[ "$$SLEUTH_REQUIRE_ALL" != 1 ]; \
	fi

fmt: ## Format the Go code
	gofmt -w cmd internal

fmt-check: ## Fail where Go code is not formatted
	@unformatted=$$(gofmt -l cmd internal); \
	[ -z "$$unformatted" ] || { echo "not formatted; run 'make fmt':"; echo "$$unformatted"; exit 1; }

vet: ## Run go vet
	go vet ./...

tidy-check: ## Fail where go.mod and go.sum are not tidy
	go mod tidy -diff

vuln: ## Look for known vulnerabilities in what Sleuth calls (needs vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

fuzz: ## Run every fuzz target for FUZZTIME (30s) each
	@grep -rl --include='*_test.go' '^func Fuzz' cmd internal | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "fuzz ./$$(dirname "$$file") $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' "./$$(dirname "$$file")" || exit 1; \
		done; \
	done

mutants: ## Check that tests notice changes to the code that decides (slow)
	@mkdir -p build/mutants; failed=0; for package in $(MUTANTS); do \
		GOFLAGS="$$GOFLAGS -short" $(GREMLINS) unleash --workers 2 --timeout-coefficient 10 \
			"./internal/$$package" > "build/mutants/$$package.txt" 2>&1; \
		awk -v package="$$package" -v least=$(MUTANTS_COVERED) -v dead=$(MUTANTS_KILLED) ' \
			/^Test efficacy:/ { killed = $$3 + 0 } \
			/^Mutator coverage:/ { covered = $$3 + 0 } \
			END { \
				printf "%-8s %6.2f%% of mutants covered (at least %d%%), %6.2f%% of those killed (at least %d%%)\n", package, covered, least, killed, dead; \
				exit covered < least || killed < dead \
			}' "build/mutants/$$package.txt" || failed=1; \
	done; \
	[ "$$failed" = 0 ] || echo "see LIVED and NOT COVERED in build/mutants/"; exit "$$failed"

bench: ## Run every benchmark, and measure whole runs (BENCHFLAGS=-full, -quick, ...)
	@go run ./internal/tools/bench $(BENCHFLAGS)
	go test -run '^$$' -bench . -benchmem -benchtime '$(BENCHTIME)' ./...

docs: ## Regenerate the generated parts of docs/
	go run ./internal/tools/docs
	go test -count=1 ./internal/test/deploy -run 'Tables$$' -update

pictures: ## Take the pictures in docs/pictures again (needs Chromium; looks best with the font Inter)
	SLEUTH_REQUIRE_ALL=1 SLEUTH_PICTURES='$(CURDIR)/docs/pictures' go test -count=1 -run 'Pictures$$' ./internal/test/browser

clean: ## Remove what the targets above have made
	rm -rf sleuth dist build coverage.out

ci: ## Do what CI does, on this machine
	.ci/run
