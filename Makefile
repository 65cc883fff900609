# Each target is a line or two over DVC: dvc.yaml is the pipeline, params.yaml its settings. `make help` lists them.
PYTHON ?= python3
# One environment for each interpreter: make test PYTHON=python3.13 leaves the usual one alone.
VENV := .venv$(if $(filter python3,$(PYTHON)),,-$(notdir $(PYTHON)))
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/installed
OVERRIDES ?= ham10000.overrides
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
export PATH := $(BIN):$(PATH)

RESNETS := resnet18,resnet34,resnet50,resnet101,resnet152
EFFICIENTNETS := efficientnet_b0,efficientnet_b1,efficientnet_b2,efficientnet_b3,efficientnet_b4,efficientnet_b5,efficientnet_b6,efficientnet_b7

.PHONY: help repro test coverage test-fast install lint format check-all check-lock doctor clean summary readme screenshots \
	benchmark benchmark-training benchmark-step benchmark-scaling compare-published keep-run web track ham10000 data \
	train-teacher train-teacher-single train-resnet-teachers train-efficientnet-teachers train-student quantize sklearn-baselines sklearn-baselines-quick

repro: $(INSTALLED)  ## the whole pipeline on params.yaml's data
	dvc repro

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## */\1\t/' | expand -t 30

test: $(INSTALLED)  ## all tests; PYTHON=python3.13 for another interpreter
	python -m pytest $(PARALLEL)

coverage: $(INSTALLED)  ## all tests, more slowly, and the lines that none of them runs
	python -m pytest $(PARALLEL) --cov --cov-report=term-missing:skip-covered

test-fast: $(INSTALLED)  ## the tests that run no whole pipeline
	python -m pytest -m 'not slow'

install: $(INSTALLED)  ## the pinned environment alone

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -c 'import torch, torchvision'  # fails where the two do not match
	touch $@

lint: $(INSTALLED)  ## format, lint and types, changing nothing
	ruff format --check .
	ruff check .
	mypy

format: $(INSTALLED)  ## format and mend what can be mended
	ruff format .
	ruff check --fix .

doctor: $(INSTALLED)  ## what is wrong with this workspace, and the command that mends it
	melanoma-kd doctor

check-lock: $(INSTALLED)  ## dvc.lock belongs to this code, these parameters and the committed numbers; needs no data
	melanoma-kd check_lock

check-all: lint check-lock test  ## all that .ci/run checks

clean:  ## remove environments, build/ (with reports of `validate`) and tools' caches; data, models and DVC's cache stay
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .coverage* dvc_plots build *.egg-info

summary: $(INSTALLED)  ## which models are done, which are missing, and the command for each
	melanoma-kd summarize

readme: $(INSTALLED)  ## rewrite the parts of README.md and docs/ that are drawn from tracked files
	melanoma-kd readme

screenshots: $(INSTALLED)  ## docs/figures: the report and the page as a browser shows them; needs Chromium
	melanoma-kd screenshots

benchmark: $(INSTALLED)  ## size, memory and speed of every model on this machine: close everything else first
	melanoma-kd benchmark

benchmark-training: $(INSTALLED)  ## how long the grid takes here beside a plain loop
	melanoma-kd benchmark_training

benchmark-step: $(INSTALLED)  ## how near a training comes to its bare step: close everything else first
	melanoma-kd benchmark_step

benchmark-scaling: $(INSTALLED)  ## how seconds and memory grow with the archive: an hour and 6 GB of disk
	melanoma-kd benchmark_scaling

compare-published: $(INSTALLED)  ## our models beside metrics/published/<name>.csv, tested image for image
	melanoma-kd compare_published

keep-run: $(INSTALLED)  ## the lock, the parameters and the seconds of the run in place, into metrics/<name>/run
	melanoma-kd keep_run

web: $(INSTALLED)  ## the page that runs the student in a browser: built into build/web and served
	melanoma-kd web

track: $(INSTALLED)  ## send histories and metrics to Weights & Biases, as tracking.wandb says
	melanoma-kd track

ham10000: $(INSTALLED)  ## HAM10000 by its overrides, which stay in params.yaml; OVERRIDES=ham10000-13-teachers.overrides wants a GPU
	dvc exp run $$(sed -e '/^#/d' -e 's/^/-S /' $(OVERRIDES))

data: $(INSTALLED)  ## the splits and the pack
	dvc repro prepare_splits pack_images

train-teacher: $(INSTALLED)  ## the listed teachers
	dvc repro train_teacher

train-teacher-single: $(INSTALLED)  ## one teacher, TEACHER_ARCH=resnet50; changes params.yaml
	dvc exp run -S 'teachers=[$(TEACHER_ARCH)]' -S 'kd.teachers=[$(TEACHER_ARCH)]' train_teacher@$(TEACHER_ARCH)

train-resnet-teachers: $(INSTALLED)  ## all ResNets; changes params.yaml
	dvc exp run -S 'teachers=[$(RESNETS)]' -S 'kd.teachers=[resnet18]' train_teacher

train-efficientnet-teachers: $(INSTALLED)  ## all EfficientNets; changes params.yaml
	dvc exp run -S 'teachers=[$(EFFICIENTNETS)]' -S 'kd.teachers=[efficientnet_b0]' train_teacher

train-student: $(INSTALLED)  ## the students, and what they need
	dvc repro distill repeat_student

quantize: $(INSTALLED)  ## the exported files, and what they need
	dvc repro quantize

sklearn-baselines: $(INSTALLED)  ## the baselines, and what they need
	dvc repro baselines

sklearn-baselines-quick: $(INSTALLED)  ## logistic regression on 1,000 images; changes params.yaml
	dvc exp run -S 'baselines.models=[logistic_regression]' -S baselines.max_train=1000 baselines
