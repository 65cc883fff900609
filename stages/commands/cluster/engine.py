"""Run tasks on Dask: its scheduler places them, its workers run a command for each."""

import logging
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dask.config
from dask_jobqueue.lsf import LSFCluster
from dask_jobqueue.pbs import PBSCluster
from dask_jobqueue.sge import SGECluster
from dask_jobqueue.slurm import SLURMCluster
from distributed import Client, LocalCluster, as_completed

from stages.commands.cluster.graph import Task
from stages.commands.machine import visible_gpus
from stages.foundation.params import read_yaml

BATCH_SYSTEMS = (LSFCluster, PBSCluster, SGECluster, SLURMCluster)
LAST_LINES = 50
RETRIES = 1


def open_cluster(workers: int, resources: dict[str, float], scheduler: str = "", config: Path | None = None) -> Client:
    """Return a client of a running scheduler, of a batch system's jobs, or of worker processes on this machine.

    scheduler: address; config: a dask-jobqueue file, whose one key below `jobqueue` names the batch system; resources:
    what each local worker offers.
    """
    # Dask's loggers have levels of their own; what matters is raised, or is a task's status.
    logging.disable(logging.ERROR)
    if scheduler:
        return Client(scheduler, timeout="30s")
    if config:
        cluster = job_cluster(config)
        keep_jobs(cluster, workers)
        return Client(cluster)
    local = LocalWorkers(resources)
    local.scale(workers)  # type: ignore[no-untyped-call]
    client = Client(local)
    client.wait_for_workers(workers, timeout=120)  # seconds; an OSError where they cannot start
    return client


class LocalWorkers(LocalCluster):
    """Worker processes on this machine; where it has several GPUs, each worker sees its own alone."""

    def __init__(self, resources: dict[str, float]) -> None:
        self.gpus, self.each = visible_gpus(), int(resources.get("GPU", 0))
        # A task is a process of its own: the worker's thread waits for it, and has no memory to be watched.
        options = {"threads_per_worker": 1, "memory_limit": 0, "resources": resources}
        super().__init__(n_workers=0, silence_logs=logging.CRITICAL, **options)  # type: ignore[no-untyped-call]

    def new_worker_spec(self) -> dict[int, dict[str, Any]]:
        """Return the next worker's number -> how it is started."""
        ((number, spec),) = super().new_worker_spec().items()  # type: ignore[no-untyped-call]
        if len(self.gpus) > 1 and self.each:
            own = ",".join(own_gpus(self.gpus, number, self.each))
            spec = spec | {"options": spec["options"] | {"env": {"CUDA_VISIBLE_DEVICES": own}}}
        return {number: spec}


def own_gpus(gpus: list[str], number: int, each: int) -> list[str]:
    """Return the GPUs of worker `number`, the next `each`; where there are more workers, they begin anew."""
    return [gpus[(number * each + position) % len(gpus)] for position in range(each)]


def job_cluster(config: Path) -> Any:
    """Return dask-jobqueue's cluster for the batch system that the file configures; ValueError on another file."""
    content = read_yaml(config)
    systems = {kind.job_cls.config_name: kind for kind in BATCH_SYSTEMS}
    names = list(content.get("jobqueue") or {})
    if len(names) != 1 or names[0] not in systems:
        raise ValueError(f"{config}: jobqueue: wanted one of {', '.join(sorted(systems))}, found {names}")
    dask.config.update(dask.config.config, content)
    return systems[names[0]]()


def keep_jobs(cluster: Any, jobs: int) -> None:
    """Ask for so many jobs, and for another in place of one that the batch system ended, by its limit of time, say."""
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)


def run_module(argv: list[str], *_: Any) -> str:
    """Run a module of this environment and return its last lines; RuntimeError with them when it fails.

    Further arguments are the results of what it needs.
    """
    argv = [sys.executable, "-m", *argv]
    process = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    last_lines = "\n".join(process.stdout.splitlines()[-LAST_LINES:])
    if process.returncode != 0:
        raise RuntimeError(f"exit status {process.returncode}\n{last_lines}")
    return last_lines


def run_tasks(
    client: Client,
    tasks: Iterable[Task],
    argv: Mapping[str, list[str]],
    *,
    priority: Mapping[str, float],
    resources: dict[str, float],
) -> dict[str, str]:
    """Run every task once all that it needs is done, the longest chains first; return what failed: stage -> why.

    tasks: each after what it needs; argv, priority: by the task's key. What needs a failed task does not run.
    ValueError when the scheduler is lost.
    """
    if not client.scheduler_info()["workers"]:
        print("cluster: waiting for the first worker", flush=True)
        client.wait_for_workers(1)
    offers = [worker["resources"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
    if not any(all(offer.get(name, 0) >= count for name, count in resources.items()) for offer in offers):
        raise ValueError(f"a task asks for {resources}, the workers offer {offers[0]} (dask worker --resources)")
    futures: dict[str, Any] = {}
    by_key = {task.key: task for task in tasks}
    for task in by_key.values():
        futures[task.key] = client.submit(
            run_module,
            argv[task.key],
            *[futures[key] for key in task.needs],
            key=task.key,
            priority=priority[task.key],
            resources=resources,
            retries=RETRIES,
        )
    failed: dict[str, str] = {}
    for number, future in enumerate(as_completed(futures.values()), start=1):
        if future.status == "cancelled":
            raise ValueError("the scheduler was lost; the same command goes on where it stopped")
        if future.status != "finished":
            failed[future.key] = str(future.exception())
        print(f"{number} of {len(futures)}: {by_key[future.key].stage} {future.status}", flush=True)
    return {by_key[key].stage: why for key, why in failed.items() if not failed.keys() & set(by_key[key].needs)}
