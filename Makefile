# Everything a newcomer needs is `make run` and `make test`; `make` alone explains.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
# Settings of the surroundings must not leak into tests.
CLEAN := env -u DATABASE_URL -u STRIPE_SECRET_KEY -u STRIPE_PUBLISHABLE_KEY -u STRIPE_WEBHOOK_SECRET

##@ Use it
.PHONY: run
run: .venv/installed ## start everything here: database, Stripe sandbox, API, background, example shop and worker
	@case "$$STRIPE_SECRET_KEY" in sk_live_*|rk_live_*) \
		[ "$$LIVE" = 1 ] || { echo "STRIPE_SECRET_KEY is a live key: real money. Say LIVE=1 if you mean it." >&2; exit 1; };; esac
	@$(BIN)/counterfoil run \
		--also "$(BIN)/python examples/image_upscaler/worker.py" \
		--also "$(BIN)/python examples/image_upscaler/shop.py --port $${COUNTERFOIL_SHOP_PORT:-8090}"

##@ Work on it
.PHONY: test check format lint types imports diagram
test: .venv/installed ## every test, from nothing
	$(CLEAN) $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: format lint types imports ## what CI asks for beside the tests

format: .venv/installed ## is everything formatted? (make fix formats)
	$(BIN)/ruff format --check .

lint: .venv/installed
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

imports: .venv/installed ## the seven import contracts
	PYTHONPATH=src $(BIN)/lint-imports

.PHONY: fix
fix: .venv/installed ## format, and mend what a linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

diagram: .venv/installed ## write docs/state-machine.md from the transition tables
	PYTHONPATH=src $(BIN)/python docs/state_machine.py > docs/state-machine.md

##@ Keep it
.PHONY: lock clean
lock: ## resolve pyproject.toml into requirements/*.txt, with hashes and without index addresses
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 $(LOCK) -o requirements/run.txt
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 $(LOCK) -o requirements/dev.txt
	printf 'hatchling==1.33.0\neditables\n' | uv pip compile - --universal --python-version 3.11 $(LOCK) -o requirements/build.txt
LOCK := --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

clean: ## remove what was installed and built; .counterfoil (data) stays
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/installed: pyproject.toml requirements/dev.txt requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing into .venv (once; a minute or so) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
