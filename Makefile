SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "  make %-14s%s\n", $$1, $$2 }' Makefile

UV := .venv/bin/uv --quiet
EDITABLE := --no-deps --editable

.PHONY: setup environments
setup: ## Install all that the saga command and the tests need, inside this folder
	@$(MAKE) --jobs --output-sync=target environments
environments: .venv/installed .saga/sam/installed .saga/lambda/installed .saga/localstack/installed .saga/dynamodb/tried .saga/asyncapi/3.0.0.json
	@:

# Only uv comes by pip; uv then installs the rest, several environments at a time.
.venv/bin/uv: requirements/uv.txt
	@is_313() { "$$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; }; \
	for python in python3.13 python3 ''; do is_313 "$$python" && break; done || true; \
	[ "$$python" ] || { echo 'error: no Python 3.13; install it, so that python3.13 is on the PATH' >&2; exit 1; }; \
	"$$python" -m venv .venv
	@.venv/bin/python -m pip install -qqq --require-hashes -r requirements/uv.txt
	@touch $@

.venv/installed: requirements/dev.txt pyproject.toml .venv/bin/uv
	@$(UV) pip sync --python .venv requirements/dev.txt
	@$(UV) pip install --python .venv $(EDITABLE) .
	@touch $@

# Each of these would hold the others to versions of its own.
.saga/%/installed: requirements/%.txt .venv/bin/uv
	@$(UV) venv --allow-existing --python .venv/bin/python .saga/$*/venv
	@$(UV) pip sync --python .saga/$*/venv $<
	@if [ -e infra/$*/pyproject.toml ]; then $(UV) pip install --python .saga/$*/venv $(EDITABLE) infra/$*; fi
	@touch $@

.saga/localstack/installed: infra/localstack/pyproject.toml

# The functions' processes import boto3 from here, several at once: none of them should have to compile it.
.saga/lambda/installed: export UV_COMPILE_BYTECODE := 1

# Only `saga up` needs it, and says so again.
.saga/dynamodb/tried: infra/sagactl/local/dynamodb.py | .saga/localstack/installed
	@PYTHONPATH=infra .venv/bin/python -m sagactl.local.dynamodb || true
	@mkdir -p $(@D) && touch $@

.saga/asyncapi/3.0.0.json: infra/sagactl/local/asyncapi_schema.py | .venv/installed
	@.venv/bin/python -m sagactl.local.asyncapi_schema && touch $@

# Biome, which formats and checks JavaScript, HTML and CSS, and ajv, which validates JSON by its schema. Only the checks
# and the tests need them.
.saga/npm/installed: requirements/package.json requirements/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D)
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

.PHONY: demo
demo: setup ## Run five orders on a LocalStack of their own, one for each way a saga can go
	@.venv/bin/saga demo

.PHONY: test
test: setup .saga/aws/installed .saga/npm/installed ## Run everything that fits in six minutes
	@.venv/bin/python -m sagactl.local.chromium
	@.venv/bin/pytest

.PHONY: test-all
test-all: test demo explore chaos samlocal walkthroughs ## Run what takes longer as well

.PHONY: samlocal walkthroughs
samlocal: setup .saga/aws/installed ## Run each function in sam local's containers, and Docker Compose, if Docker is there
	@.venv/bin/pytest tests/samlocal
walkthroughs: setup .saga/aws/installed ## Do what docs/tutorial.md, docs/aws.md and docs/performance.md say, step by step
	@.venv/bin/pytest tests/walkthroughs

.PHONY: explore mutants
explore: setup ## Run the saga through every interleaving of larger budgets of faults
	@PYTHONPATH=tests .venv/bin/python -m explore
mutants: setup ## Remove each guard of the code in turn, and show what breaks without it
	@PYTHONPATH=tests .venv/bin/python -m explore.mutants

.PHONY: chaos
chaos: setup ## Send 200 orders through a storm of faults; SEED=7 repeats one
	@PYTHONPATH=tests .venv/bin/python -m chaos $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: setup ## Send 20,000 inputs made from the schemas, valid and not, through both doors
	@PYTHONPATH=tests .venv/bin/python -m fuzz

.PHONY: pictures
pictures: setup ## Take the pictures of the page in docs/ again
	@PYTHONPATH=tests .venv/bin/python -m browser.pictures

PLOTS ?= docs/performance
.PHONY: bench
bench: setup .saga/bench/installed ## Measure what a saga costs and how fast it is; draws docs/performance/
	@.venv/bin/saga bench cold-start
	@for counted in cost scale; do \
	  .venv/bin/saga bench $$counted; .venv/bin/saga bench $$counted --json > .saga/bench/$$counted.json; \
	done
	@PYTHONPATH=tests .venv/bin/python -m bench
	@.saga/bench/venv/bin/python tests/bench/plots.py .saga/bench "$(PLOTS)"

.PHONY: check
check: setup .saga/checkov/installed .saga/npm/installed ## Run linters and type checker, and compare the template with the code
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy functions infra/sagactl tests
	@.saga/npm/node_modules/.bin/biome check --error-on-warnings
	@.venv/bin/python -m sagactl.checks
	@.venv/bin/cfn-lint template.yaml
	@SAM_CLI_TELEMETRY=0 .saga/sam/venv/bin/sam validate --lint --region us-east-1
	@.saga/checkov/venv/bin/checkov --config-file .checkov.yaml --file template.yaml
	@git ls-files -z -- ':!*.txt' | xargs -0 .saga/checkov/venv/bin/detect-secrets-hook \
	  --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString

.PHONY: derive baseline
derive: setup ## Write what follows from the code: events/, the drawings, and sections of template.yaml
	@.venv/bin/python -m sagactl.design.derived_files
baseline: setup ## Accept the events as they are: later ones must be compatible with them
	@.venv/bin/python -m sagactl.checks.compatibility

# The locks name versions and hashes, and no place that they come from.
COMPILE := $(UV) pip compile --universal --generate-hashes --no-header --python-version 3.13
.PHONY: lock
lock: .venv/bin/uv ## Write the lock files again; LOCK=--upgrade takes newer versions
	@$(COMPILE) $(LOCK) --group uv -o requirements/uv.txt
	@$(COMPILE) $(LOCK) --group functions -o functions/requirements.txt
	@$(COMPILE) $(LOCK) pyproject.toml --group dev -o requirements/dev.txt
	@for file in requirements/*.in; do $(COMPILE) $(LOCK) "$$file" -o "$${file%.in}.txt"; done
	@npm install --prefix requirements --package-lock-only --omit-lockfile-registry-resolved \
	  --no-audit --no-fund --loglevel=error > /dev/null
