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

.PHONY: setup peers demo test test-313 test-long lint docs contract format bench bench-smoke reliability sounds clean
.DEFAULT_GOAL := test

# A virtual environment with the package in it: $(call make-venv,python,folder,what is wanted)
define make-venv
	@test -n "$(1)" || { echo "$(3) needed, and not found; say where: make PYTHON=… or PYTHON313=…"; exit 1; }
	@echo "setting up $(2): a minute or two, once …"
	@$(1) -m venv $(2)
	@$(call PIP,$(2)) install --upgrade pip
	@$(call PIP,$(2)) install --constraint constraints.txt --editable '.$(BUNDLED)'
endef

# What the checks need beyond that: $(call add-tools,folder)
define add-tools
	@echo "adding the tools of the checks to $(1) …"
	@$(call PIP,$(1)) install --constraint constraints.txt --group dev
endef

$(VENV)/.ready: pyproject.toml constraints.txt
	$(call make-venv,$(PYTHON),$(VENV),Python 3.12 or newer is)
	@touch $@

$(VENV)/.tools: $(VENV)/.ready
	$(call add-tools,$(VENV))
	@touch $@

.venv313/.tools: pyproject.toml constraints.txt
	$(call make-venv,$(PYTHON313),.venv313,Python 3.13 is)
	$(call add-tools,.venv313)
	@touch $@

tests/node/node_modules: tests/node/package.json
	@if command -v npm >/dev/null 2>&1; then \
		npm install --prefix tests/node --no-package-lock --ignore-scripts --no-audit --no-fund --silent && touch $@; fi

setup: $(VENV)/.tools

peers: setup
	@$(VENV)/bin/python tests/peers/environments.py

demo: $(VENV)/.ready
	@$(VENV)/bin/jeffbot demo $(if $(WAV),--wav $(WAV)) $(if $(PORT),--port $(PORT))

test: setup peers tests/node/node_modules
	@$(RUN) pytest -n 2 $(ARGS)

test-313: .venv313/.tools
	@.venv313/bin/python -m pytest -m play $(ARGS)

test-long: setup peers tests/node/node_modules
	@JEFFBOT_TEST_LONG=1 $(RUN) pytest $(ARGS)

lint: setup
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) pyright --pythonpath $(VENV)/bin/python

# docs/api.md, and the exchanges it shows, captured from a run against a real bot
docs: setup
	@JEFFBOT_WRITE_EXCHANGES=1 $(RUN) pytest tests/contract/test_exchanges.py
	@$(RUN) jeffbot.ws.documents docs/api.md

# Takes down what the remote API promises on top of what it did; refuses what would break clients
contract: setup
	@PYTHONPATH=tests $(RUN) contract.frozen

format: setup
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

bench: $(VENV)/.ready peers
	@mkdir -p build
	@$(VENV)/bin/python benchmarks/press.py --json build/press.json
	@$(VENV)/bin/python benchmarks/pacing.py --json build/pacing.json
	@$(VENV)/bin/python benchmarks/crowd.py --json build/crowd.json
	@$(VENV)/bin/python benchmarks/encode.py
	@$(VENV)/bin/python benchmarks/mixer.py
	@$(VENV)/bin/python benchmarks/library.py --json build/library.json
	@$(VENV)/bin/python benchmarks/local_discord.py
	@$(VENV)/bin/python benchmarks/plot.py build/press.json docs/press.svg
	@$(VENV)/bin/python benchmarks/plot.py build/pacing.json docs/pacing.svg
	@$(VENV)/bin/python benchmarks/remote.py --json build/remote.json

bench-smoke: $(VENV)/.ready
	@$(VENV)/bin/python benchmarks/press.py --quick
	@$(VENV)/bin/python benchmarks/pacing.py --quick
	@$(VENV)/bin/python benchmarks/crowd.py --quick
	@$(VENV)/bin/python benchmarks/remote.py --quick
	@$(VENV)/bin/python benchmarks/library.py --sounds 2000
	@$(VENV)/bin/python benchmarks/local_discord.py --guilds 20 --streams 5 --seconds 1 --joins 5

# Every fault of tests/faults on jeffbot and on stock Nextcord, as docs/reliability.md: ten minutes
reliability: setup
	@$(VENV)/bin/python benchmarks/reliability.py --write docs/reliability.md

sounds: $(VENV)/.ready
	@$(VENV)/bin/python sounds/synthesise.py

clean:
	rm -rf .venv .venv313 .peers tests/node/node_modules dist .mypy_cache .pytest_cache .ruff_cache
