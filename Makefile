# Needs Python 3.11 or newer (the newest that the machine has is taken), git and make; no root, no
# other service.  Another Python, beside the first:
#   make test PYTHON=/usr/bin/python3.11 VENV=.venv-3.11
PYTHON ?=
VENV ?= .venv
# For pytest: make test ARGS="tests/unit -x"
ARGS ?=

.PHONY: run test lint lock clean

run: $(VENV)/.installed
	$(VENV)/bin/copdns -c config/home.yaml --data var run

test: $(VENV)/.installed
	$(VENV)/bin/pytest $(ARGS)

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# The pins carry no index address, so that they hold for any mirror.
lock: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet uv
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	    --extra test --extra lan --extra rich pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache dist

$(VENV)/.installed: pyproject.toml requirements.lock
	@scripts/make-venv $(VENV) "$(PYTHON)" requirements.lock -e .
