# Two commands a newcomer types: `make demo` and `make test`. Both build the environment first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
# A file stays with one worker, which then makes its fits once; conftest.py orders the files.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help env demo test fast-test lint validate peers docs judge lock clean

help:
	@echo "make demo      collect, fit and report on the embedded judge"
	@echo "make test      lint, type check and the whole test suite (a quarter of an hour on two cores)"
	@echo "make fast-test the tests that take seconds"
	@echo "make lint      ruff and mypy"
	@echo "make validate  the long calibration studies; writes docs/calibration.md"
	@echo "make peers     the same ratings fitted here and by bambi, PyMC, hibayes' form and statsmodels"
	@echo "make docs      build the documentation into .build/site, running every page with code"
	@echo "make judge     train the embedded judge again from its seed"
	@echo "make lock      resolve the dependencies again into requirements.lock"
	@echo "make env       only build .venv, which the others do first"
	@echo "make clean     remove .venv and everything that was built"

env: $(READY)

$(READY): requirements.lock pyproject.toml .python-version scripts/bootstrap
	@scripts/bootstrap
	@touch $(READY)

demo: env
	@$(BIN)/vat-bayes demo

lint: env
	@echo "== ruff"; $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy"; $(BIN)/mypy

fast-test: env
	@$(PYTEST) -m "not slow"

test: lint
	@$(PYTEST)

validate: env
	@$(BIN)/python -m benchmarks.validation

peers:
	@scripts/bootstrap --peers
	@.build/peers/bin/python -W ignore -m benchmarks.peers

DOCS := .build/docs/.ready
$(DOCS): docs/requirements.lock $(READY) scripts/bootstrap
	@scripts/bootstrap --docs
	@touch $(DOCS)

docs: $(DOCS)
	@export PATH="$(CURDIR)/.build/docs/bin:$(CURDIR)/$(BIN):$$PATH"; \
	  echo "== notebook"; jupyter execute --timeout=900 examples/notebook.ipynb; \
	  echo "== pages"; sphinx-build -W --keep-going -q -d .build/doctrees docs .build/site
	@echo "the documentation is in .build/site/index.html"

judge: env
	@$(BIN)/python -m models.train_judge

lock:
	@scripts/bootstrap --lock

clean:
	rm -rf $(VENV) .build build dist .mypy_cache .ruff_cache .pytest_cache
