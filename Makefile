# Everything runs in a virtual environment that the first command makes (.venv), from the versions in constraints.txt.
# Needed beforehand: Python 3.11 or later and a package index that pip can reach.  uv is used if it is there.
#
#   make demo               a repository with real observations, to go on with
#   make test               all tests but the slow ones
#   make test-crash         kill processes at every system call that an operation makes, cut the power, race (needs strace)
#   make test-differential  thousands of random queries, compared with nested loops in plain Python
#   make test-peer          random queries, compared with lsst-daf-butler, which gets an environment of its own
#   make test-all           every test, with more random examples
#   make lint               format, lint, types, import contracts
#   make bench              side by side with lsst-daf-butler, which gets an environment of its own
#   make constraints        renew constraints.txt (needs uv)
#   make clean              remove the environments and what the demo left

.PHONY: help demo test test-crash test-differential test-peer test-all bench lint format constraints clean
.DEFAULT_GOAL := help

VENV ?= .venv
PEER_VENV ?= .venv-peer
PEER_VERSION ?= 30.2026.4300
PYTEST_FLAGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEER_INSTALLED := $(PEER_VENV)/.installed
PROJECTS := $(wildcard plugins/*/pyproject.toml contrib/*/pyproject.toml)
EDITABLES := -e . $(foreach project,$(PROJECTS),-e ./$(dir $(project)))

# The first Python that is new enough, unless PYTHON says which.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& $$p -c 'import sys; print(sys.executable)' && break; done)
# Asking for its version tells whether it runs: a shim may stand in for a uv that is not installed.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)

# Trust whom the system trusts, as pip does: a site may have a certificate authority of its own.
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1

ifeq ($(UV),)
# $(call new_venv,DIRECTORY) and $(call install,DIRECTORY) ARGUMENTS
new_venv = "$(PYTHON)" -m venv --clear $(1) && $(1)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
install = $(1)/bin/python -m pip install --quiet
else
# --seed: pip itself is needed later, to fetch a wheel without installing it.
new_venv = uv venv --quiet --clear --seed --python "$(PYTHON)" $(1)
install = uv pip install --quiet --python $(1)/bin/python
endif

help:
	@sed -n '/^#   make/s/^#   //p' Makefile

$(INSTALLED): pyproject.toml constraints.txt $(PROJECTS)
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; say which: make PYTHON=/path/to/python" >&2; exit 2; }
	@echo "making $(VENV) with $(PYTHON) and $(or $(UV),pip)"
	@$(call new_venv,$(VENV))
	@$(call install,$(VENV)) -c constraints.txt --group dev $(EDITABLES)
	@touch $@

$(PEER_INSTALLED):
	@$(call new_venv,$(PEER_VENV))
	@$(call install,$(PEER_VENV)) lsst-daf-butler==$(PEER_VERSION)
	@touch $@

demo: $(INSTALLED)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python contrib/rubin/demo.py demo-repo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto $(PYTEST_FLAGS)

test-crash: $(INSTALLED)
	$(BIN)/python -m pytest -n auto -m crash $(PYTEST_FLAGS)

# -rP: how many questions there were, and how many had an answer.
test-differential: $(INSTALLED)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto -rP $(PYTEST_FLAGS) tests/differential/test_differential.py

test-peer: $(INSTALLED) $(PEER_INSTALLED)
	$(BIN)/python -m tests.differential.peer --peer $(PEER_VENV)/bin/python

test-all: $(INSTALLED)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto -m "" $(PYTEST_FLAGS)

bench: $(INSTALLED) $(PEER_INSTALLED)
	$(BIN)/python -m tests.benchmarks --peer $(PEER_VENV)/bin/python
	$(BIN)/python -m tests.benchmarks --suite queries --media tmpfs --peer $(PEER_VENV)/bin/python

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints:
	uv export --no-hashes --no-emit-workspace --no-header --no-annotate --all-packages --all-extras --all-groups --upgrade \
		--quiet --output-file constraints.txt

clean:
	rm -rf $(VENV) $(PEER_VENV) demo-repo
