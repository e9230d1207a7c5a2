# `make demo` and `make test` need git, make and Python 3.11 or newer, and bring the rest themselves into .venv and .tools.
# Options of pytest go into ARGS: `make test ARGS='-k storage'`.
# A stamp in .venv says what is installed there, so that a second call does its work at once.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
WORKERS := 2
ARGS :=

# Steps of the demo and peers of the benchmarks are found as they would be in an activated environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without byte code pytest would rewrite every assertion anew at each start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:  # two pips in one environment would disturb each other
.PHONY: help demo test soak lint format reference bench-pipelines bench-start clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## the main job on examples/shop: test, package, ship, deploy, roll back
	$(BIN)/opsctl run pipelines/demo.yaml

test: $(VENV)/.test $(VENV)/.tools ## the tests; those whose server this machine lacks are skipped with the reason
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

soak: $(VENV)/.test $(VENV)/.tools ## the long forms of the tests that `make test` runs short
	$(BIN)/pytest -n $(WORKERS) -m soak --soak --timeout 3600 $(ARGS)

lint: $(VENV)/.dev ## style, types, layers, and the workflow of GitHub
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github

format: $(VENV)/.dev ## put the code in the one layout, with the fixes that ruff holds to be safe
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

reference: $(VENV)/.dev ## write docs/reference.md anew from the schemas
	$(BIN)/python docs/make_reference.py

bench-pipelines: $(VENV)/.dev ## the scheduler against make, ninja and doit
	$(BIN)/python benchmarks/pipelines.py

bench-start: $(VENV)/.dev ## how long `opsctl --version` and `--help` take
	$(BIN)/python benchmarks/start.py

clean: ## remove all that the other targets made, also from the Docker engine
	@if [ -e $(VENV)/.demo ]; then $(BIN)/python .ci/clean-engine; \
	elif [ -e .opsctl ]; then echo "opsctl: $(VENV) is gone, so the Docker engine was not looked at; make demo clean does both" >&2; fi
	rm -rf $(VENV) .tools .opsctl build dist *.egg-info examples/shop/dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The install is editable: a later change of the code counts at once, one of the dependencies by these stamps.
DECLARED := pyproject.toml setup.cfg

$(BIN)/python:
	.ci/make-venv $(VENV)

$(VENV)/.demo: $(DECLARED) | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(DECLARED) | $(BIN)/python
	$(PIP) --editable '.[dask,test]'
	touch $(VENV)/.demo $@

$(VENV)/.dev: $(DECLARED) | $(BIN)/python
	$(PIP) --editable '.[dev]'
	touch $(VENV)/.demo $(VENV)/.test $@

# The servers that pip alone can bring; one that cannot be had is left out, and its tests say why.
$(VENV)/.tools: .ci/install-tools | $(BIN)/python
	.ci/install-tools --optional
	touch $@
