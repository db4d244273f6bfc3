# truepremia: `make run` builds the default panels, `make test` runs the tests; both set everything up first.
# Pass another interpreter with `make run PYTHON=/path/to/python3.11`, fewer cores with `make run CORES=2`.
# Without one, the first of these that is Python 3.11 or newer, those of the most tested version first.
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python
PYTHON ?=
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/locked
DOCS_VENV := .docs-venv
DOCS_STAMP := $(DOCS_VENV)/locked
MARKDOWN := README.md CHANGELOG.md CONTRIBUTING.md benchmarks/single_runs.md config docs examples results .github
FAST_WINGS := house methods judgement files commands
UV := uv==0.13.8
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help run report leaderboard test test-fast check bench docs lock clean

help:
	@echo "make run          build the panels of config/config.yaml into results/"
	@echo "make report       build them and their tables, figures and page, results/report/report.html"
	@echo "make leaderboard  judge all configured methods on them, results/leaderboard/, and the page"
	@echo "make test         run all tests, or those of one wing: make test WING=economies"
	@echo "make test-fast    run what takes less than a minute"
	@echo "make check        lint, format, types, workflow lint"
	@echo "make bench        measure CPU time and memory of every stage"
	@echo "make docs         build the documentation site, build/docs/html/index.html"
	@echo "make lock         resolve requirements.lock again (maintainers)"
	@echo "make clean        remove the environment and caches, keep results/"

# The stamp is newer than the lock exactly when the environment is the locked one.
$(STAMP): requirements.lock pyproject.toml
	@python=''; for one in $(if $(PYTHON),"$(PYTHON)",$(PYTHONS)); do \
	  "$$one" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && { python="$$one"; break; }; done; \
	[ -n "$$python" ] || { echo "truepremia: error: none of '$(or $(PYTHON),$(PYTHONS))' is Python 3.11 or" \
	    "newer with venv; pass one with 'make PYTHON=/path/to/python3.11 ...'" >&2; exit 1; }; \
	echo "truepremia: $$("$$python" --version) ($$(command -v "$$python")) makes the environment $(VENV)"; \
	"$$python" -m venv --clear $(VENV)
	@echo "truepremia: installing the locked packages into $(VENV), once; a few minutes at most"
	@$(PIP) "$(UV)" && $(BIN)/python -m uv pip install --quiet --system-certs \
	    --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock \
	  || { echo "uv could not install the packages, trying pip (slower)"; \
	    $(PIP) --require-hashes -r requirements.lock; }
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
	@echo "truepremia: installed"

run: $(STAMP)
	@python -m truepremia run --cores $(CORES)

report: $(STAMP)
	@python -m truepremia report --cores $(CORES)

leaderboard: $(STAMP)
	@python -m truepremia leaderboard --cores $(CORES)
	@python -m truepremia report --cores $(CORES)

test: $(STAMP)
	pytest -n auto tests$(if $(WING),/$(WING))

test-fast: $(STAMP)
	pytest -n 2 -m "not slow" $(addprefix tests/,$(FAST_WINGS))

check: $(STAMP)
	ruff check .
	ruff format --check .
	mypy
	mdformat --check $(MARKDOWN)
	snakefmt --check Snakefile rules
	snakemake --lint

bench: $(STAMP)
	python benchmarks/run.py

# Sphinx stands beside the locked environment and sees its packages; a warning fails the build.
$(DOCS_STAMP): $(STAMP) requirements-docs.lock
	@echo "truepremia: installing Sphinx into $(DOCS_VENV), once"
	@python -m venv --clear $(DOCS_VENV)
	@python -c 'import site; print(site.getsitepackages()[0])' > \
	  "$$($(DOCS_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])')/locked.pth"
	@$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements-docs.lock
	@touch $@

docs: $(DOCS_STAMP)
	@rm -rf build/docs/html
	@PYTHONPATH=src $(DOCS_VENV)/bin/python docs/site/stage.py build/docs/source
	@echo "truepremia: drawing the gallery and building the pages, two minutes on two cores"
	@TRUEPREMIA_ROOT="$(CURDIR)" PYTHONPATH=src $(DOCS_VENV)/bin/python -m sphinx -q -W \
	  --keep-going -b html build/docs/source build/docs/html
	@$(DOCS_VENV)/bin/python docs/site/check.py build/docs/html
	@echo "truepremia: the site is build/docs/html/index.html"

lock:
	$(or $(PYTHON),python3.11) -m venv --clear .lock-venv
	.lock-venv/bin/python -m pip install --quiet "$(UV)"
	.lock-venv/bin/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --python-version 3.11 \
	  --custom-compile-command "make lock" --quiet -o requirements.lock
	.lock-venv/bin/uv pip compile --group docs --universal --generate-hashes -c requirements.lock \
	  --no-emit-index-url --no-emit-find-links --no-annotate --python-version 3.11 \
	  --custom-compile-command "make lock" --quiet -o requirements-docs.lock
	rm -rf .lock-venv

clean:
	rm -rf $(VENV) $(DOCS_VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
