# What is not in `make help` is not supported. No logic here: tests/run is the one way to run tests.
.DEFAULT_GOAL := help
.PHONY: help check test test-all docs golden format bench clean

VENV ?= .venv
QUICK := tests/unit tests/property tests/golden tests/arch

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

check: ## Linters, types, layers, unit, property and golden tests: the loop, about a minute
	@VENV=$(VENV) sh tests/run -n auto $(QUICK)

test: ## All that needs no virtual machine and no long build
	@VENV=$(VENV) sh tests/run -n auto -m "not boot and not slow"

test-all: ## Everything: compiles the kernels, builds images, boots them, runs the documentation
	@LKBUILD_TEST_COMPILE=1 PYTEST_TIMEOUT=14400 VENV=$(VENV) sh tests/run

docs: ## Write docs/reference anew from the code
	@$(VENV)/bin/python docs/generate.py

golden: ## Accept what golden tests see now; look at the diff before you commit it
	@LKBUILD_ACCEPT=1 VENV=$(VENV) sh tests/run tests/golden
	@git --no-pager diff --stat -- tests/golden

format: ## Format and mend what ruff can mend
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

bench: ## Measure against the budgets and peers of bench/README.md
	@VENV=$(VENV) sh bench/run

clean: ## Remove what tests and builds leave in the tree (never the store)
	@rm -rf lkbuild-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
