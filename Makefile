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
# Beside one delayed run, what is run on other versions: what needs no server of its own,
# and with the lowest versions what shows that they work together, and the private names.
EDGE := $(addprefix tests/,clouds delay deploy_step planner prefect_edge sources \
	test_blocks.py test_settings.py)
LOWEST_TESTS := tests/server/test_installed_set.py tests/server/test_internals.py \
	tests/server/test_runner_internals.py $(EDGE)
PYTHON_TESTS := tests/core tests/charts tests/cli --ignore tests/cli/test_demo.py $(EDGE)
# For test-pythons: all that are installed, the ends, or versions such as "3.10 3.12".
PYTHONS ?= all
# Lines and branches of the whole package that the tests run, in percent, rounded down.
COVERED := 90

.PHONY: demo test test-edge test-main test-all test-lowest test-pools test-pythons \
	test-python test-wheel smoke-matrix lint bench bench-scale typical pins changelog \
	dist clean lowest-run lowest-tests python-run python-tests $(GATES)
.DEFAULT_GOAL := help

help:
	@echo "make demo      a delayed flow run gives its worker back, live (about 90 s)"
	@echo "make test      the tests, on a real Prefect server, with coverage"
	@echo "make test-edge  those that need no server"
	@echo "make test-all  also those that need a container engine, PostgreSQL or Chromium, and these:"
	@echo "make test-lowest  some of them with the lowest versions that are allowed"
	@echo "make test-pools  our examples against the schemas of the cloud pools' workers"
	@echo "make test-pythons  core, edge and one delayed run on every Python that is found"
	@echo "make test-wheel  the wheel, in an environment with nothing else of this folder"
	@echo "make smoke-matrix  which Prefect works with which fastapi and sqlalchemy (half an hour)"
	@echo "make lint      ruff, mypy, pyright, import-linter, deptry"
	@echo "make bench     the numbers of the README"
	@echo "make bench-scale  fleets of 30, 100 and 300 runs on PostgreSQL (half an hour)"
	@echo "make typical DATA=FOLDER  the typical days, anew from a folder of hourly traces"
	@echo "make pins      resolve constraints.txt anew; UPGRADE=1 takes the newest versions"
	@echo "make changelog  move the fragments to CHANGELOG.md; DRAFT=1 only shows it"
	@echo "make clean     remove what the targets made"

# A virtual environment with what $(2) names, in the versions of $(1): with pip, or where UV
# names that program with uv, which takes a tenth of the time.
install = $(if $(UV),$(with-uv),$(with-pip))

define with-uv
	$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --constraint $(1) $(2)
	@touch $@
endef

define with-pip
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(1) "pip>=25.1"
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(1) $(2)
	@touch $@
endef

$(STAMP): pyproject.toml constraints.txt
	$(call install,constraints.txt,--editable ".[docker]" --group test --group lint --group bench)

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	$(call install,constraints-lowest.txt,--editable ".[docker]" --group test)

# The workers of the cloud pools; elsewhere they would slow every start of Prefect.
$(POOLS)/.installed: pyproject.toml constraints.txt
	$(call install,constraints.txt,--editable . --group pools)

# Has uv in it, so uv does not make it.
$(TOOLS)/.installed: pyproject.toml constraints.txt
	$(call with-pip,constraints.txt,--group tools)

demo: $(STAMP)
	$(BIN)/carbonaware-prefect demo

test: SELECTED := -m "not infra"
test test-main: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/pytest $(SELECTED) --cov --cov-report= $(SPREAD)
	$(BIN)/coverage report --include='carbonaware_prefect/core/*,carbonaware_prefect/errors.py' \
		--fail-under=100
	$(BIN)/coverage report --skip-covered --fail-under=$(COVERED)

# What needs neither a Prefect server nor other infrastructure.
test-edge: $(STAMP)
	$(BIN)/pytest -m "not server and not infra" -n 2

# One after the other: two at a time would slow one another beyond their time limits.
test-all:
	$(MAKE) test-main
	$(MAKE) test-pools
	$(MAKE) test-lowest
	$(MAKE) test-pythons
	$(MAKE) test-wheel

# A delayed run is mostly waiting: the tests are run meanwhile.
test-lowest: $(LOWEST)/.installed
	$(MAKE) --jobs=2 --output-sync=target lowest-run lowest-tests

lowest-run:
	$(LOWEST)/bin/carbonaware-prefect demo

lowest-tests:
	$(LOWEST)/bin/pytest $(LOWEST_TESTS) -n 2

test-pythons:
	found="$$($(PYTHON) scripts/find_pythons.py $(PYTHONS))" && echo "$$found" | \
	while read -r name python; do \
		$(MAKE) test-python PYTHON=$$python VENV=.venv-$$name < /dev/null || exit 1; \
	done

test-python: $(VENV)/.tested-with
	$(MAKE) --jobs=2 --output-sync=target python-run python-tests

$(VENV)/.tested-with: pyproject.toml constraints.txt
	$(call install,constraints.txt,--editable ".[docker]" --group test)

python-run:
	$(BIN)/carbonaware-prefect demo

python-tests:
	$(BIN)/pytest $(PYTHON_TESTS) -n 2

# What stands in dist, with constraints.txt as the only other thing from here.
test-wheel: dist
	$(MAKE) $(WHEEL)/.installed
	CARBONAWARE_TEST_WHEEL="$(abspath $(WHEEL))" $(BIN)/pytest tests/wheel

$(WHEEL)/.installed: $(wildcard dist/*.whl) constraints.txt
	rm -rf $(WHEEL)
	$(call install,constraints.txt,dist/*.whl)

dist: $(STAMP)
	rm -rf dist
	$(BIN)/python -m hatchling build

smoke-matrix: $(STAMP) $(TOOLS)/.installed
	$(BIN)/python scripts/smoke_matrix.py

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

typical: $(STAMP)
	$(BIN)/python -m scripts.build_typical $(DATA)

pins: $(TOOLS)/.installed
	$(TOOLS)/bin/python scripts/pin_versions.py $(if $(UPGRADE),--upgrade)

changelog: $(STAMP) $(TOOLS)/.installed
	$(TOOLS)/bin/towncrier build $(if $(DRAFT),--draft,--yes) \
		--version "$$($(BIN)/python -m hatchling version)"

clean:
	rm -rf $(VENV) $(LOWEST) $(POOLS) $(TOOLS) $(WHEEL) .venv-3.* .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build dist benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
