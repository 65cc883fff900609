"""GPUs and cores of this machine, as the driver and the system tell."""

import os

import pytest

from stages.commands.machine import check_cores, visible_gpus
from stages.networks.settings import Compute


def test_gpus_are_those_that_the_driver_lists(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n[ \"$1\" = --list-gpus ] && echo 'GPU 0: A (UUID: a)' && echo 'GPU 1: A (UUID: b)'\n")
    tool.chmod(0o755)
    assert visible_gpus() == ["0", "1"]
    for hidden, seen in {"": [], "-1": [], "1,-1,0": ["1"], "GPU-a,GPU-b": ["GPU-a", "GPU-b"]}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert visible_gpus() == seen


def test_more_threads_than_cores_are_refused_with_values_that_fit(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    compute = Compute(device="auto", precision="fp32", threads=2, deterministic=True)
    check_cores(2, compute)
    with pytest.raises(ValueError, match=r"^3 workers of 2 threads each, on 4 cores; use --workers 2, or ") as refused:
        check_cores(3, compute)
    assert str(refused.value).endswith("or --workers 3 -S compute.threads=1")
    with pytest.raises(ValueError, match=r"use --workers 1 -S compute\.threads=4, or"):
        check_cores(1, compute.model_copy(update={"threads": 8}))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    check_cores(3, compute)  # a GPU each
