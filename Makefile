# Two commands do everything: `make demo` and `make test`. Both build .venv from the hashed lock when it is missing or older
# than the lock. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp

.DEFAULT_GOAL := help
.PHONY: help env demo test test-servers test-deep bench-peers lint types imports check lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}: set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m optimizers warm
	$(BIN)/python -c "from supplychain.watching.bulk import scanning; scanning()"
	@touch $@

env: $(STAMP) ## build .venv from the hashed lock

demo: env ## a simulated live evening through the whole loop, then the console
	$(BIN)/supplychain demo

test: env ## the default tests, under ten minutes on two cores
	$(BIN)/python -m pytest

# They wait more than they work, so four at a time. Faulthandler ends what not even a signal can: a call that never returns.
test-servers: env ## contracts and kill tests on both brokers and both databases
	@deploy/kafka/run.sh fetch || echo "!!! without Apache Kafka: its tests are skipped"
	$(BIN)/python -m pytest tests/contract tests/faults -m deep -n 4 --timeout 600 \
	  -o faulthandler_timeout=960 -o faulthandler_exit_on_timeout=true

test-deep: env ## faults, real servers and the browser
	$(BIN)/python -m pytest -m deep -n 0

bench-peers: env ## the same count by Faust, Quix Streams, Bytewax and Pathway, on Apache Kafka
	tests/bench/peers/run.sh

lint: env ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env ## mypy, strict
	$(BIN)/mypy

imports: env ## the floors of the house
	$(BIN)/lint-imports

check: lint types imports ## everything static

lock: env ## resolve again; the lock carries hashes and no addresses
	$(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade --output-file requirements.lock

clean: ## remove the environment, caches and local data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache data
