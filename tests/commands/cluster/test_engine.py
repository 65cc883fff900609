"""Workers: the job that dask-jobqueue makes of our example, and the GPUs that local ones see."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from stages.commands.cluster.engine import job_cluster, own_gpus, run_module

SCRIPT = """
from pathlib import Path
from stages.commands.cluster.engine import job_cluster
cluster = job_cluster(Path("docs/slurm.yaml"))
print(cluster.job_script())
cluster.close()
"""

JOBS = """
import os, signal, time
from dask_jobqueue.local import LocalCluster
from distributed import Client
from stages.commands.cluster.engine import keep_jobs
if __name__ == "__main__":
    cluster = LocalCluster(cores=1, processes=1, memory="1GB")
    keep_jobs(cluster, 1)
    client = Client(cluster)
    for _ in range(2):
        client.wait_for_workers(1, timeout=60)
        (pid,) = client.run(os.getpid).values()
        print(pid, flush=True)
        os.kill(pid, signal.SIGKILL)
        while client.scheduler_info()["workers"]:
            time.sleep(0.1)
    client.close()
    cluster.close()
"""

GPUS = """
import os
from stages.commands.cluster.engine import open_cluster
if __name__ == "__main__":
    client = open_cluster(2, {"GPU": 1, "threads": 2})
    print(sorted(client.run(lambda: os.environ.get("CUDA_VISIBLE_DEVICES", "all")).values()))
    client.close()
    client.cluster.close()
"""


def test_workers_take_gpus_in_turn():
    assert [own_gpus(["0", "1"], number, 1) for number in range(3)] == [["0"], ["1"], ["0"]]
    assert [own_gpus(list("4567"), number, 2) for number in range(2)] == [["4", "5"], ["6", "7"]]


@pytest.mark.parametrize(("gpus", "seen"), [("0,1", ["0", "1"]), ("3", ["3", "3"])])
def test_local_workers_have_a_gpu_of_their_own(tmp_path, gpus, seen):
    script = tmp_path / "gpus.py"
    script.write_text(GPUS)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": gpus}
    argv = [sys.executable, str(script)]
    process = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == str(seen)


def test_the_example_for_slurm_asks_for_a_gpu_and_offers_it_to_tasks():
    process = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    for line in ("#SBATCH -p gpu", "#SBATCH --gres=gpu:1", "#SBATCH --cpus-per-task=8", "#SBATCH -t 24:00:00"):
        assert line in process.stdout.splitlines()
    worker = process.stdout.rstrip().splitlines()[-1]
    assert "dask_worker" in worker
    assert "--resources GPU=1,threads=8" in worker


def test_a_job_that_the_batch_system_ends_is_replaced(tmp_path):
    script = tmp_path / "jobs.py"
    script.write_text(JOBS)
    process = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    first, second = process.stdout.split()[-2:]
    assert first != second


@pytest.mark.parametrize("text", ["jobqueue: {slurms: {}}", "jobqueue: {slurm: {}, pbs: {}}", "a: 1"])
def test_a_file_of_no_batch_system_is_refused(tmp_path, text):
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"jobs.yaml: jobqueue: wanted one of lsf, pbs, sge, slurm"):
        job_cluster(path)


def test_a_failed_module_says_its_last_lines():
    assert run_module(["platform"], "ignored") != ""
    with pytest.raises(RuntimeError, match=r"exit status 2\n(.|\n)*the following arguments are required: commit"):
        run_module(["stages.commands.main", "work"])
