# Every target sets up .venv by itself when it is missing or older than pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench train-cpu train-gpu chaos serve clean redis

OUT ?= models
define train
$(if $(DATA),,$(error name the folder with the published sets: make $@ DATA=folder))
$(BIN)/python -m training.run training/recipes/$(1).toml --data $(DATA) --out $(2) --device $(3) $(if $(STEPS),--steps $(STEPS))
endef
define train-reader
$(if $(DATA),,$(error name the folder with the published sets: make $@ DATA=folder))
$(BIN)/python -m training.reader --data $(DATA) --out $(OUT)/reader --device $(1) $(if $(STEPS),--steps $(STEPS))
endef

help: ## what can be done here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/ready ## create .venv and install everything into it

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gleandraft needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11")'
	@echo "setting up .venv (about two minutes, once)" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: setup ## sample documents -> a cited answer -> a meeting summarised by a worker
	@$(BIN)/gleandraft demo

test: setup redis ## every test but the slow suites
	$(BIN)/pytest -q

check: setup ## formatting, lint, types, architecture, and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit tests/architecture

format: setup ## rewrite the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure drafted against plain decoding and others' drafting; results go to bench/results
	$(BIN)/python -m bench decode --limit 5

train-cpu: setup ## train the embedded models on this CPU from the sets in DATA=folder: about three hours
	$(call train-reader,cpu)
	$(call train,main-cpu,$(OUT)/main,cpu)
	$(call train,proxy-cpu,$(OUT)/proxy,cpu)
	$(if $(STEPS),,$(BIN)/python -m training.support --data $(DATA) --count 600 --most-false-refusals 0.08 --reader $(OUT)/reader --out $(OUT)/main/support.json)
	$(if $(STEPS),,$(BIN)/python -m training.judge --data $(DATA) --proxy $(OUT)/proxy --out $(OUT)/proxy/judge.json)

train-gpu: setup ## the larger pair on a GPU from the sets in DATA=folder: about half an hour of a large one
	$(call train-reader,cuda)
	$(call train,main-gpu,$(OUT)/main,cuda)
	$(call train,proxy-gpu,$(OUT)/proxy,cuda)
	$(if $(STEPS),,$(BIN)/python -m training.support --data $(DATA) --count 600 --most-false-refusals 0.08 --reader $(OUT)/reader --out $(OUT)/main/support.json)
	$(if $(STEPS),,$(BIN)/python -m training.judge --data $(DATA) --proxy $(OUT)/proxy --out $(OUT)/proxy/judge.json)

chaos: setup redis ## kill workers in the middle of jobs, again and again
	$(BIN)/pytest -q -m chaos tests/chaos

serve: setup ## keep a Redis and a worker running until Ctrl-C, for summary jobs
	@$(BIN)/gleandraft worker

clean: ## remove .venv, caches and the demo's files
	rm -rf .venv gleandraft-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

redis:
	@if ! command -v redis-server >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null; fi
