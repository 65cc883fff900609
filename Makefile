# dvc.yaml is the pipeline, params.yaml its settings; a target does what one `dvc` command does not. `make help` lists them.
PYTHON ?= python3
# One environment for each interpreter: make test PYTHON=python3.13 leaves the usual one alone.
VENV := .venv$(if $(filter python3,$(PYTHON)),,-$(notdir $(PYTHON)))
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/installed
OVERRIDES ?= ham10000.overrides
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
export PATH := $(BIN):$(PATH)

.PHONY: help repro reproduce test test-all install lint format clean readme pictures page-audit benchmark keep-run \
	train cross-validate

repro: $(INSTALLED)  ## an environment with pinned versions, then the whole pipeline on params.yaml's data
	dvc repro
	@git diff --quiet || echo 'git status names files now: another processor rounds otherwise, another Python is recorded (docs/reproducibility.md)'

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## */\1\t/' | expand -t 30

reproduce: $(INSTALLED)  ## the committed pipeline twice from nothing: equal bytes, then nothing to do
	python -m tools.reproduce

test: $(INSTALLED)  ## the quick tests; PYTHON=python3.13 for another interpreter
	python -m pytest $(PARALLEL) -m 'not slow'

test-all: $(INSTALLED)  ## all tests
	python -m pytest $(PARALLEL)

install: $(INSTALLED)  ## the pinned environment alone

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -c 'import torch, torchvision'  # fails where the two do not match
	touch $@

lint: $(INSTALLED)  ## format, lint, types and dvc.lock, changing nothing
	ruff format --check .
	ruff check .
	mypy
	melanoma-kd doctor lock

format: $(INSTALLED)  ## format and mend what can be mended
	ruff format .
	ruff check --fix .

clean:  ## remove environments, build/ (with reports of `validate`) and tools' caches; data, models and DVC's cache stay
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .coverage* .lighthouseci dvc_plots build *.egg-info

readme: $(INSTALLED)  ## rewrite the parts of README.md and docs/ that are drawn from tracked files
	python -m tools.readme

pictures: $(INSTALLED)  ## docs/figures: the report and the page as a browser shows them; needs Chromium
	python -m tools.pictures

page-audit: $(INSTALLED)  ## Lighthouse's scores of the page, at least those of web/lighthouserc.json; needs npm, Chromium
	melanoma-kd web --build-only
	CHROME_PATH=$$(command -v chromium) npx --yes @lhci/cli@0.15.1 autorun --config=web/lighthouserc.json

benchmark: $(INSTALLED)  ## size, memory and speed of every model on this machine: close everything else first
	python -m tools.benchmark

keep-run: $(INSTALLED)  ## a finished run's tables, lock, parameters and seconds, into metrics/<name>/run
	python -m tools.keep_run

SET = $$(sed -e '/^\#/d' -e 's/^/-S /' $(OVERRIDES)) $(if $(DATA),-S data.name=$(DATA))
train: $(INSTALLED)  ## HAM10000, or by OVERRIDES=<file> DATA=<name> another archive; the values stay in params.yaml
	dvc exp run $(SET)

FEW = -S splits.folds=3 -S splits.train=0.62 -S splits.val=0.32
cross-validate: OVERRIDES = adapt.overrides
cross-validate: $(INSTALLED)  ## the adapted student over three folds of DATA=<name>, of few melanomas; params.yaml stays
	for fold in 0 1 2; do dvc exp run --temp --copy-paths data/raw/$(or $(DATA),$(error DATA=<name> is missing)) $(SET) $(FEW) -S splits.fold=$$fold \
		distill@T1_alpha0 repeat_student baselines || exit 1; done
	melanoma-kd compare
