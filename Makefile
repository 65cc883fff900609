# Each target is a line or two over DVC: dvc.yaml is the pipeline, params.yaml its settings.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
INSTALLED := .venv/installed
OVERRIDES ?= ham10000.overrides
export PATH := $(BIN):$(PATH)

RESNETS := resnet18,resnet34,resnet50,resnet101,resnet152
EFFICIENTNETS := efficientnet_b0,efficientnet_b1,efficientnet_b2,efficientnet_b3,efficientnet_b4,efficientnet_b5,efficientnet_b6,efficientnet_b7

.PHONY: repro test test-fast install lint format check-all check-lock clean summary readme benchmark benchmark-training compare-published keep-run web track ham10000 data \
	train-teacher train-teacher-single train-resnet-teachers train-efficientnet-teachers train-student quantize \
	sklearn-baselines sklearn-baselines-quick

repro: $(INSTALLED)  ## the whole pipeline on params.yaml's data
	dvc repro

test: $(INSTALLED)  ## all tests, with coverage
	python -m pytest --cov --cov-report=term-missing:skip-covered

test-fast: $(INSTALLED)
	python -m pytest -m 'not slow'

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -c 'import torch, torchvision'  # fails where the two do not match
	touch $@

lint: $(INSTALLED)
	ruff format --check .
	ruff check .
	mypy

format: $(INSTALLED)
	ruff format .
	ruff check --fix .

check-lock: $(INSTALLED)  ## dvc.lock belongs to this code, these parameters and the committed numbers; needs no data
	python -m stages.check_lock

check-all: lint check-lock test

clean:  ## what can be rebuilt in minutes; data, models and DVC's cache stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .coverage* dvc_plots build *.egg-info

summary: $(INSTALLED)  ## which models are done, which are missing, and the command for each
	python -m stages.summarize

readme: $(INSTALLED)  ## rewrite the parts of README.md that are drawn from tracked files
	python -m stages.readme

benchmark: $(INSTALLED)  ## size, memory and speed of every model on this machine: close everything else first
	python -m stages.benchmark

benchmark-training: $(INSTALLED)  ## how long the grid takes here beside a plain loop
	python -m stages.benchmark_training

compare-published: $(INSTALLED)  ## our models beside metrics/published/<name>.csv, tested image for image
	python -m stages.compare_published

keep-run: $(INSTALLED)  ## the lock, the parameters and the seconds of the run in place, into metrics/<name>/run
	python -m stages.keep_run

web: $(INSTALLED)  ## the page that runs the student in a browser: built into build/web and served
	python -m stages.web

track: $(INSTALLED)  ## send histories and metrics to Weights & Biases, as tracking.wandb says
	python -m stages.track

ham10000: $(INSTALLED)  ## the run whose numbers are committed; OVERRIDES=ham10000-13-teachers.overrides wants a GPU
	dvc exp run $$(sed -e '/^#/d' -e 's/^/-S /' $(OVERRIDES))

data: $(INSTALLED)
	dvc repro prepare_splits pack_images

train-teacher: $(INSTALLED)
	dvc repro train_teacher

train-teacher-single: $(INSTALLED)  ## TEACHER_ARCH=resnet50
	dvc exp run -S 'teachers=[$(TEACHER_ARCH)]' -S 'kd.teachers=[$(TEACHER_ARCH)]' train_teacher@$(TEACHER_ARCH)

train-resnet-teachers: $(INSTALLED)
	dvc exp run -S 'teachers=[$(RESNETS)]' -S 'kd.teachers=[resnet18]' train_teacher

train-efficientnet-teachers: $(INSTALLED)
	dvc exp run -S 'teachers=[$(EFFICIENTNETS)]' -S 'kd.teachers=[efficientnet_b0]' train_teacher

train-student: $(INSTALLED)
	dvc repro distill

quantize: $(INSTALLED)
	dvc repro quantize

sklearn-baselines: $(INSTALLED)
	dvc repro baselines

sklearn-baselines-quick: $(INSTALLED)  ## logistic regression on 1,000 images
	dvc exp run -S 'baselines.models=[logistic_regression]' -S baselines.max_train=1000 baselines
