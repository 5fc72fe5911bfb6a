# Two commands for people: make serve, make test. Both need only Python 3.11-3.13, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test nightly bench clean

$(VENV)/.embedded: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.embedded
	$(BIN)/pip install --quiet --editable '.[embedded,data,osm,export,hub,measure,benchmark,postgresql,dev]'
	touch $@

# torch and transformers: tuning, and what they compute to compare with
$(VENV)/.train: $(VENV)/.dev
	$(BIN)/pip install --quiet --editable '.[train,qlora]'
	touch $@

$(VENV)/.speech: $(VENV)/.train
	$(BIN)/pip install --quiet --editable '.[speech-train,wandb]'
	touch $@

serve: $(VENV)/.embedded
	$(BIN)/giljabi serve

# lint, types, layers and the suite without what is marked slow
test: $(VENV)/.train
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not slow"

nightly: $(VENV)/.speech
	$(BIN)/pytest

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV)
