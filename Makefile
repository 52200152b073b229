# Everything a user or developer runs. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
# The demo measures from here: what the user waited for before it began counts.
export ORDEROPS_STARTED := $(shell date +%s)
# Downloads live outside the checkout, so that the second clone on a machine downloads nothing.
export ORDEROPS_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/orderops
# Compiled modules are kept: a stack is five processes, and each would compile for two seconds of its start.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
UV := $(ORDEROPS_CACHE)/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
# Two processes, each with a PostgreSQL and a broker of its own: tests share nothing but the machine (tests/spread.py).
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## own environment in .venv, from the lock file

$(UV):
	@test -n "$(PYTHON)" || { echo "orderops needs Python 3.11 or newer; found none. Install it, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks the venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Fetching uv $(UV_VERSION), which builds the environment"
	@"$(PYTHON)" -m venv "$(ORDEROPS_CACHE)/uv-$(UV_VERSION)"
	@"$(ORDEROPS_CACHE)/uv-$(UV_VERSION)/bin/pip" install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

# From the cache when it is all there, else from the registry.
$(READY): requirements-dev.lock pyproject.toml | $(UV)
	@test -n "$(PYTHON)" || { echo "orderops needs Python 3.11 or newer; found none. Install it, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$(PYTHON)" --no-python-downloads .venv
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --offline --require-hashes requirements-dev.lock 2>/dev/null \
		|| VIRTUAL_ENV=.venv $(UV) pip sync --require-hashes requirements-dev.lock
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c "import api.main"  # compiles what all processes of a stack would begin with, side by side
	@touch $@

.PHONY: demo
demo: setup ## real orders through the real engine, with a table at the end (ARGS="--help")
	@$(BIN)/orderops demo $(ARGS)

.PHONY: up
up: setup ## a stack of your own with Operate and Tasklist (ARGS="--help")
	@$(BIN)/orderops up --full $(ARGS)

.PHONY: down
down: setup ## stop it; nothing of it runs on (ARGS=--delete: its data go too)
	@$(BIN)/orderops down $(ARGS)

.PHONY: test
test: setup ## every test but those in a browser, on a real broker, too (ARGS="-k address")
ifdef ARGS
	@$(BIN)/python -m pytest -m "not compat and not browser" $(ARGS)
else
	@$(BIN)/python -m pytest -m "not compat and not browser" $(SIDE_BY_SIDE)
endif

.PHONY: faults
faults: setup ## the fault tests at their full length (`make test` has their short form)
	@$(BIN)/python -m pytest tests/faults --full $(ARGS)
	@$(BIN)/python -m pytest tests/engine/test_refund_races.py --full

.PHONY: bench
bench: setup ## how fast it is: figures, a table and a picture (ARGS=--quick; ARGS=--help)
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: scale
scale: setup ## how fast with 100,000 cases, and how fast it catches up (ARGS=--quick)
	@$(BIN)/python -m tests.scale $(ARGS)

.PHONY: tickets
tickets: setup ## 5,000 real tickets through the webhook, and how each ends (ARGS=--quick)
	@$(BIN)/python -m tests.tickets $(ARGS)

.PHONY: model
model: setup ## learn the ticket analysis anew from its phrases: less than two minutes
	@$(BIN)/python -m tests.eval.train $(ARGS)

.PHONY: eval
eval: setup ## how well tickets are understood, as figures and a page (ARGS=--quick; ARGS="--compare FILE")
	@$(BIN)/python -m tests.eval $(ARGS)

.PHONY: fuzz
fuzz: setup ## whatever is sent to the api: no 5xx, and no answer that is not documented (ARGS=--quick)
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: kills
kills: setup ## 3,000 workers killed with -9 while they buy; the supplier counts (ARGS="--quick --refunds", --tickets)
	@$(BIN)/python -m tests.faults.kills $(ARGS)

.PHONY: soak
soak: setup ## 10,000 orders while everything is killed at random; then the invariants (ARGS=--quick)
	@$(BIN)/python -m tests.faults.soak $(ARGS)

.PHONY: test-compat
test-compat: setup ## what gRPC reaches, on the engine of Camunda 8.8 (fetches 130 MB once)
	@$(BIN)/python -m pytest -m compat tests/compat $(ARGS)

.PHONY: lint
lint: setup lint-models ## ruff, mypy strict, import contracts, bpmnlint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Node is only for those who check or draw the models; CI must have it.
NPM := $(shell command -v npm)
MODELING := .modeling/node_modules/.package-lock.json

$(MODELING): .modeling/package.json .modeling/package-lock.json
	@cd .modeling && npm ci --silent --ignore-scripts
	@touch $@

.PHONY: lint-models
lint-models: $(if $(NPM),$(MODELING)) ## bpmnlint on the diagrams, and the element templates (needs Node 20 or newer)
ifneq ($(NPM),)
	@cd .modeling && node_modules/.bin/bpmnlint --max-warnings 0 ../bpmn/*.bpmn
	@echo "bpmnlint: no findings"
	@node .modeling/templates.mjs .camunda/element-templates/orderops.json
	@echo "element templates: valid"
else
	@test "$$CI" != true || { echo "bpmnlint was not run: CI needs Node 20 or newer on the PATH" >&2; exit 1; }
	@echo "SKIPPED bpmnlint: there is no Node here. Install Node 20 or newer to check the diagrams before CI does."
endif

.PHONY: diagrams
diagrams: setup $(if $(NPM),$(MODELING)) ## draw the models into docs/processes (needs Node, and Chromium or Chrome)
	@test -n "$(NPM)" || { echo "Drawing needs Node 20 or newer: install it, then run make diagrams again." >&2; exit 1; }
	@$(BIN)/python .modeling/render.py

# What pages load of others: built from the registry by developers, committed, and in the wheel.
ASSETS := .assets/node_modules/.package-lock.json

$(ASSETS): .assets/package.json .assets/package-lock.json
	@cd .assets && npm ci --silent --ignore-scripts
	@touch $@

.PHONY: assets
assets: $(if $(NPM),$(ASSETS)) ## build the libraries of the pages into api/static/vendor (needs Node 20 or newer)
	@test -n "$(NPM)" || { echo "Building needs Node 20 or newer: install it, then run make assets again." >&2; exit 1; }
	@cd .assets && node build.mjs

.PHONY: test-browser
test-browser: setup $(if $(NPM),$(ASSETS)) ## our pages, Operate and Tasklist in a real Chromium, with pictures in build (needs Chromium or Chrome)
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

.PHONY: lock
lock: $(UV) ## pin every dependency anew
	@$(UV) pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-annotate --custom-compile-command "make lock" --output-file requirements.lock
	@$(UV) pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --custom-compile-command "make lock" --output-file requirements-dev.lock
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m tests.lock_search
