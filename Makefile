# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOAK_SECONDS ?= 60
SOAK_SIGNALS ?= 1000000
LABEL_SAMPLES ?= 1000000
RUN ?= build/benchmarks/run.json

.DEFAULT_GOAL := help
.PHONY: help run test test-quick integration lint check-zone truth labels soak sanitize lines regrtest gate bench bench-peers bench-report wheels wheels-test aarch64-test wheels-again clean FORCE

help: ## Show what there is to make
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: $(VENV)/built ## Build, and profile an example to a flame-graph page
	$(BIN)/python -m pyroscope_native run -o build/example.html -o build/example.pb.gz examples/render.py
	@echo "Open build/example.html in a browser."

test: $(VENV)/tested ## Run all tests
	$(BIN)/python -m pytest tests

# Programs under load, of which a few interpreters tell enough.
LOAD_TESTS := --ignore=tests/frameworks --ignore=tests/servers $(addprefix --ignore=tests/native/test_,truth.py benchmark_gate.py children.py eintr.py ends.py fork_exec.py frameworks.py lifecycle.py outage.py serve.py serve_clients.py signals.py)

test-quick: $(VENV)/tested ## Run the tests that take no browser, and no programs under load
	$(BIN)/python -m pytest tests --ignore=tests/integration $(LOAD_TESTS)

integration: $(VENV)/tested ## Hold what a real server has stored against local profiles: PYROSCOPE_TEST_URL
	@[ -n "$$PYROSCOPE_TEST_URL" ] || echo "make: all is skipped: PYROSCOPE_TEST_URL names no server (CONTRIBUTING, A real server)"
	$(BIN)/python -m pytest tests/integration/test_real_server.py

lint: $(VENV)/linted ## Check style, types, the C code's warnings, and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.11 --follow-imports silent -p wheels
	$(BIN)/clang-format --dry-run -Werror csrc/*.[ch] csrc/frames/*.h tests/c/*.[ch] benchmarks/*.[ch] wheels/pyconfig/*/*.h
	$(BIN)/python tests/support/strict_build.py
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/python tests/support/macos_builds.py

check-zone: $(VENV)/tested ## Check what the signal handler may reach
	$(BIN)/python -m pytest tests/rules

truth: $(VENV)/tested ## Hold profiles of programs of ten seconds against the kernel's count
	$(BIN)/python tests/stress/truth.py

labels: $(VENV)/tested ## Hold the labels of LABEL_SAMPLES samples of random programs against what they must be
	$(BIN)/python tests/stress/labels.py --samples $(LABEL_SAMPLES)

soak: $(VENV)/tested ## Storm a nasty workload: SOAK_SECONDS and SOAK_SIGNALS at least
	$(BIN)/python tests/stress/soak.py $(SOAK_SECONDS) --signals $(SOAK_SIGNALS)

sanitize: $(VENV)/tested ## Soak the core as compiled with sanitizers
	$(BIN)/python tests/stress/sanitized.py

lines: $(VENV)/tested ## Compare lines with the interpreter's in the whole standard library
	$(BIN)/python tests/stress/stdlib_lines.py

regrtest: $(VENV)/tested ## Compare CPython's own tests with and without profiling
	$(BIN)/python tests/stress/regrtest.py

gate: $(VENV)/benched ## Hold what profiling costs against benchmarks/budgets.toml
	$(BIN)/python -m benchmarks.gate

bench: $(VENV)/benched ## Measure what profiling costs and how true it is
	$(BIN)/python -m benchmarks --output $(RUN)

bench-peers: $(VENV)/benched ## The same beside other profilers (hours)
	$(BIN)/python -m benchmarks --peers --output $(RUN)

bench-report: $(VENV)/benched ## Make the documents of what bench or bench-peers has measured
	$(BIN)/python -m benchmarks.report $(RUN)

wheels: $(VENV)/released ## Build the sdist and all wheels into dist
	$(BIN)/python -m wheels

wheels-again: $(VENV)/released ## Build what is in dist a second time, and compare
	$(BIN)/python -m wheels.reproduce

wheels-test: $(VENV)/released ## Try out the x86_64 wheels of dist, where there is no compiler
	$(BIN)/python -m wheels.roots x86_64
	$(BIN)/python -m wheels.roots musl

aarch64-test: $(VENV)/released ## Try out the core and the wheels for aarch64, emulated
	$(BIN)/python -m wheels.roots aarch64

clean: ## Remove what was made
	rm -rf $(VENV) build dist *.egg-info pyroscope_native/_core.c pyroscope_native/*.so

# One clear line for each thing that is missing, before anything is made.
$(VENV)/made:
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON): install Python 3.9 or later (README, Requirements)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { echo "make: $(PYTHON) is too old: Python 3.9 or later is needed; try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments: install python3-venv (README, Requirements)"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "make: no C compiler: install gcc or clang (README, Requirements)"; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "make: no Python headers for $(PYTHON): install python3-dev or python3-devel (README, Requirements)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/built: $(VENV)/made setup.py pyproject.toml $(wildcard csrc/*.[ch] csrc/frames/*.h pyroscope_native/*.pyx)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@mkdir -p build
	@touch $@

$(VENV)/tested: $(VENV)/built
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/benched: $(VENV)/built
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@mkdir -p $(dir $(RUN))
	@touch $@

$(VENV)/released: $(VENV)/built
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: wheels are built by Python 3.11 or later; try make PYTHON=python3.12 VENV=.venv312"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[wheels]'
	@touch $@

$(VENV)/linted: $(VENV)/tested $(VENV)/benched $(VENV)/released
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lint]'
	@touch $@
