# The exchange's commands. `make` alone lists them.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made-from-lock
CODE   := src tests benchmarks scripts
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
              --no-emit-find-links --custom-compile-command "make lock"

# What `make serve` serves.
SERVED := .exchange
ORIGIN := exchange.example/training

.DEFAULT_GOAL := help
.PHONY: help setup compiled demo serve test check format-check lint types imports fmt docs bench lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the environment in .venv from the hashed lock (once for each lock)

# The install needs the network; nothing after it does.
$(STAMP): requirements/dev.lock
	@python=$$(sh scripts/python.sh) && "$$python" -m venv --clear $(VENV)
	@echo "installing the packages of requirements/dev.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Processes by the dozen are started by what follows; without this each would compile the sources anew where Python is
# told to write no bytecode.
compiled: setup
	@$(BIN)/python -m compileall -q src tests benchmarks

demo: compiled ## play the story on an exchange of its own (KEEP=1 leaves it running)
	@$(BIN)/exchange demo $(if $(KEEP),--keep)

serve: compiled ## serve a training exchange from ./.exchange, made if it is not there
	@test -f $(SERVED)/exchange.toml || $(BIN)/exchange init $(SERVED) --origin $(ORIGIN) --training
	@$(BIN)/exchange serve $(SERVED)

test: compiled ## run the tests, on SQLite and on a real PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist loadfile

# In the order of what is found soonest; the tests last, so that their closing lines are the last lines.
check: format-check lint types imports test ## all that must pass: format, lint, types, import contracts, tests

format-check: setup
	@$(BIN)/ruff format --check $(CODE)

lint: setup
	@$(BIN)/ruff check $(CODE)

types: setup
	@$(BIN)/mypy

imports: setup
	@$(BIN)/lint-imports --no-logo

fmt: setup ## format the code and mend what the linter can mend
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

docs: setup ## write anew what is generated: reasons, OpenAPI, test vectors and what is quoted of them (tests fail else)
	@for page in reasons openapi vectors quotes; do $(BIN)/python -m scripts.$$page; done

bench: compiled ## measure (ONLY=submit,floor for some): rows of JSON on standard output
	@$(BIN)/python -m benchmarks --only "$(ONLY)"

lock: setup ## compile the locks anew; pins stay unless UPGRADE=1
	@$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra server --group dev pyproject.toml -o requirements/dev.lock
	@$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra server pyproject.toml -c requirements/dev.lock -o requirements/server.lock
	@$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group build -c requirements/dev.lock -o requirements/build.lock

clean: ## remove the environment and what tools left behind (not ./.exchange)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
