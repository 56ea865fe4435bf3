# GNU make, POSIX sh. The work is in .ci/, one script a job; this is the list of jobs.
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
JOBS ?= 2
# Tests of one xdist_group share what is slow to start, a libvirtd say, so they stay together.
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadgroup -rfEs

# Echo a command as a user would type it, then run it.
kvmc = @printf '\n$$ kvmc %s\n' '$(1)'; $(BIN)/kvmc $(1)

.PHONY: help demo test test-all lint format golden docs bench clean venv venv-dev \
	venv-libvirt system-packages system-packages-all
.NOTPARALLEL:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name what; do \
		printf '  make %-10s %s\n' "$$name" "$$what"; done

demo: venv  ## draw this machine, then plan and build the first example; needs only Python 3.11
	$(call kvmc,host show)
	$(call kvmc,plan examples/lianhua)
	$(call kvmc,build examples/lianhua)

test: system-packages lint venv-libvirt  ## the linters and every test but the slow ones; as root it installs libvirt and QEMU
	$(PYTEST) -m "not slow"

test-all: system-packages-all lint venv-libvirt  ## the slow ones too
	$(PYTEST)

lint: venv-dev  ## ruff, mypy and the import contracts
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check
	$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@echo "lint: clean"

format: venv-dev  ## rewrite the sources the way lint wants them
	$(BIN)/ruff check --fix --quiet || :
	$(BIN)/ruff format --quiet

golden: venv-dev  ## rewrite every expected.txt; read the diff before you commit it
	$(BIN)/pytest -q tests/golden --update-golden

docs: venv-dev  ## rewrite docs/reference from the schemas and the codes
	$(BIN)/python docs/generate.py

bench:  ## measure, beside Nova and CP-SAT where they can be had; BENCH=--quick for a sample
	@.ci/venv dev
	@[ -x .venv/nova/bin/nova-manage ] || { $(BIN)/python -m venv .venv/nova && \
		.venv/nova/bin/pip install -qq --disable-pip-version-check 'nova>=29'; } || \
		echo "Nova cannot be installed here; its columns stay empty" >&2
	$(BIN)/python -m benchmarks $(BENCH)

clean:  ## remove what these targets made, .venv included
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	rm -rf compiler/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@.ci/venv

venv-dev:
	@.ci/venv dev

# Without it tests/e2e skips what speaks to libvirt from Python. CI does not put up with that.
venv-libvirt: venv-dev
	@! pkg-config --exists libvirt 2>/dev/null || .ci/venv dev libvirt || [ -z "$$CI" ]

system-packages:
	@.ci/system-packages

system-packages-all:
	@.ci/system-packages all
