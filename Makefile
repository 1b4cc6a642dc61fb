# For a machine with Python 3.10 to 3.13 and make. Everything is installed into $(VENV).
#   make demo   a synthetic patient through segmentation, measurement and report
#   make test   all tests, without a screen
#   make lint   what .ci/run checks besides the tests

PYTHON ?= python3
VENV ?= .venv
DEMO_OUT ?= demo-output
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

export QT_QPA_PLATFORM := offscreen
export MPLBACKEND := Agg

.PHONY: demo test lint format system-packages clean

demo: $(VENV)/demo.done
	$(BIN)/deepvolumetry demo renal --out $(DEMO_OUT)

test: $(VENV)/test.done
	@$(BIN)/python Testing/check_system_libraries.py --install
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(VENV)/lint.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

system-packages: $(VENV)/test.done
	@$(BIN)/python Testing/check_system_libraries.py --install

# torch comes first and pinned, so that no other package can choose a different one.
$(VENV)/demo.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else "Python 3.10 to 3.13 is needed, this is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) --editable .
	@touch $@

$(VENV)/test.done: $(VENV)/demo.done
	$(INSTALL) --editable '.[scene,batch,viewer,viewer-tests,panel-tests,test]'
	@touch $@

$(VENV)/lint.done: $(VENV)/test.done
	$(INSTALL) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO_OUT) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
