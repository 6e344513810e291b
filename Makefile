# What a person types. Each target sets up what it needs first, so any of them may be the first command after `git clone`.
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check format bench types docs constraints clean
BIN := .venv/bin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with the project and everything its tests need (under a second when nothing changed)
	@sh .ci/setup

demo: setup ## Run the examples: a real git push becomes green commits (DEMO=once ends by itself)
	@$(BIN)/headgate demo

up: setup ## Run the service on your own data (ARGS="--port 9090" for options)
	@$(BIN)/headgate up $(ARGS)

test: check ## Run all checks and all tests (ARGS="tests/flows -k name" for some of them)
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: setup ## Run ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup ## Let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure, print a table, compare with the run before
	@$(BIN)/python -m bench $(ARGS)

types: setup ## Write service/types.json again, after a task, flowable or trigger type was added
	@$(BIN)/python -m service.discovery

docs: setup ## Write the pages of docs/ again that are made from code (expressions.md, spellings.md, states.md)
	@$(BIN)/python -m service.flows.expression_page > docs/expressions.md
	@$(BIN)/python -m service.flows.spelling_table > docs/spellings.md
	@$(BIN)/python -m tests.engine.states > docs/states.md

constraints: ## Resolve all dependencies again, newest first, into constraints.txt (needs uv)
	@command -v uv >/dev/null || { echo "make constraints needs uv, which resolves for every platform at once" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade --no-header --no-annotate --output-file constraints.txt pyproject.toml

clean: ## Remove what setup, tests and builds made; never your data
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis bench/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
