# Each target sets up what it needs in .venv; PYTHON picks the interpreter for it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
POOLS := .venv-pools
LOWEST := .venv-lowest
TOOLS := .venv-tools
WHEEL := .venv-wheel
GATES := style types public-types imports dependencies hooks
# Each file in one of two processes, in our order: the longest first.
SPREAD := -n 2 --dist loadfile --no-loadscope-reorder
# Those that show the mechanism, and every private name of Prefect; the longest first.
LOWEST_TESTS := $(patsubst %,tests/server/test_%.py,faults delay_task people guards \
	installed_set internals runner_internals) tests/server/planner/test_delay_task.py \
	tests/delay tests/planner tests/prefect_edge tests/clouds tests/sources/services

.PHONY: demo test test-main test-all test-lowest test-pools lint bench bench-scale pins clean $(GATES)
.DEFAULT_GOAL := help

help:
	@echo "make demo      a delayed flow run gives its worker back, live (about 90 s)"
	@echo "make test      the tests, on a real Prefect server, with coverage"
	@echo "make test-all  also those that need a container engine or take minutes, and these:"
	@echo "make test-lowest  some of them with the lowest versions that are allowed"
	@echo "make test-pools  our examples against the schemas of the cloud pools' workers"
	@echo "make lint      ruff, mypy, pyright, import-linter, deptry"
	@echo "make bench     the numbers of the README"
	@echo "make bench-scale  fleets of 30, 100 and 300 runs on PostgreSQL (half an hour)"
	@echo "make pins      resolve constraints.txt anew; UPGRADE=1 takes the newest versions"
	@echo "make changelog  move the fragments to CHANGELOG.md; DRAFT=1 only shows it"
	@echo "make clean     remove what the targets made"

# A virtual environment with what $(2) names, in the versions of $(1): with pip, or where UV
# names that program with uv, which takes a tenth of the time.
ifdef UV
define install
	$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --constraint $(1) $(2)
	@touch $@
endef
else
define install
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(1) "pip>=25.1"
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(1) $(2)
	@touch $@
endef
endif

$(STAMP): pyproject.toml constraints.txt
	$(call install,constraints.txt,--editable ".[docker]" --group test --group lint --group bench)

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	$(call install,constraints-lowest.txt,--editable ".[docker]" --group test)

# The workers of the cloud pools; elsewhere they would slow every start of Prefect.
$(POOLS)/.installed: pyproject.toml constraints.txt
	$(call install,constraints.txt,--editable . --group pools)

# Two cores are at times too busy for a test that counts seconds. What fails beside others
# is run once more, alone and with a set-up of its own; what fails again is a fault.
alone = { test $$? = 1 && $(1) --last-failed --last-failed-no-failures none; }

$(TOOLS)/.installed: pyproject.toml constraints.txt
	$(call install,constraints.txt,--group tools)

demo: $(STAMP)
	$(BIN)/carbonaware-prefect demo

test: SELECTED := -m "not infra and not slow"
test test-main: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/pytest $(SELECTED) --cov --cov-report= $(SPREAD) || \
		$(call alone,$(BIN)/pytest --cov --cov-append --cov-report=)
	$(BIN)/coverage report --include='carbonaware_prefect/core/*,carbonaware_prefect/errors.py' \
		--fail-under=100
	$(BIN)/coverage report --skip-covered

# One after the other: two at a time would slow one another beyond their time limits.
test-all:
	$(MAKE) test-main
	$(MAKE) test-pools
	$(MAKE) test-lowest

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/pytest $(LOWEST_TESTS) $(SPREAD) || $(call alone,$(LOWEST)/bin/pytest)

test-pools: $(POOLS)/.installed
	CARBONAWARE_TEST_REQUIRE_POOLS=1 $(POOLS)/bin/pytest tests/pools

lint: $(GATES)

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Each public name has a type that its readers need not infer; pyright looks into the
# environment of the python that it finds on the path.
public-types: $(STAMP) $(TOOLS)/.installed
	PATH="$(abspath $(BIN)):$$PATH" $(TOOLS)/bin/pyright --verifytypes carbonaware_prefect \
		--ignoreexternal

imports: $(STAMP)
	$(BIN)/lint-imports

dependencies: $(STAMP)
	$(BIN)/deptry .

hooks: $(TOOLS)/.installed
	$(TOOLS)/bin/pre-commit validate-config

bench: $(STAMP)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks --readme README.md

bench-scale: $(STAMP)
	$(BIN)/python -m benchmarks fleet_scale

pins: $(TOOLS)/.installed
	$(TOOLS)/bin/python scripts/pin_versions.py $(if $(UPGRADE),--upgrade)

changelog: $(STAMP) $(TOOLS)/.installed
	$(TOOLS)/bin/towncrier build $(if $(DRAFT),--draft,--yes) \
		--version "$$($(BIN)/python -m hatchling version)"

clean:
	rm -rf $(VENV) $(LOWEST) $(POOLS) $(TOOLS) $(WHEEL) .venv-3.* .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build dist benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
