# Every target sets itself up: Python 3.11 to 3.13 and make are all that has to be there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := $(VENV)/.peers
DEMO   ?= morphogenesis

.PHONY: demo test lint fuzz soak bench conformance biomodels models clean help

help:
	@echo "make demo    an embryo gastrulates: data, pictures and movies in results/; with DEMO=viral-escape,"
	@echo "             from one mutation to a new wave"
	@echo "make test    ruff, mypy and pytest"
	@echo "make lint    ruff and mypy alone"
	@echo "make fuzz    many broken models; ARGS='--loads 20000 --runs 200 --seed 0'"
	@echo "make soak    a run killed many times that goes on, beside one that is not; ARGS='--kills 70 --seed 0'"
	@echo "make bench   speed beside other programs, as ratios within one run"
	@echo "make conformance SUITE=../shared/sbml-test-suite"
	@echo "             every case of the SBML Test Suite, and docs/conformance.md anew; ARGS='--help' lists options"
	@echo "make biomodels MODELS=../shared/biomodels"
	@echo "             deposited models beside their references, and timed beside libRoadRunner"
	@echo "make models  the shipped SBML made anew from its Antimony sources"
	@echo "make clean   remove the virtual environment and all caches"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"biomulti needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v[0]}.{v[1]}. Choose one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

# a peer that cannot be installed is left out of the tables and named there
$(PEERS): $(READY)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,peers]'
	@touch $(PEERS)

demo: $(READY)
	$(BIN)/biomulti demo $(DEMO)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest --numprocesses auto --dist worksteal

fuzz: $(READY)
	@$(BIN)/python -m tests.fuzz $(ARGS)

soak: $(READY)
	@$(BIN)/python -m tests.soak $(ARGS)

bench: $(PEERS)
	$(BIN)/python -m tests.benchmarks

# without SUITE or MODELS: those in $BIOMULTI_SHARED, or in ../shared
conformance: $(READY)
	@$(BIN)/python -m tests.conformance $(SUITE) $(ARGS)

biomodels: $(READY)
	@$(BIN)/python -m tests.conformance.biomodels $(MODELS)

models: $(READY)
	$(BIN)/python sbml_models/make.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
