# make demo   a soundboard on a Discord of its own, on this machine
# make test   every check that needs no more than a few minutes
# All else is set up on the way: a virtual environment, the dependencies, and an ffmpeg and a libopus where there are none.

PYTHON ?= $(shell for python in python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$python && break; done)
PYTHON313 ?= $(shell command -v pyenv >/dev/null 2>&1 && PYENV_VERSION=3.13 pyenv which python3.13 2>/dev/null \
	|| command -v python3.13)
BUNDLED := $(shell command -v ffmpeg >/dev/null 2>&1 && $(PYTHON) -c \
	'import ctypes.util, sys; sys.exit(ctypes.util.find_library("opus") is None)' || echo '[bundled]')
VENV ?= .venv
PIP = $(1)/bin/python -m pip --disable-pip-version-check --quiet
RUN = $(VENV)/bin/python -m

.PHONY: setup demo test test-313 test-long lint format bench bench-smoke sounds clean
.DEFAULT_GOAL := test

# A virtual environment for a Python: $(call make-venv,python,folder)
define make-venv
	@test -n "$(1)" || { echo "jeffbot needs Python 3.12 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@echo "setting up $(2) (once) …"
	@$(1) -m venv $(2)
	@$(call PIP,$(2)) install --upgrade pip
	@$(call PIP,$(2)) install --constraint constraints.txt --editable '.$(BUNDLED)' --group dev
	@touch $(2)/.ready
endef

$(VENV)/.ready: pyproject.toml constraints.txt
	$(call make-venv,$(PYTHON),$(VENV))

.venv313/.ready: pyproject.toml constraints.txt
	$(call make-venv,$(PYTHON313),.venv313)

tests/node/node_modules: tests/node/package.json
	@if command -v npm >/dev/null 2>&1; then \
		npm install --prefix tests/node --no-package-lock --no-audit --no-fund --silent && touch $@; fi

setup: $(VENV)/.ready

demo: setup
	@$(VENV)/bin/jeffbot demo $(if $(WAV),--wav $(WAV)) $(if $(PORT),--port $(PORT))

test: setup tests/node/node_modules
	@$(RUN) pytest $(ARGS)

test-313: .venv313/.ready
	@.venv313/bin/python -m pytest -m play $(ARGS)

test-long: setup tests/node/node_modules
	@JEFFBOT_TEST_LONG=1 $(RUN) pytest $(ARGS)

lint: setup
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) pyright --pythonpath $(VENV)/bin/python

format: setup
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

bench: setup
	@$(VENV)/bin/python benchmarks/press.py

bench-smoke: setup
	@$(VENV)/bin/python benchmarks/press.py --plays 5

sounds: setup
	@$(VENV)/bin/python sounds/synthesise.py

clean:
	rm -rf .venv .venv313 tests/node/node_modules dist .mypy_cache .pytest_cache .ruff_cache
