"""Batch systems: the job that dask-jobqueue makes of our example."""

import subprocess
import sys

import pytest
from conftest import ROOT

from stages.scheduling.engine import job_cluster, run_module

SCRIPT = """
from pathlib import Path
from stages.scheduling.engine import job_cluster
cluster = job_cluster(Path("docs/slurm.yaml"))
print(cluster.job_script())
cluster.close()
"""


def test_the_example_for_slurm_asks_for_a_gpu_and_offers_it_to_tasks():
    process = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    for line in ("#SBATCH -p gpu", "#SBATCH --gres=gpu:1", "#SBATCH --cpus-per-task=8", "#SBATCH -t 24:00:00"):
        assert line in process.stdout.splitlines()
    worker = process.stdout.rstrip().splitlines()[-1]
    assert "dask_worker" in worker
    assert "--resources GPU=1,threads=8" in worker


@pytest.mark.parametrize("text", ["jobqueue: {slurms: {}}", "jobqueue: {slurm: {}, pbs: {}}", "a: 1"])
def test_a_file_of_no_batch_system_is_refused(tmp_path, text):
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"jobs.yaml: jobqueue: wanted one of lsf, pbs, sge, slurm"):
        job_cluster(path)


def test_a_failed_module_says_its_last_lines():
    assert run_module(["platform"], "ignored") != ""
    with pytest.raises(RuntimeError, match=r"exit status 2\n(.|\n)*the following arguments are required: commit"):
        run_module(["stages.commands.work"])
