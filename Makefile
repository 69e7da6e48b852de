# Rapport. `make` lists what there is. Needs Python >= 3.11 with venv; everything else comes with `make up` or `make test`.

SHELL := /bin/sh
PYTHON := .venv/bin/python
ARGS ?=

# The first Python that is new enough and can make virtual environments, then .venv with the locked requirements.
define ENVIRONMENT
@found=; \
for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		found="$$found $$python"; \
		if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then \
			exec $$python -I config/environment.py $(1); \
		fi; \
	fi; \
done; \
if [ -n "$$found" ]; then \
	echo "Python's venv module is missing: on Debian, apt-get install python3-venv." >&2; \
else \
	echo "Rapport needs Python 3.11 or newer, and there is none on the PATH." >&2; \
fi; \
exit 1
endef

.PHONY: help up test demo bench lint runtime development

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

up: runtime ## run everything in this terminal: engines, migrations, demo data, all processes (PORT=8000)
	@exec $(PYTHON) -m config.processes up

test: development ## run the tests; they bring engines and data of their own (ARGS="-k name"; "-n 0": one process)
	@exec $(PYTHON) -m pytest -n auto --maxprocesses 4 $(ARGS)

demo: runtime ## play the use cases end to end and print what happened
	@exec $(PYTHON) manage.py demo $(ARGS)

bench: development ## measure: sending, webhooks, then seeded faults (ARGS for all of them)
	@set -e; for program in sending optout webhooks chaos; do \
		echo "== bench/$$program.py"; $(PYTHON) "bench/$$program.py" $(ARGS); \
	done

lint: development ## check style, imports, types and templates
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/mypy config customers interactions communications manage.py
	.venv/bin/djlint templates --lint --quiet

runtime:
	$(call ENVIRONMENT)

development:
	$(call ENVIRONMENT,--dev)
