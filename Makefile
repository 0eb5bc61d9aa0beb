PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-oldest check docs docs-quick clean

# Each stamp stands for one set of installed packages; editing pyproject.toml installs anew.
.venv/.base: pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.test: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

.venv/.docs: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

install: .venv/.test

# Two minutes on handwritten digits; a demo that was stopped goes on.
demo: .venv/.base
	$(BIN)/gen-augment demo -o demo

# Each process has one thread; more than four would take more memory than they save time.
test: .venv/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

# The lowest versions that pyproject.toml states, in an environment of their own. Warnings are no
# errors there: old packages raise them about newer ones.
OLDEST := tests/test_archive.py tests/test_containers.py tests/test_rng.py tests/test_validation.py \
	tests/bank/test_bank.py tests/cli/test_fit.py tests/contract/test_every_sampler.py \
	tests/data/test_frames.py tests/modalities/table/test_codec.py \
	tests/modalities/table/test_dtypes.py tests/samplers/test_plotting.py tests/study/report \
	tests/study/test_result.py tests/study/test_statistics.py tests/study/test_verdict.py tests/training

.venv-oldest/.done: pyproject.toml constraints/oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check -c constraints/oldest.txt \
		--editable '.[imbalanced]' pytest hypothesis
	touch $@

test-oldest: .venv-oldest/.done
	.venv-oldest/bin/python -m pytest -q -m "not slow" -W default $(OLDEST)

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The search is checked where there is a node to run it.
check_search = if command -v node >/dev/null; then node docs/check_search.js $(1); fi

# The pages are in docs/_build/html; a warning is an error. Pages of the gallery run again if they
# have changed.
docs: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html
	$(call check_search,docs/_build/html)

# The same without running the gallery.
docs-quick: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -D plot_gallery=0 docs docs/_build/quick
	$(BIN)/python docs/check_links.py docs/_build/quick
	$(call check_search,docs/_build/quick)

clean:
	rm -rf .venv .venv-oldest demo build *.egg-info docs/_build
