# Works on a machine with Python 3.11 and nothing else. `make` alone lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv lock demo test lint publish export-focus validate-focus bench load-snowflake clean

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

# profiles.yml and every path of the project are found from its root, whatever the shell has set.
unexport DBT_PROFILES_DIR DBT_PROJECT_DIR DBT_TARGET_PATH DBT_LOG_PATH PYTHONPATH PYTHONHOME

# The demo and the checks look at the sample company, never at a log that the shell points to.
SAMPLE := env -u AI_FINOPS_RAW_FORMAT -u AI_FINOPS_RAW_SCHEMA AI_FINOPS_TARGET=duckdb \
	AI_FINOPS_RAW_PATH=sample_data

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## Create .venv from requirements.lock (again only when the lock changes)
	@cmp -s requirements.lock $(VENV)/installed.lock || $(MAKE) --no-print-directory install

.PHONY: install
install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 is needed and '$(PYTHON)' is not it." >&2; \
		echo "Install Python 3.11, or say where it is: make PYTHON=/path/to/python3.11 <command>" >&2; \
		exit 1; }
	@echo "Creating $(VENV) from requirements.lock: about a minute, once."
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "Python's venv module does not work (Debian and Ubuntu: install python3.11-venv)." >&2; \
		exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements.lock
	@cp requirements.lock $(VENV)/installed.lock

lock: ## Resolve requirements.in into requirements.lock (needs uv; nothing else does)
	@command -v uv >/dev/null || { \
		echo "'make lock' needs uv: it can leave out the one dependency that downloads when built." >&2; \
		exit 1; }
	uv pip compile --python-version 3.11 --override requirements.overrides \
		--no-emit-index-url --generate-hashes --no-header --no-annotate --quiet \
		requirements.in -o requirements.lock
	uv pip compile --python-version 3.12 \
		--no-emit-index-url --generate-hashes --no-header --no-annotate --quiet \
		requirements-focus.in -o requirements-focus.lock

demo: venv ## Build the sample company, publish its marts and print where to look
	@echo "Building the sample company: about half a minute."
	@$(SAMPLE) AI_FINOPS_DUCKDB_PATH=ai_finops.duckdb $(BIN)/dbt --quiet build
	@AI_FINOPS_DUCKDB_PATH=ai_finops.duckdb $(BIN)/python scripts/publish_marts.py
	@$(BIN)/python scripts/print_summary.py

test: lint-code ## Everything that must hold: lint, and pytest, which parses strictly and builds
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
		--dist loadscope --no-loadscope-reorder

lint: lint-code ## Lint Python and SQL; parse the project as strictly as dbt can
	SNOWFLAKE_ACCOUNT=none SNOWFLAKE_USER=none $(BIN)/dbt --quiet parse --no-partial-parse \
		--target snowflake --target-path target/strict \
		--warn-error-options '{"error": "all", "silence": ["MFConverterIssue"]}'

# In memory, so that linting never waits for, or meets, a database that somebody has open.
.PHONY: lint-code
lint-code: venv
	$(BIN)/ruff check .
	$(SAMPLE) AI_FINOPS_DUCKDB_PATH=:memory: DBT_TARGET_PATH=target/lint \
		$(BIN)/python -m scripts.lint_sql lint --processes 0 --disable-progress-bar \
		models tests analyses

publish: venv ## Publish the marts of the last build to published/
	@$(BIN)/python scripts/publish_marts.py

export-focus: venv ## Write the FOCUS datasets of the last build to published/ as Parquet
	@$(BIN)/python -m scripts.export_focus

validate-focus: export-focus ## Judge the FOCUS 1.2 export with the official validator (needs Python 3.12)
	@$(BIN)/python -m scripts.validate_focus

bench: venv ## Measure a build of ROWS= synthetic calls (default 1 million) against its yardsticks
	@$(BIN)/python benchmarks/run.py --rows $(or $(ROWS),1000000)

load-snowflake: venv ## Load the sample company into the Snowflake account of the environment
	@$(BIN)/python scripts/load_snowflake.py

clean: ## Remove everything that a build writes; .venv stays
	rm -rf target logs published ai_finops.duckdb ai_finops.duckdb.wal
	rm -rf .pytest_cache .ruff_cache .hypothesis
