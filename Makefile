# The two commands: `make demo` and `make test`. Each sets up everything it needs.
SHELL := /bin/bash
PYTHON ?= python3
MEMBERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export GRPC_ENABLE_FORK_SUPPORT := 0

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types contracts protos protos-check unit test-matrix docs binary bench clean setup

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## make the virtual environment and install everything
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("etcdtui needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'installing into $(VENV)'
	@$(BIN)/python -m pip install -q --no-warn-script-location -e '.[dev]'
	@touch $@

demo: $(STAMP) ## a throw-away cluster with living sample data, and the UI on it (MEMBERS=3)
	@exec $(BIN)/etcdtui demo --members $(MEMBERS)

test: check unit ## all checks: lint, types, contracts, stubs, tests against real etcd

check: lint types contracts protos-check ## everything but the tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	@# Three at a time: they wait more than they compute. What fails in that company is told and must then hold alone.
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests || $(BIN)/python -m pytest --last-failed --last-failed-no-failures none tests

test-matrix: $(STAMP) ## the tests marked matrix on every etcd in ETCD_BINARIES (one folder a version)
	@test -n "$$ETCD_BINARIES" || { echo "set ETCD_BINARIES=DIR, one folder a version, each with etcd and etcdctl"; exit 2; }
	$(BIN)/python -m pytest -n 2 --dist loadfile -m matrix tests

protos: $(STAMP) ## make etcdtui/pb from protos/
	cd protos && ../$(BIN)/python -m grpc_tools.protoc -I . --python_out=.. --pyi_out=.. etcdtui/pb/*.proto

protos-check: $(STAMP)
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && cd protos && \
	../$(BIN)/python -m grpc_tools.protoc -I . --python_out="$$tmp" --pyi_out="$$tmp" etcdtui/pb/*.proto && \
	diff -r -x '__init__.py' -x __pycache__ "$$tmp/etcdtui/pb" ../etcdtui/pb && echo "etcdtui/pb is what make protos makes"

docs: $(STAMP) ## make docs/keys.md, the man page, the pictures and the recording again, from the program itself
	$(BIN)/python -m tests.docs.keys
	$(BIN)/python -m tests.docs.manpage
	$(BIN)/python -m tests.docs.pictures

BINARY = etcdtui-$(shell $(BIN)/python -c 'import etcdtui; print(etcdtui.__version__)')-$(shell uname -s | tr A-Z a-z)-$(shell uname -m)

binary: $(STAMP) ## the program for hosts without Python: a folder in dist/*.tar.gz for this platform
	$(BIN)/python -m pip install -q pyinstaller
	$(BIN)/pyinstaller --noconfirm --log-level WARN --onedir --name etcdtui --contents-directory lib \
	  --distpath dist/binary --workpath build/binary --specpath build/binary \
	  --add-data '$(CURDIR)/themes:etcdtui/themes' --add-data '$(CURDIR)/config.example.yaml:etcdtui' \
	  --add-data '$(CURDIR)/docs/config.schema.json:etcdtui' \
	  --collect-data etcdtui --collect-submodules etcdtui --collect-submodules textual --collect-submodules rich \
	  --collect-submodules dns.rdtypes --exclude-module tkinter --exclude-module pytest --exclude-module mypy \
	  packaging/entry.py
	tar -C dist/binary -czf 'dist/$(BINARY).tar.gz' etcdtui
	@echo 'written: dist/$(BINARY).tar.gz'

bench: $(STAMP) ## measured ratios, side by side in one run
	$(BIN)/python -m bench

clean: ## remove everything that was made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
