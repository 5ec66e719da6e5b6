# Every target does all its own set-up; stamps keep it from being done twice. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
NODE := node_modules/.bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
BIN := .venv/bin

.PHONY: help setup setup-bench quickstart test test-operator test-kernels test-bench test-journeys generate lock verify lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

setup: .stamps/node .stamps/python ## install the locked Node and Python packages into this folder

# npm runs on whatever Node the machine has; everything else runs on the pinned one that npm brings.
.stamps/node: package.json package-lock.json
	@echo "==> Node packages (package-lock.json)"
	npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p $(@D) && touch $@

.stamps/uv: kernels/requirements-bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@echo "==> Python environment (.venv)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r kernels/requirements-bootstrap.lock
	@mkdir -p $(@D) && touch $@

.stamps/python: .stamps/uv kernels/requirements-dev.lock
	@echo "==> Python packages (kernels/requirements-dev.lock; torch is the large one)"
	$(BIN)/uv pip sync --compile-bytecode --python $(BIN)/python --require-hashes kernels/requirements-bootstrap.lock kernels/requirements-dev.lock
	@touch $@

# Peers that only serve as oracles live apart, so that they can never become a dependency.
setup-bench: .stamps/bench ## install the environment of the peers that results are compared with

.stamps/bench: .stamps/uv kernels/requirements-bench.lock
	@echo "==> Python packages of the peers (.venv-bench)"
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip sync --compile-bytecode --python .venv-bench/bin/python --require-hashes kernels/requirements-bench.lock
	@touch $@

quickstart: setup ## from real web pages to a chat answer on this machine
	examples/quickstart/run.sh

test: test-operator test-kernels test-bench test-journeys ## all tests

test-operator: setup ## unit tests of operator and command
	$(NODE) node_modules/.bin/tsc -p .
	$(VITEST) run operator/

test-kernels: setup ## unit tests of the kernels
	cd kernels && ../$(BIN)/python -m pytest tests

test-bench: setup setup-bench ## identities with peers (transformers loads what we export)
	cd kernels && ../.venv-bench/bin/python -m pytest tests/bench

test-journeys: setup ## the whole chain, crash sweeps, bad input, on the local adapter
	$(VITEST) run test/journeys

generate: setup ## write everything that is generated from the schemas
	$(NODE) operator/contract/generate.ts
	$(NODE) operator/api/generate.ts

lock: .stamps/uv ## resolve kernels/*.in into lock files again
	for name in requirements requirements-dev requirements-bench requirements-bootstrap; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header kernels/$$name.in -o kernels/$$name.lock; done

verify: lint ## fail when generated files differ from their source
	$(NODE) operator/contract/generate.ts
	$(NODE) operator/api/generate.ts
	@git diff --exit-code --stat -- crds docs/reference.md kernels/contract kernels/tanren_kernels/contract.py \
	  || { echo "generated files differ from their source: run 'make generate' and commit"; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- crds kernels/contract)" \
	  || { echo "generated files are not committed: run 'make generate' and commit"; exit 1; }

lint: setup ## types and style of both languages
	$(NODE) node_modules/.bin/tsc -p .
	$(NODE) node_modules/@biomejs/biome/bin/biome check
	cd kernels && ../$(BIN)/ruff check . && ../$(BIN)/ruff format --check . && ../$(BIN)/mypy

clean: ## remove what was built and installed here
	if test -d build/quickstart/state && test -x $(NODE); then bin/tanren stop --state build/quickstart/state || true; fi
	rm -rf build .tanren .stamps .venv .venv-bench node_modules .cache
