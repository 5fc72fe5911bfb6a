# Two commands for people: make serve, make test. Both need only Python 3.11-3.13, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0+cpu

.PHONY: serve test nightly bench clean

$(VENV)/.embedded: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.embedded
	$(BIN)/pip install --quiet --editable '.[embedded,voice,echo,data,osm,export,hub,measure,benchmark,documents,postgresql,dev]'
	touch $@

# torch without CUDA, where pip is told of such a wheel; without it the tests of tuning are skipped
$(VENV)/.torch: $(VENV)/.dev
	if $(BIN)/pip install --quiet $(TORCH); then $(BIN)/pip install --quiet --editable '.[train,qlora]'; fi
	touch $@

$(VENV)/.train: $(VENV)/.dev
	$(BIN)/pip install --quiet --editable '.[train,qlora]'
	touch $@

$(VENV)/.speech: $(VENV)/.train
	$(BIN)/pip install --quiet --editable '.[speech-train,wandb]'
	touch $@

serve: $(VENV)/.embedded
	$(BIN)/giljabi serve

# lint, types, layers and the suite without what is marked slow
test: $(VENV)/.torch
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
