# Needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
COMPILE := $(BIN)/pip-compile --quiet --no-strip-extras --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-header

.DEFAULT_GOAL := help
.PHONY: help install tools run test lint format demo bench chaos fuzz lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# The stamp is newer than what it was made from, so that a second call costs nothing.
.venv/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tallyd needs Python 3.11 or newer: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@# setuptools warns of folders named like packages: this is the checkout itself.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/.installed ## make .venv with everything, from the lock file

tools: install ## build helm and kustomize into your cache folder, for the tests of the manifests (needs Go)
	@$(BIN)/python -m tests.support.go_tools

run: install ## start tallyd with its built-in configuration (ARGS="--config FILE" for yours)
	@$(BIN)/tallyd run $(ARGS)

test: install ## all tests but those that need a Docker engine or a quiet machine
	$(BIN)/python -m pytest -m "not e2e and not bench" --numprocesses auto --dist worksteal $(ARGS)

lint: install ## format, style, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff write the code as it likes it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: install ## recorded sidecars, one caller, then three, then a burst, and what KEDA is told
	@$(BIN)/tallyd demo $(ARGS)

bench: install ## figures of speed and memory (tests/bench)
	$(BIN)/python -m pytest -m bench -s -p no:randomly $(ARGS)

chaos: install ## half an hour of everything that can go wrong, and a report (ARGS="--senders 200 --duration 120")
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: install ## a minute of hostile input for every parser (ARGS="--seconds 5 promql"); quicker to find with atheris
	@$(BIN)/python -m tests.fuzz $(ARGS)

lock: install ## write the lock files anew from pyproject.toml
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --only-build-deps --all-build-deps --output-file requirements-build.lock pyproject.toml

clean: ## remove what was made
	rm -rf .venv .findings build dist *.egg-info .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache
