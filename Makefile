# The README's commands. A fresh machine needs Python >= 3.11, Java 17, Maven and make; nothing asks for root.
# `make demo` and `make test` set up by themselves, once: a second run starts at once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
STAMP := $(VENV)/set-up
# What builds run with, ours and those of dependencies without a wheel for this machine (faust-streaming on Linux arm64).
BUILD_TOOLS := setuptools setuptools-scm Cython wheel
CODE := agents meter schemas tables tests $(wildcard benchmarks)
# Tests of meters wait half of their time: six at a time, a file each, also on two cores; in the order of their names,
# so that the faults, whose files are long, do not come last. A process of pytest that dies ends the run: pytest-xdist
# would replace it, and then wait for ever.
SIDE_BY_SIDE := -n 6 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# Where the broker's jars come from: fetched before the tests, so that no test waits for the network.
JARS := $(BIN)/meter broker jars

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint audit platforms simulate faults race bench-quick format docs pictures vendor lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## a virtual environment with exactly the versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("Python must be 3.11 or later, %s is %d.%d; set PYTHON=python3.12" % ("$(PYTHON)", *v))'
	@echo 'setting up $(VENV), once; one to five minutes, by machine and network:'
	@echo "  1 of 3: an environment of $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@echo '  2 of 3: tools for building ($(BUILD_TOOLS))'
	@$(PIP) install --constraint constraints.txt $(BUILD_TOOLS)
	@echo "  3 of 3: this project, and up to $$(grep -c == constraints.txt) packages from the package index; pip is silent meanwhile"
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@
	@echo 'set up; next: export PATH="$(abspath $(BIN)):$$PATH", then `meter broker up` and `meter worker`, or `make demo`'

demo: setup ## the whole thing on a real Kafka: a day of usage becomes coverage, overage and money
	@$(BIN)/meter demo

test: lint audit ## everything that must pass: lint, types, known holes, rules, simulation, end to end on a Kafka of its own
	@$(JARS)
	@$(BIN)/pytest $(SIDE_BY_SIDE)

check: lint ## what needs no Kafka, in a minute
	@$(BIN)/pytest -m 'not e2e and not faults' -n 2

lint: setup ## style and types
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy

audit: setup ## known holes in the versions of constraints.txt; what cannot be asked fails nothing
	@$(BIN)/python -m tests.audit

platforms: setup ## has every locked package a wheel on each Python and machine that we name? a minute, asks the package index
	@$(BIN)/python -m tests.platforms

SEEDS ?= 100000
simulate: setup ## SEEDS seeds of crashes and doubts against the real core; FROM=seed: from there on
	@$(BIN)/python -m tests.simulation $(FROM) --seeds $(SEEDS)

ROUNDS ?= 20
faults: setup ## every fault on a real Kafka, the random ones ROUNDS times with other seeds: for a night
	@$(JARS)
	@ROUNDS=$(ROUNDS) $(BIN)/pytest -m faults $(SIDE_BY_SIDE)

EVENTS ?= 1000000
RUNS ?= 3
LOADS ?= narrow,mid,wide
race: setup ## the meter beside Kafka Streams and others, in one run: EVENTS, RUNS, LOADS, CONTENDERS (benchmarks/README.md)
	@$(BIN)/python -m benchmarks.race --events $(EVENTS) --runs $(RUNS) --loads $(LOADS) $(if $(CONTENDERS),--contenders $(CONTENDERS))

bench-quick: setup ## this work tree beside the previous tag (BASE=revision: that one), as a ratio, in two minutes
	@$(BIN)/python -m benchmarks.quick $(if $(BASE),--base $(BASE))

format: setup ## put the code into shape
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: setup ## write the documents that are made from the code: docs/schemas, metrics.md, asyncapi.yaml, topics.md
	@$(BIN)/meter schemas docs/schemas
	@$(BIN)/python -m agents.metrics.page > docs/metrics.md
	@$(BIN)/python -m tests.asyncapi.write

pictures: setup ## take the documents' pictures of the dashboard again: a real demo, in Chromium
	@$(BIN)/python -m tests.dashboard.pictures

vendor: setup ## fetch the pages' scripts that are not ours again, from npm, by meter/dashboard/pages/static/manifest.json
	@$(BIN)/python -m tests.vendor

lock: ## write constraints.txt again: the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --quiet install --upgrade $(BUILD_TOOLS)
	$(VENV)/lock/bin/python -m pip --quiet install --no-build-isolation --editable '.[dev]'
	@{ echo '# Exact versions of everything, development included: two set-ups get the same. Written by `make lock`.'; \
	  $(VENV)/lock/bin/python -m pip freeze --all --exclude-editable | grep -v '^pip=='; } > constraints.txt
	@rm -rf $(VENV)/lock

clean: ## remove what was built and measured; `.meter` (data) stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/race/results.jsonl
