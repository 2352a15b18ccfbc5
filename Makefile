# What people and CI jobs run here. `make` alone lists it.

PYTHON ?= python3

# The raw folder, the lake and the warehouse of a build; CASEBOOK_RAW, … are the same settings.
RAW ?=
LAKE ?=
WAREHOUSE ?=
# More options for `casebook build` or `casebook serve`, such as ARGS=--full-refresh.
ARGS ?=
# How much `make bench` generates.
SCALE ?=

# profiles.yml lies here, whatever the shell says of other projects.
unexport DBT_PROFILES_DIR DBT_PROJECT_DIR DBT_PROFILE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  RAW=<folder> LAKE=<folder> WAREHOUSE=<file>   what build, docs and serve work on"
	@echo "  ARGS=<options> for build and serve, SCALE=<factor> for bench, UPGRADE=1 for lock"
	@echo "  PYTHON=<program>   the Python for .venv, 3.11 or later (python3)"

# --- The virtual environment: made once, brought up to date when a lock or pyproject.toml changes.

# One that was made in another folder, or whose Python is gone, is made anew.
ifneq ($(shell test "$$(cat .venv/.made 2>/dev/null)" = "$$(pwd -P)" && .venv/bin/python -c "" 2>/dev/null && echo fits),fits)
.PHONY: .venv/.made
endif

.venv/.made:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	    echo "Casebook needs Python 3.11 or later, and there is no $(PYTHON) here." >&2; \
	    echo "Fix: install Python, or name the one you have: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Casebook needs Python 3.11 or later; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; \
	    echo "Fix: install a newer one and name it, for instance: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: its venv module is not installed." >&2; \
	    echo "Fix: install it; on Debian and Ubuntu it is the package python3-venv" >&2; exit 1; }
	@echo "Making .venv with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear .venv
	@pwd -P > $@

# The stamp is written by the install itself: a pipe's exit code is that of its last command.
define install
@printf 'Installing $(1) into .venv, about half a minute '
@rm -f $@
@{ .venv/bin/python -m pip --disable-pip-version-check --no-input \
    install --no-deps --require-hashes -r $(1) && touch $@; } | .venv/bin/python -c "$$DOTS"
@test -f $@
@rm -f $@
@.venv/bin/python -m pip --disable-pip-version-check --no-input \
    install --quiet --no-deps --no-build-isolation -e .
@touch $@
endef

# A dot for every package that pip looks at.
define DOTS
import sys
for line in sys.stdin:
    if line.startswith("Collecting"):
        print(".", end="", flush=True)
print(flush=True)
endef
export DOTS

.venv/.run: .venv/.made requirements.txt pyproject.toml
	$(call install,requirements.txt)

.venv/.dev: .venv/.made requirements-dev.txt pyproject.toml
	$(call install,requirements-dev.txt)
	@touch .venv/.run

# --- Environments of their own, for what does not go beside dbt: Airflow, and a server of S3.

.venv-%/.made: requirements-%.txt .venv/.made
	@echo "Installing $< into .venv-$*, about a minute"
	@rm -rf .venv-$* && .venv/bin/python -m venv .venv-$*
	@.venv-$*/bin/python -m pip --disable-pip-version-check --no-input \
	    install --quiet --no-deps --require-hashes -r $<
	@touch $@

# --- Build and docs

# RAW=, LAKE= and WAREHOUSE= win over the environment.
ifneq ($(RAW),)
export CASEBOOK_RAW := $(RAW)
endif
ifneq ($(LAKE),)
export CASEBOOK_LAKE := $(LAKE)
endif
ifneq ($(WAREHOUSE),)
export CASEBOOK_WAREHOUSE := $(WAREHOUSE)
endif
built = $(or $(CASEBOOK_WAREHOUSE),warehouse.db)

.PHONY: build
build: .venv/.run ## load raw/ (or sample/ where that is empty), build and publish the warehouse
	@.venv/bin/casebook build --sample $(ARGS); status=$$?; \
	case $$status in 0|3) $(draw);; esac; exit $$status

# The page of what was published, drawn anew where it is older.
draw = if [ ! -f "$(built)" ]; then :; \
    elif [ target/site/index.html -nt "$(built)" ]; then \
        echo "report: $(CURDIR)/target/site/index.html"; \
    else .venv/bin/casebook report --no-catalogue; fi

.PHONY: docs
docs: .venv/.run ## write report, catalogue and dbt's docs of the published warehouse to target/site/
	@test -f "$(built)" || $(MAKE) --no-print-directory build ARGS=
	@.venv/bin/casebook report

.PHONY: serve
serve: .venv/.run ## answer over HTTP from the published warehouse, until Ctrl-C
	@test -f "$(built)" || $(MAKE) --no-print-directory build ARGS=
	@exec .venv/bin/casebook serve $(ARGS)

.PHONY: docs-cli
docs-cli: .venv/.dev ## write docs/cli.md from what the commands say of themselves
	@.venv/bin/typer casebook.cli.main utils docs --name casebook --output docs/cli.md

.PHONY: schedule
schedule: .venv/.run .venv-airflow/.made ## start Airflow with the daily run, until Ctrl-C
	@exec .venv-airflow/bin/python scripts/schedule/start.py

# --- Checks. None of them reads or writes your raw files, your lake or your warehouse.

scratch = CASEBOOK_RAW=sample CASEBOOK_LAKE=target/$(1)/lake \
    CASEBOOK_WAREHOUSE=target/$(1)/warehouse.db DBT_TARGET_PATH=target/$(1)/dbt

bouncer = @COLUMNS=160 .venv/bin/dbt-bouncer run --show-all-failures --only $(1)

.PHONY: lint lint-python lint-sql lint-dbt
lint: lint-python lint-sql lint-dbt ## ruff, mypy, import-linter, sqlfluff and dbt-bouncer

lint-python: .venv/.dev
	@echo "== ruff"
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@echo "== mypy"
	@.venv/bin/mypy
	@echo "== import-linter"
	@.venv/bin/lint-imports --no-logo
	@echo "== docs/cli.md"
	@mkdir -p target
	@.venv/bin/typer casebook.cli.main utils docs --name casebook --output target/cli.md > /dev/null
	@diff -u docs/cli.md target/cli.md || { echo "Fix: make docs-cli" >&2; exit 1; }

lint-sql: .venv/.dev
	@echo "== sqlfluff"
	@rm -rf target/sqlfluff && mkdir -p target/sqlfluff
	@$(call scratch,sqlfluff) .venv/bin/sqlfluff lint $(wildcard models tests analyses)

lint-dbt: .venv/.dev
	@echo "== dbt-bouncer"
	@rm -rf target/lint && mkdir -p target/lint/lake
	@$(call scratch,lint) .venv/bin/dbt --quiet parse
	$(call bouncer,manifest_checks)

# Two at a time; pytest then has both cores to itself.
.PHONY: test
test: .venv/.dev ## every check; works in a fresh clone
	@$(MAKE) --no-print-directory -j 2 environments lint empty
	@echo "== pytest"
	@PATH="$$(pwd)/.venv/bin:$$PATH" .venv/bin/python -m pytest --numprocesses auto --dist worksteal

.PHONY: coverage
coverage: .venv/.dev ## run the tests, and print which branches of Python no test takes
	@rm -rf target/coverage && mkdir -p target/coverage
	@export PATH="$$(pwd)/.venv/bin:$$PATH" COVERAGE_FILE="$$(pwd)/target/coverage/data"; \
	    coverage run -m pytest --numprocesses auto --dist worksteal && \
	    coverage combine --quiet && coverage report --skip-covered --show-missing

# Every model, unit test and data test, and what they are made of. Of the sample pytest builds them.
.PHONY: empty
empty: lint-dbt
	@echo "== dbt build --empty"
	@$(call scratch,lint) .venv/bin/dbt --quiet build --empty
	@$(call scratch,lint) .venv/bin/dbt --quiet docs generate
	$(call bouncer,catalog_checks)

# What cannot be had here is left out, and the tests that need it say so.
.PHONY: environments
environments:
	@for name in moto airflow; do $(MAKE) --no-print-directory .venv-$$name/.made || \
	    echo "left out: tests that need .venv-$$name, which could not be made"; done

# Compares whole warehouses: some minutes for each raw folder.
.PHONY: parity
parity: .venv/.dev ## build the sample, or RAW=<folder>, on DuckDB and Spark; every row must be equal
	@.venv/bin/python scripts/parity.py $(or $(RAW),sample $(wildcard ../shared/data/raw))

# --- The rest

# With what the checks need: pandas is one side of it.
.PHONY: bench
bench: .venv/.dev ## compare with bare DuckDB and pandas; SCALE= for more than 500 MB
	@.venv/bin/python scripts/bench/bench.py $(if $(SCALE),--scale $(SCALE))

.PHONY: lock
lock: .venv/.made ## remake requirements*.txt from pyproject.toml; UPGRADE=1 for newest versions
	@rm -rf target/lock && mkdir -p target/lock
	@.venv/bin/python -m venv target/lock/venv
	@target/lock/venv/bin/python -m pip --disable-pip-version-check install --quiet uv
	@$(compile) --all-extras -o requirements-dev.txt pyproject.toml
	@$(compile) --extra serve --extra report --extra connect -c requirements-dev.txt -o requirements.txt pyproject.toml
	@echo "apache-airflow==$(AIRFLOW)" | $(compile) -o requirements-airflow.txt -
	@echo "moto[s3,server]==$(MOTO)" | $(compile) -o requirements-moto.txt -
	@rm -rf target/lock

AIRFLOW = 3.3.2
MOTO = 5.2.1
compile = target/lock/venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
    --strip-extras --generate-hashes --no-annotate --no-emit-index-url \
    --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

define LAKE_IN_USE
from casebook.settings import find_settings
print(find_settings(published=True).lake_place)
endef
export LAKE_IN_USE

.PHONY: clean
clean: ## remove .venv*, target/, logs/ and caches; raw/, warehouse.db and its lake stay
	@lake=none; if [ -f "$(built)" ]; then lake="$$(.venv/bin/python -c "$$LAKE_IN_USE" \
	    2>/dev/null || echo "$$(pwd)/target/sample_lake")"; fi; \
	mkdir -p target && find "$$(pwd)/target" ! -type d ! -path "$$lake/*" -delete && \
	find target -type d -empty -delete
	@rm -rf .venv .venv-* logs .user.yml .pytest_cache .hypothesis .ruff_cache .mypy_cache \
	    .import_linter_cache scripts/*.egg-info
	@find scripts tests -type d -name __pycache__ -prune -exec rm -rf {} +
	@echo "Removed .venv, target/, logs/ and caches. Your raw/, warehouse.db and its lake are as they were."
