"""Larger and larger archives: every stage is measured, in a folder of its own."""

import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import tiny_params

from stages.commands import benchmark_scaling


def test_the_demo_has_about_as_many_images_as_asked():
    params = benchmark_scaling.scaled(tiny_params(), 10_000, 64)
    assert params["demo"]["lesions"] == 7519  # 1.33 images each
    assert params["demo"]["melanoma_share"] == tiny_params()["demo"]["melanoma_share"]
    assert params["teacher"] == tiny_params()["teacher"] | {"epochs": 1, "changes": {}}


def test_memory_mapped_from_a_file_is_not_counted(tmp_path):
    (tmp_path / "file").write_bytes(bytes(200_000_000))
    code = """
import mmap, sys
text = open(sys.argv[1], "rb").read() if sys.argv[2] == "read" else mmap.mmap(open(sys.argv[1]).fileno(), 0, prot=1)
sum(text[::4096]); print(flush=True); input()
"""
    megabytes = {}
    for how in ("read", "mapped"):
        argv = [sys.executable, "-c", code, str(tmp_path / "file"), how]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            megabytes[how] = benchmark_scaling.private_megabytes(psutil.Process(process.pid))
            process.communicate(b"\n")
    assert megabytes["read"] > 200
    assert megabytes["mapped"] < 50


def test_a_stage_that_fails_is_named(tmp_path):
    with pytest.raises(ValueError, match="prepare_splits: exit status 1"):
        benchmark_scaling.run_stage("prepare_splits", tmp_path)


@pytest.mark.slow
def test_each_stage_has_its_row(project):
    benchmark_scaling.main(["--images", "80", "--size", "32"])
    table = pd.read_csv(project / "metrics/demo/scaling.csv")
    assert table["stage"].tolist() == list(benchmark_scaling.STAGES)
    assert table["images"].between(60, 100).all()
    assert np.allclose(table["ms_per_image"] * table["images"], 1e3 * table["seconds"], rtol=1e-3)
    assert (table["megabytes"] > 50).all()
