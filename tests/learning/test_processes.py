"""Two processes on the CPU train as one: the same losses where the mathematics is the same, near ones elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shared_training
import torch
from conftest import ROOT

from stages.foundation.command import JOINED
from stages.learning.processes import share

SCRIPT = Path(shared_training.__file__)
# Dropout masks and batch statistics are each process's own; the small network's losses then differ by up to .17.
TOLERANCE = 0.25


def launch(folder: Path, kind: str, *, epochs: int = 99) -> int:
    folder.mkdir(exist_ok=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*launcher, str(SCRIPT), str(folder), kind, str(epochs)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", JOINED: "1"},
        capture_output=True,
        check=False,
        timeout=120,
    ).returncode


def losses(folder: Path) -> list[float]:
    return [epoch["train_loss"] for epoch in json.loads((folder / "history.json").read_text())]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for kind in ("exact", "normed"):
        assert launch(folder / kind, kind) == 0
    return folder


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_two_processes_give_the_losses_and_the_weights_of_one(two, tmp_path, threads):
    shared_training.run(tmp_path, "exact", 99)
    assert losses(two / "exact") == pytest.approx(losses(tmp_path), rel=1e-4)
    weights = [torch.load(folder / "weights.pt", weights_only=True) for folder in (two / "exact", tmp_path)]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name


def test_with_batch_norm_and_dropout_the_losses_are_near(two, tmp_path, threads):
    shared_training.run(tmp_path, "normed", 99)
    assert losses(two / "normed") == pytest.approx(losses(tmp_path), abs=TOLERANCE)
    assert losses(two / "normed") != losses(tmp_path)


def test_one_process_goes_on_from_the_checkpoint_of_two(two, tmp_path, threads):
    assert launch(tmp_path, "exact", epochs=2) != 0  # it ends in the third epoch
    assert not (tmp_path / "history.json").exists()
    shared_training.run(tmp_path, "exact", 99)
    assert losses(tmp_path) == pytest.approx(losses(two / "exact"), rel=1e-4)


@pytest.mark.parametrize(("count", "processes"), [(15, 2), (32, 4), (7, 3), (3, 1)])
def test_shares_are_in_order_and_of_equal_sizes(count, processes):
    parts = [np.arange(count)[share(count, rank, processes)] for rank in range(processes)]
    assert list(np.concatenate(parts)) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
