# Needs Python 3.10 or newer and make, nothing else: tools go to .venv/, environments to .cache/ and .tox/.

HOST ?= pyautogen
# For make pictures: where a Jaeger is looked at, and where it takes spans; the stack's, unless they say otherwise.
JAEGER ?= http://localhost:16686
OTLP ?= http://localhost:4318
TESTED_HOST_pyautogen := pyautogen==0.2.35
TESTED_HOST_ag2 := ag2[openai]==0.14.0

# The first of these Pythons that is older than 3.$(1); version managers leave commands on the path that do not run.
CANDIDATES := $(or $(PYTHON),python3 python3.12 python3.11 python3.10 python3.13 python3.14 python)
find_python = $(shell for python in $(CANDIDATES); do $$python -c 'import sys; (3, 10) <= sys.version_info < (3, $(1)) or sys.exit(1); print(sys.executable)' 2>/dev/null && break; done)
OLDER := $(call find_python,13)
# tox looks for the oldest and the newest on the path, where version managers may leave commands that do not run.
find_exact = $(shell for python in python$(1) $(HOME)/.pyenv/versions/$(1).*/bin/python; do $$python -c 'import sys; sys.version_info[:2] == ($(subst .,$(comma),$(1))) or sys.exit(1); print(sys.executable)' 2>/dev/null && break; done)
comma := ,
OLDEST := $(call find_exact,3.10)
NEWEST := $(call find_exact,3.13)
BETWEEN := $(call find_exact,3.12)
BASE := $(or $(OLDER),$(call find_python,99))

# One process more than cores, since tests wait for servers, too. A file's tests share what it makes once.
WORKERS ?= $(shell '$(BASE)' -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
IN_PARALLEL = --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

TOOLS := .venv/tools-installed
DEMO_ENV := .cache/demo-env-$(HOST)
CHECK_ENV := .cache/check-env
MKDOCS := NO_MKDOCS_2_WARNING=1 $(CHECK_ENV)/bin/mkdocs

# uv would fetch a Python from the internet rather than take the one that is here.
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= copy
# A company's proxy has a certificate of its own, which the system knows and neither uv nor an older pip would.
export UV_SYSTEM_CERTS ?= true
SYSTEM_CERTIFICATES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem))
ifneq ($(SYSTEM_CERTIFICATES),)
export PIP_CERT ?= $(SYSTEM_CERTIFICATES)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# $(call quietly,what,commands): one line of progress, and the log only if it went wrong.
define quietly
@mkdir -p .cache
@echo "$(1) ..."
@{ $(2); } > .cache/install.log 2>&1 || { cat .cache/install.log; echo "$(1): failed, see above" >&2; exit 1; }
endef

.PHONY: help demo test test-quick test-servers check docs dist bench dashboards pictures needs-python needs-older-python needs-tested-pythons needs-host

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

demo: needs-host $(DEMO_ENV)/installed ## watch an intermittent 500 explain itself (HOST=ag2 for AG2 instead of pyautogen)
	@$(DEMO_ENV)/bin/python -m scenarios.demo

test: needs-older-python needs-tested-pythons $(TOOLS) ## run the tests with every supported AutoGen
	PATH="$(dir $(OLDEST)):$(dir $(NEWEST)):$(if $(BETWEEN),$(dir $(BETWEEN)):)$$PATH" PYTEST_ADDOPTS='$(IN_PARALLEL)' .venv/bin/tox run
	'$(BASE)' -m tests.every_case .tox

test-quick: needs-older-python $(TOOLS) ## run what is quick of the tests, with one AutoGen
	.venv/bin/tox run -e pyautogen02-openai3 -- $(IN_PARALLEL) -m 'not slow'

test-servers: needs-older-python $(TOOLS) ## build a real Jaeger, Prometheus and Collector, once, install a browser, and test against them
	.venv/bin/python -m tests.servers.build
	.venv/bin/tox run -e servers

bench: needs-host $(DEMO_ENV)/installed ## measure what being observed costs, and write docs/benchmarks.md
	@$(DEMO_ENV)/bin/python -W ignore -m bench --write docs/benchmarks.md

pictures: needs-older-python $(TOOLS) ## take the pictures of docs/ again, with the Jaeger of docker compose up (else JAEGER=URL OTLP=URL)
	.venv/bin/tox exec -e servers -- python -W ignore -m tests.servers.pictures '$(JAEGER)' '$(OTLP)'

check: $(CHECK_ENV)/installed ## check format, style, types and layers
	$(CHECK_ENV)/bin/ruff format --check .
	$(CHECK_ENV)/bin/ruff check .
	$(CHECK_ENV)/bin/mypy
	$(CHECK_ENV)/bin/lint-imports
	$(CHECK_ENV)/bin/python -m tools.dashboards --check
	$(MKDOCS) build --strict

docs: $(CHECK_ENV)/installed ## build the documentation as a site in .cache/site (to search it: python3 -m http.server -d .cache/site)
	$(MKDOCS) build --strict

dist: $(CHECK_ENV)/installed ## build the source distribution and the wheel into dist/, and check them
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 315532800) .venv/bin/uv build --quiet --out-dir dist
	$(CHECK_ENV)/bin/twine check --strict dist/*

dashboards: $(CHECK_ENV)/installed ## write dashboards/ and the generated parts of docs/metrics.md and docs/runbook.md
	$(CHECK_ENV)/bin/python -m tools.dashboards

$(TOOLS): | needs-python
	$(call quietly,Installing tox and uv into .venv,'$(BASE)' -m venv .venv && .venv/bin/python -m pip install --quiet 'tox>=4.25' 'tox-uv>=1.25' && touch $@)

$(DEMO_ENV)/installed: pyproject.toml $(TOOLS)
	$(call quietly,Installing $(TESTED_HOST_$(HOST)) and this package into $(DEMO_ENV),.venv/bin/uv venv --clear --python '$(BASE)' $(DEMO_ENV) && .venv/bin/uv pip install --python $(DEMO_ENV) --editable '.[cli]' '$(TESTED_HOST_$(HOST))' && touch $@)

$(CHECK_ENV)/installed: pyproject.toml $(TOOLS)
	$(call quietly,Installing the checkers into $(CHECK_ENV),.venv/bin/uv venv --clear --python '$(BASE)' $(CHECK_ENV) && .venv/bin/uv pip install --python $(CHECK_ENV) --editable '.[cli]' --group check --group test && touch $@)

needs-python:
	@test -n '$(BASE)' || { echo "This needs Python 3.10 or newer, and none of these is one: $(CANDIDATES). Install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@'$(BASE)' -c 'import ensurepip, venv' 2>/dev/null || { echo "$(BASE) has no venv module: install it (Debian and Ubuntu: apt install python3-venv), or name another Python: make PYTHON=/path/to/python3" >&2; exit 1; }

needs-older-python: | needs-python
	@test -n '$(OLDER)' || { echo "pyautogen 0.2.35 needs Python 3.10, 3.11 or 3.12, and none of these is one: $(CANDIDATES). Install it, or name it: make PYTHON=/path/to/python3.12 (AG2 runs on newer ones: make demo HOST=ag2)" >&2; exit 1; }

needs-tested-pythons:
	@test -n '$(OLDEST)' || { echo "make test needs Python 3.10, the oldest supported: install it, and have python3.10 on the path" >&2; exit 1; }
	@test -n '$(NEWEST)' || { echo "make test needs Python 3.13, the newest supported: install it, and have python3.13 on the path" >&2; exit 1; }

needs-host: $(if $(filter pyautogen,$(HOST)),needs-older-python)
	@test -n '$(TESTED_HOST_$(HOST))' || { echo "HOST is pyautogen or ag2, not $(HOST)" >&2; exit 1; }
