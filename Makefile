# Needs Python 3.11 or newer, git and make; everything else is fetched into .venv by `setup`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first interpreter that is new enough, 3.11 preferred: it is what all of this was tested with.
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$name; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo check test test-agent test-serving test-all

setup: $(READY)

# The stamp is written last, so an interrupted set-up starts again from an empty folder.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer on PATH: install one, or PYTHON=/path/to/python make setup"; exit 1; }
	@test -f $@ || { echo "creating .venv with $(PYTHON)"; $(PYTHON) -m venv --clear .venv; }
	@rm -f $@
	@# torch by pip alone: uv would take CUDA packages along where a build for processors is enough.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9 torch==2.13.0
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --compile-bytecode -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps -e .
	@# The demo resolves from these wheels alone, so it runs without network.
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary :all: \
		--dest .venv/wheelhouse pytest==9.2.0
	$(BIN)/cra-pipeline prepare
	@touch $@

demo: setup
	$(BIN)/cra-pipeline demo

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup check
	$(BIN)/pytest -n 2 --dist loadfile -m "not real and not serving"

test-agent: setup
	@test -n "$${CRA_PIPELINE_AGENT_PYTHON:-}" || { echo "set CRA_PIPELINE_AGENT_PYTHON to the agent's interpreter; cra-pipeline doctor says how to install it"; exit 1; }
	$(BIN)/pytest -m agent
	$(BIN)/pytest cra_pipeline_tests/e2e/test_campaign.py

# Servers that are not installed skip their tests, and say why.
test-serving: setup
	$(BIN)/pytest -m serving

test-all: setup check
	$(BIN)/pytest -n 2 --dist loadfile
