# Each target sets up what it needs in .venv; PYTHON picks the interpreter for it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-all lint bench bench-scale clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      a delayed flow run gives its worker back, live (about 90 s)"
	@echo "make test      the tests, on a real Prefect server, with coverage"
	@echo "make test-all  also those that need a container engine or take minutes"
	@echo "make lint      ruff, mypy, import-linter, deptry"
	@echo "make bench     the numbers of the README"
	@echo "make bench-scale  fleets of 30, 100 and 300 runs on PostgreSQL (an hour)"
	@echo "make clean     remove what the targets made"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[docker]" \
		--group test --group lint --group bench
	@touch $@

demo: $(STAMP)
	$(BIN)/carbonaware-prefect demo

test: SELECTED := -m "not infra"
test test-all: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/pytest $(SELECTED) --cov --cov-report= -n 2 --dist loadfile
	$(BIN)/coverage report --include='carbonaware_prefect/core/*,carbonaware_prefect/errors.py' \
		--fail-under=100
	$(BIN)/coverage report --skip-covered

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: $(STAMP)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks --readme README.md

bench-scale: $(STAMP)
	$(BIN)/python -m benchmarks fleet_scale

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build dist benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
