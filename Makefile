SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "  make %-14s%s\n", $$1, $$2 }' Makefile

# What is set in the shell for other projects is none of the settings here: all but these is dropped. What each program
# is told is in infra/sagactl/environment.py.
PASSED_ON := HOME LD_LIBRARY_PATH LOGNAME NO_COLOR PATH TERM TMPDIR USER MAKE% MFLAGS GNUMAKEFLAGS XDG_CONFIG_% \
  %_PROXY %_proxy CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE \
  PIP_% UV_% NPM_CONFIG_% npm_config_% JAVA_HOME SAGA_% DOCKER_% REQUIRE_DOCKER
unexport $(filter-out $(PASSED_ON),$(.VARIABLES))
export LC_ALL := C.UTF-8
.NOTPARALLEL:

# Any Python 3.13 can run it, without packages (-S): those of .venv may be half installed.
INSTALL := @is_313() { "$$1" -S -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; }; \
  for python in .venv/bin/python python3.13 python3 python ''; do is_313 "$$python" && break; done || true; \
  [ "$$python" ] || { echo 'error: no Python 3.13; install it, so that python3.13 is on the PATH' >&2; \
    ! command -v python3.13 > /dev/null || python3.13 --version; exit 1; }; \
  PYTHONPATH=infra exec "$$python" -S -m sagactl.local.setup

.PHONY: setup setup-saga setup-dev
setup: ## Install all that the saga command and the tests need, inside this folder
	$(INSTALL) stack dev
setup-saga:
	$(INSTALL) stack
setup-dev:
	$(INSTALL) dev

# What only some targets need.
setup-%:
	$(INSTALL) stack dev $(subst -, ,$*)

.PHONY: demo
demo: setup-saga ## Run six orders on a LocalStack of their own, one for each way a saga can go
	@.venv/bin/saga demo

.PHONY: test quick
test: setup-aws-npm ## Run everything that fits in a few minutes
	@.venv/bin/python -m sagactl.local.chromium
	@.venv/bin/pytest --numprocesses=4 --no-loadscope-reorder

# Of each package of functions/, and the sagas without a fault.
QUICK := $(wildcard $(patsubst functions/%/,tests/unit/%,$(wildcard functions/*/))) tests/explore
quick: setup-dev ## Test the reactions and the kernel in seconds, without LocalStack, Java and npm
	@.venv/bin/pytest --quiet --numprocesses=2 -k '(not explore or fault) and not backlog' $(QUICK)

.PHONY: test-all
test-all: test demo explore mutate chaos samlocal walkthroughs ## Run what takes longer as well

.PHONY: samlocal walkthroughs
samlocal: setup-aws ## Run each function in sam local's containers, and Docker Compose, if Docker is there
	@.venv/bin/pytest tests/samlocal
walkthroughs: setup-aws ## Do what the longer documents say, step by step, and what else takes minutes
	@.venv/bin/pytest tests/walkthroughs

.PHONY: explore mutants
explore: setup-dev ## Run the saga through every interleaving of larger budgets of faults
	@PYTHONPATH=tests .venv/bin/python -m explore
mutants: setup-dev ## Remove each guard of the code in turn, and show what breaks without it
	@PYTHONPATH=tests .venv/bin/python -m explore.mutants

.PHONY: mutate
mutate: setup-mutation ## Change every line of the functions and of the template in turn; the tests must notice
	@PYTHONPATH=tests .venv/bin/python -m mutation

.PHONY: chaos
chaos: setup ## Send 200 orders through a storm of faults; SEED=7 repeats one
	@PYTHONPATH=tests .venv/bin/python -m chaos $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: setup ## Send 30,000 inputs, valid and not, through both doors
	@PYTHONPATH=tests .venv/bin/python -m fuzz

.PHONY: pictures
pictures: setup ## Take the pictures of the page in docs/ again
	@PYTHONPATH=tests .venv/bin/python -m browser.pictures

PLOTS ?= docs/performance
.PHONY: bench
bench: setup-bench ## Measure what a saga costs and how fast it is; draws docs/performance/
	@.venv/bin/saga bench cold-start
	@for counted in cost scale; do .venv/bin/saga bench $$counted --json | tee .saga/bench/$$counted.json; done
	@PYTHONPATH=tests .venv/bin/python -m bench
	@.saga/bench/venv/bin/python tests/bench/plots.py .saga/bench "$(PLOTS)"

# Many a linter adds what it finds in the user's home to what it is told, or skips what their Git ignores.
LINT := own=$$PWD/.saga/home; mkdir -p "$$own"; HOME=$$own XDG_CONFIG_HOME=$$own/.config
.PHONY: check
check: setup-checkov-npm ## Run linters and type checker, and compare the template with the code
	@$(LINT) .venv/bin/ruff check
	@$(LINT) .venv/bin/ruff format --check --quiet
	@$(LINT) .venv/bin/mypy functions infra/sagactl tests
	@$(LINT) .saga/npm/node_modules/.bin/biome check --error-on-warnings
	@$(LINT) .venv/bin/python -m sagactl.checks
	@$(LINT) .venv/bin/cfn-lint template.yaml infra/observability.yaml
	@$(LINT) SAM_CLI_TELEMETRY=0 .saga/sam/venv/bin/sam validate --lint --region us-east-1
	@$(LINT) .saga/checkov/venv/bin/checkov --config-file .checkov.yaml --file template.yaml
	@[ -e .git ] || echo 'Without .git nothing is searched for secrets' >&2
	@[ ! -e .git ] || git ls-files -z -- ':!*.txt' | xargs -0 .saga/checkov/venv/bin/detect-secrets-hook \
	  --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString

.PHONY: derive baseline
derive: setup ## Write what follows from the code: events/, the drawings, and sections of template.yaml
	@.venv/bin/python -m sagactl.design.derived_files
baseline: setup ## Release: accept events and states as they are, which later ones must be compatible with; keep the code
	@.venv/bin/python -m sagactl.checks.baseline

# The locks name versions and hashes, and no place that they come from.
COMPILE := .venv/bin/uv --quiet pip compile --universal --generate-hashes --no-header --python-version 3.13
.PHONY: lock
lock: setup ## Write the lock files again; LOCK=--upgrade takes newer versions
	@$(COMPILE) $(LOCK) --group uv -o requirements/uv.txt
	@$(COMPILE) $(LOCK) --group functions -o functions/requirements.txt
	@$(COMPILE) $(LOCK) pyproject.toml --group dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --group uv --constraint requirements/dev.txt -o requirements/saga.txt
	@for file in requirements/*.in; do $(COMPILE) $(LOCK) "$$file" -o "$${file%.in}.txt"; done
	@npm install --prefix requirements --package-lock-only --omit-lockfile-registry-resolved \
	  --no-audit --no-fund --loglevel=error > /dev/null
