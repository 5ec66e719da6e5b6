# Every target does all its own set-up; stamps keep it from being done twice. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
ACCELERATOR ?= cuda
MODE ?= cluster
SUITES_AT_ONCE ?= 2
NODE := node_modules/.bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
BIN := .venv/bin
# What the commands and programs that tests start have compiled is kept, as in the operator's image.
export NODE_COMPILE_CACHE ?= $(CURDIR)/build/node

# Every suite leaves its report and the time it began, for `make test-times`.
TIMES := build/test-times
# Where several run at once, descriptor 3 is where people look.
BEGIN = @mkdir -p $(TIMES) && rm -f $(TIMES)/$@.xml && touch $(TIMES)/$@.began; { echo "==> $@" >&3; } 2> /dev/null || true
REPORT = --reporter=default --reporter=junit --outputFile=$(TIMES)/$@.xml
PYTEST_REPORT = -o junit_family=xunit1 --junitxml=../$(TIMES)/$@.xml

.PHONY: help setup ui chromium test-ui pictures setup-bench quickstart test test-times build-behind test-operator test-kernels test-bench test-journeys test-sweeps test-declarations test-perturbations test-chart test-cluster test-contract test-install test-operators test-overload test-kueue test-scaling test-keda test-alerts test-dist bench-operators bench-overload bench-corpus bench-ui images dist release-check publish github-release e2e generate lock verify lint fmt watch run clean cluster-build helm-build kueue-build keda-build cluster-up cluster-down cluster-status

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 18

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

# The fast ones first, and those that need a control plane last: it is compiled while the others run. Of two suites
# that run at once one mostly waits, for controllers or for a single process.
SUITES := test-operator test-kernels test-ui test-bench test-journeys test-chart test-contract test-cluster test-install test-operators
test: build-behind setup ## all tests, two suites at a time (SUITES_AT_ONCE); the first run builds Kubernetes and Helm from source
	@exec 3>&2; $(MAKE) --no-print-directory --jobs=$(SUITES_AT_ONCE) --output-sync=target $(SUITES)

test-times: ## what the last tests took: suites, slowest files, slowest tests
	@$(BIN)/python test/times.py $(TIMES)

# At the lowest priority. Targets that need what it builds wait for it, or try themselves what it could not and say why
# they cannot. It ends with this make, however that ends.
build-behind: ## build Kubernetes and Helm while this make goes on with other targets
	@rm -rf $(TIMES) && mkdir -p build
	@nice -n 19 test/cluster/launch build helm kubernetes --owner-pid $$PPID > build/build-behind.log 2>&1 &

test-operator: setup ## unit tests of operator and command
	$(BEGIN)
	$(NODE) node_modules/.bin/tsc -p .
	$(VITEST) run operator/ images/ release/ test/docs test/node/permissions $(REPORT)

# A browser is the system's own: it is installed where that takes no more than its package manager, and else named.
CHROMIUM := $(or $(TANREN_CHROMIUM),/usr/bin/chromium)
chromium: ## install a headless browser, where the system's package manager has one
	@test -x $(CHROMIUM) || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null \
		&& apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-ipafont-gothic; } \
		|| { echo "test-ui needs Chromium at $(CHROMIUM); install your system's package, or name another by TANREN_CHROMIUM"; exit 1; }

test-ui: ui chromium ## the page: its parts without a browser, then all of it in a headless Chromium; pictures in build/ui
	$(BEGIN)
	$(NODE) node_modules/.bin/tsc -p ui
	$(VITEST) run --config ui/vitest.config.ts --reporter=default --reporter=junit --outputFile=$(CURDIR)/$(TIMES)/$@.xml
	$(VITEST) run test/ui $(REPORT)

# Of the state that `make quickstart` leaves, its endpoint running.
pictures: ui chromium ## after make quickstart: the pictures of the page in README and guide, into docs/pictures
	$(NODE) test/ui/take-pictures.ts

test-kernels: setup ## unit tests of the kernels
	$(BEGIN)
	cd kernels && ../$(BIN)/python -m pytest tests $(PYTEST_REPORT)

test-bench: setup setup-bench ## identities with peers (transformers loads what we export)
	$(BEGIN)
	cd kernels && ../.venv-bench/bin/python -m pytest tests/bench $(PYTEST_REPORT)

test-journeys: setup ## the whole chain, a part of the crash sweep, bad input, on the local adapter
	$(BEGIN)
	$(VITEST) run test/journeys --exclude test/journeys/retry.test.ts --exclude test/journeys/full-disk.test.ts $(REPORT)

test-sweeps: setup ## the crash sweep whole, the operator is killed after each of its writes; every way back; full disks
	$(BEGIN)
	TANREN_SWEEP=whole $(VITEST) run test/journeys/crash-sweep test/journeys/retry test/journeys/full-disk $(REPORT)

test-declarations: setup cluster-build ## every field of every kind at, within and beyond its bounds, and changes between them (TANREN_SEED; half an hour)
	$(BEGIN)
	TANREN_DECLARATIONS=whole $(VITEST) run --config test/vitest.config.ts test/declarations $(REPORT)

test-perturbations: setup cluster-build ## operators that die at each write, are told late or never, or are two (TANREN_SEED; ten minutes)
	$(BEGIN)
	TANREN_PERTURBATIONS=whole $(VITEST) run --config test/vitest.config.ts test/perturbations $(REPORT)

test-cluster: setup cluster-build ## the Kubernetes that tests run against, and the adapter and operator while it restarts and leaders die (Go)
	$(BEGIN)
	cd test/cluster/launcher && go vet ./... && go test ./...
	$(VITEST) run test/cluster test/adapter $(REPORT)

test-operators: setup cluster-build ## an operator on this runtime sends no more calls than it must, also in a burst, on a control plane built from source (Go)
	$(BEGIN)
	$(VITEST) run test/bench --exclude test/bench/overload.test.ts $(REPORT)

test-overload: setup cluster-build ## a burst beside an API server that has a quarter of a core, in small (Go)
	$(BEGIN)
	$(VITEST) run test/bench/overload $(REPORT)

# Not in `make test`: who changes nothing about queues need not wait for Kueue to be compiled.
test-kueue: setup cluster-build kueue-build ## queues, quota, preemption and resumption by a real Kueue, built from source (Go)
	$(BEGIN)
	$(VITEST) run test/kueue $(REPORT)

# Not in `make test`: KEDA, with the clients of everything it can scale on, takes long to compile.
test-scaling: setup cluster-build ## endpoints scaled by the real HorizontalPodAutoscaler controller (Go)
	$(BEGIN)
	$(VITEST) run test/scaling/hpa $(REPORT)

# Apart from CI: KEDA takes 13 minutes of processor time to compile.
test-keda: setup cluster-build keda-build ## endpoints scaled by a real KEDA, built from source, to zero and back (Go)
	$(BEGIN)
	$(VITEST) run test/scaling/keda $(REPORT)

bench-operators: setup ## speed and cost of reconciling beside controller-runtime and kopf (Go, and builds both; twenty minutes; ARGS=--help)
	$(NODE) test/bench/run.ts $(ARGS)

bench-corpus: setup setup-bench ## the corpus programs beside their peers: web archive to text, tokens, duplicates (half an hour)
	@mkdir -p build/bench
	$(BIN)/python examples/quickstart/make_data.py --output build/quickstart/data
	.venv-bench/bin/python kernels/tests/bench/warc_to_text.py build/quickstart/data/web/*.warc.gz $(ARGS) | tee build/bench/corpus.json
	.venv-bench/bin/python kernels/tests/bench/tokens.py build/quickstart/data/web/*.warc.gz --code build/quickstart/data/code --into build/bench/corpus.json
	OMP_NUM_THREADS=1 .venv-bench/bin/python kernels/tests/bench/deduplication.py --into build/bench/corpus.json

bench-ui: ui chromium ## the page: size, first paint, memory beside 2,000 objects, a run of a million steps (a minute)
	$(NODE) test/ui/bench.ts

bench-overload: setup cluster-build ## a burst beside an API server that has a quarter of a core: calls, lease, fairness, memory (Go; half an hour; ARGS=--help)
	$(NODE) test/bench/overload.ts $(ARGS)

test-contract: setup cluster-build ## both adapters under one suite, CRDs, command, refusals, declarations, perturbations, on a real control plane (Go)
	$(BEGIN)
	$(VITEST) run --config test/vitest.config.ts $(REPORT)

test-chart: setup helm-build ## chart and plain manifests: templates, values, rights, dashboards, with a Helm built from source (Go)
	$(BEGIN)
	$(VITEST) run test/chart --exclude test/chart/install.test.ts $(REPORT)

test-install: setup cluster-build helm-build ## the chart by Helm and plainly on a real API server, both built from source (Go)
	$(BEGIN)
	$(VITEST) run test/chart/install $(REPORT)

# Apart from `make test`: Prometheus alone takes seven minutes of processor time to compile.
test-alerts: setup cluster-build ## every alert on recorded series, and a Prometheus built from source beside the operator (Go)
	$(BEGIN)
	test/cluster/launch build promtool prometheus
	$(VITEST) run test/alerts $(REPORT)

images: setup ui ## container images of operator and kernels, with lists of what is inside (ACCELERATOR=cpu: smaller, without GPUs)
	$(NODE) images/build.ts $(ACCELERATOR)

# URL is where the archives will lie, for krew's manifest; empty: where they are written.
dist: setup ui helm-build ## what people install, into build/dist: the command as one file, for krew and npm; the chart; checksums
	rm -rf build/dist
	$(NODE) release/build.ts build/dist $(URL)

# Apart from `make test`: krew and a registry are compiled first.
test-dist: setup ui helm-build ## what make dist makes, tried where nothing else of the repository is: krew, npx, a registry (Go)
	$(BEGIN)
	test/cluster/launch build krew validate-krew-manifest registry crane
	$(VITEST) run test/dist $(REPORT)

release-check: setup ## whether TAG may be released: one version everywhere, and in CHANGELOG.md
	$(NODE) release/check.ts "$(TAG)"

publish: setup helm-build ## after make dist: push the images, and a chart that names them by digest, to REGISTRY, and sign all (root, Go)
	$(NODE) release/publish.ts "$(REGISTRY)" build/dist

# By its own workflow; gh is GitHub's command.
github-release: ## after make publish: make the release of TAG, with all files of build/dist
	gh release create "$(TAG)" --verify-tag --title "$(TAG)" --notes "See CHANGELOG.md." build/dist/tanren-* build/dist/tanren.yaml build/dist/SHA256SUMS*

e2e: setup ui chromium ## the chart, the images and the whole chain on a real Kubernetes node, while things go wrong (root; MODE=namespaced: with Roles alone)
	$(NODE) images/build.ts cpu
	TANREN_TEST_MODE=$(MODE) $(VITEST) run test/node --reporter=verbose --bail=1 --disable-console-intercept

# Flags of the launcher come in ARGS, such as ARGS="--node --name mine"; KUBERNETES_VERSION=1.34.4 picks another Kubernetes.
cluster-build: ## build Kubernetes from source (once per content, minutes)
	test/cluster/launch build

helm-build: ## build Helm from source (once per content)
	test/cluster/launch build helm

kueue-build: ## build Kueue from source (once per content; five minutes of one processor)
	test/cluster/launch build kueue

keda-build: ## build KEDA from source (once per content)
	test/cluster/launch build keda keda-adapter keda-webhooks

cluster-up: ## start a Kubernetes on this machine, print its kubeconfig
	test/cluster/launch up $(ARGS)

cluster-down: ## end it and remove all it made
	test/cluster/launch down $(ARGS)

cluster-status: ## list the clusters that run on this machine
	@test/cluster/launch status $(ARGS)

generate: setup ## write everything that is generated from the schemas
	$(NODE) operator/contract/generate.ts
	$(NODE) operator/api/generate.ts
	$(NODE) charts/src/generate.ts

lock: .stamps/uv ## resolve kernels/*.in into lock files again
	for name in requirements requirements-dev requirements-bench requirements-bootstrap; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header kernels/$$name.in -o kernels/$$name.lock; done

# Of the chart, what is written by hand may differ from what is committed.
GENERATED := crds docs/reference.md kernels/contract kernels/tanren_kernels/contract.py \
  charts/install charts/gitops charts/tanren/files $(addprefix charts/tanren/, README.md values.yaml values.schema.json)

verify: lint ## fail when generated files differ from their source
	$(NODE) operator/contract/generate.ts
	$(NODE) operator/api/generate.ts
	$(NODE) charts/src/generate.ts
	@git diff --exit-code --stat -- $(GENERATED) \
	  || { echo "generated files differ from their source: run 'make generate' and commit"; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- $(GENERATED))" \
	  || { echo "generated files are not committed: run 'make generate' and commit"; exit 1; }

# The page as static files, and as one file for reports, into ui/dist.
ui: setup ## build the page that people look at
	$(NODE) node_modules/vite/bin/vite.js build ui --logLevel warn

lint: setup ## types and style of both languages
	$(NODE) node_modules/.bin/tsc -p .
	$(NODE) node_modules/.bin/tsc -p ui
	$(NODE) node_modules/@biomejs/biome/bin/biome check
	cd kernels && ../$(BIN)/ruff check . && ../$(BIN)/ruff format --check . && ../$(BIN)/mypy && ../$(BIN)/lint-imports --no-cache

fmt: setup ## format and mend what can be mended by itself, in both languages
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write
	cd kernels && ../$(BIN)/ruff check --fix . && ../$(BIN)/ruff format .

# Types are checked beside the tests; both stop together.
watch: setup ## run the operator's unit tests, and check types, again at every change (ARGS=operator/runs: some of them)
	trap 'kill $$(jobs -p)' EXIT; \
	$(NODE) node_modules/.bin/tsc -p . --watch --preserveWatchOutput & \
	$(VITEST) watch $(or $(ARGS),operator/)

# What the chart would configure, but for one process outside the cluster.
build/run/config.json:
	@mkdir -p $(@D)
	echo '{"leaderElection": {"enabled": false}, "port": 0, "logLevel": "debug"}' > $@

run: setup build/run/config.json ## the operator on this machine, against the cluster of KUBECONFIG; installs the CRDs there first
	@test -n "$${KUBECONFIG:-}" || { echo "KUBECONFIG is not set: export KUBECONFIG=\$$(make -s cluster-up), or name your own"; exit 1; }
	kubectl apply --server-side --filename crds/
	$(NODE) operator/manager.ts --config build/run/config.json

clean: ## remove what was built and installed here
	if test -d .tanren && test -x $(NODE); then bin/tanren stop || true; fi
	rm -rf build .tanren .stamps .venv .venv-bench node_modules .cache
