# The two commands that a person needs are `make up` and `make test`; `make help` tells the rest.

# Folders and PYTHON (a program's name or path) reach the shell as its own variables: no letter of theirs means
# anything there, whatever it means to make.
PYTHON_COMMAND := "$${PYTHON:-python3}"
LOCAL := $(if $(filter ~/%,$(value FPGA_LOCAL)),~/"$(patsubst ~/%,%,$(value FPGA_LOCAL))","$${FPGA_LOCAL:-.local}")
BIN := $(LOCAL)/venv/bin

# What makes a Python another one than it is (`surroundings.variables` tells why) reaches none of the project's.
PYTHON_KEPT := PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER PYTHONHASHSEED PYTHONPYCACHEPREFIX PYTHONUNBUFFERED
unexport $(filter-out PYTHON PYTHON_% $(PYTHON_KEPT),$(filter PYTHON%,$(.VARIABLES)))
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: lint lint-format lint-style lint-types lint-imports lint-protos lint-stacks lint-workflows lint-picture lint-settings lint-notebooks
.PHONY: help bootstrap engine up test test-pythons fuzz bench chaos story picture protos screenshots settings compatibility notebooks lock pulumi-pin down clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: ## make the virtual environment, where it is missing or out of date
	@said=$$($(PYTHON_COMMAND) -c 0 2>&1) || { \
		printf 'error: %s does not run (%s): set PYTHON to Python 3.11 or newer, by its path if need be.\n' \
			$(PYTHON_COMMAND) "$$(printf %s "$$said" | head -n 1)" >&2; exit 1; }
	@$(PYTHON_COMMAND) engine/bootstrap.py

engine: bootstrap ## install the Pulumi CLI and its plugins, where they are missing or out of date
	@$(BIN)/python -m engine install

up: bootstrap ## bring everything up on this machine, and classify a photo over TLS
	@$(BIN)/fpga up

test: bootstrap lint ## check the code, run every test, and say how much of each room they ran
	@# a file's tests stay together: they share a stack, or a server; files go in their order, e2e before the short ones
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=
	@$(BIN)/python -m tools.covered

test-pythons: bootstrap ## run every test but e2e on each other Python that this machine has
	@$(BIN)/python -m tools.pythons

fuzz: bootstrap ## try parsers and APIs with inputs that nobody thought of; SECONDS=N each, TARGETS="pem ..." some
	@$(BIN)/python -m tools.fuzz $(SECONDS:%=--seconds=%) $(TARGETS)

bench: bootstrap ## measure speed, as ratios of things measured side by side
	@$(BIN)/python -m tools.bench

chaos: bootstrap ## attack it, and tell what became of it; PARTS="kills ..." some, SECONDS=N each, PAGE=1 writes docs/reliability.md
	@$(BIN)/python -m tools.chaos $${PARTS:-} --seconds "$${SECONDS:-60}" $${PAGE:+--page}

story: bootstrap ## play a pull request on this machine: plan, merge through dev, staging, prod, night watch
	@$(BIN)/python -m tools.story

lint: lint-format lint-style lint-types lint-imports lint-protos lint-stacks lint-workflows lint-picture lint-settings lint-notebooks ## check the code alone, by all of the following

lint-format: bootstrap ## check the format; `ruff format` mends it
	@$(BIN)/ruff format --check

lint-style: bootstrap ## check the style; `ruff check --fix` mends much of it
	@$(BIN)/ruff check

lint-types: bootstrap ## check the types
	@$(BIN)/mypy

lint-imports: bootstrap ## check who may import whom
	@$(BIN)/lint-imports

lint-protos: bootstrap ## check clients/wire/messages.py by the protos; `make protos` makes it anew
	@$(BIN)/python -m tools.protos --check

protos: bootstrap ## make the Python messages of clients/wire/protos
	@$(BIN)/python -m tools.protos

lint-stacks: bootstrap ## check the stacks' files by their schemas, and these by the program
	@$(BIN)/fpga stack schema --check
	@$(BIN)/check-jsonschema --schemafile stacks/schema/stack.schema.json stacks/Pulumi.*.yaml
	@$(BIN)/check-jsonschema --schemafile stacks/schema/backend.schema.json stacks/Backend.*.yaml

lint-workflows: bootstrap ## check the workflows and forms of GitHub
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		.github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@$(BIN)/python -m tools.actionlint
	@$(BIN)/zizmor --offline --persona auditor --strict-collection --quiet .github

lint-picture: bootstrap ## check docs/architecture.svg; `make picture` draws it anew
	@$(BIN)/python -m tools.picture --check

picture: bootstrap ## draw docs/architecture.svg from the imports
	@$(BIN)/python -m tools.picture

screenshots: bootstrap ## make those of docs/page.md anew, in Debian's chromium
	@$(BIN)/python -m tools.screenshots

lint-settings: bootstrap ## check docs/server-settings.md; `make settings` writes it anew
	@$(BIN)/python -m tools.server_settings --check

compatibility: bootstrap ## run other people's clients against a localcloud, and write docs/compatibility.md
	@$(BIN)/python -m tools.compatibility --page

settings: bootstrap ## write docs/server-settings.md from localcloud's settings
	@$(BIN)/python -m tools.server_settings

lint-notebooks: bootstrap ## check that notebooks have nothing of a run in them; `make notebooks` takes it out
	@$(BIN)/python -m tools.notebooks --check

notebooks: bootstrap ## take out of notebooks what a run has left in them
	@$(BIN)/python -m tools.notebooks

lock: bootstrap ## renew the lock files after pyproject.toml; UPGRADE=NAME or UPGRADE=all brings newer versions
	@$(BIN)/python -m tools.pins.lock --upgrade="$${UPGRADE:-}"

pulumi-pin: bootstrap ## bring Pulumi to VERSION=3.x.y everywhere it is pinned
	@$(BIN)/python -m tools.pins.pulumi "$${VERSION:-}"

down: ## stop every process that `make up` started
	@if [ -x $(BIN)/fpga ]; then $(BIN)/fpga down; else echo "Nothing was running."; fi

clean: ## remove all that was made in this checkout
	@if [ -x $(BIN)/fpga ]; then $(BIN)/fpga clean; else rm -rf -- $(LOCAL); fi
