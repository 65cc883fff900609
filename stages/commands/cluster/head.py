"""Run the pipeline on several machines: Dask schedules DVC's stages, and DVC's cache carries what they make.

    melanoma-kd cluster --workers 2                             processes on this machine
    melanoma-kd cluster --scheduler tcp://head:8786             a running Dask scheduler
    melanoma-kd cluster --config docs/slurm.yaml --workers 8    jobs of Slurm, PBS, LSF or SGE

The stages that read `compute` run on the workers, each in a clone of the committed code; the rest runs here. At the end
`dvc repro` restores what the workers made: dvc.lock, metrics and plots are those of one machine with the same
threads and instruction set. Needs the extra: pip install '.[cluster]'.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from filelock import FileLock, Timeout

from stages.commands.cluster.clone import REFS, SCRATCH, Source, check_committed, environment, git, open_clone, snapshot
from stages.commands.cluster.durations import expected_seconds, read_seconds
from stages.commands.cluster.graph import Task, check_folders, make_tasks, priorities, split_stages
from stages.commands.cluster.results import default_remote, forget_lost, push_results, remember
from stages.commands.machine import check_cores
from stages.commands.options import count
from stages.foundation.params import PARAMS, read_params
from stages.foundation.settings import Data
from stages.networks.settings import Compute

ROOT = Path.cwd()
LOCK = ROOT / "dvc.lock"


@dataclass(frozen=True)
class Params:
    data: Data
    compute: Compute


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", help="stages, as dvc repro takes them; by default the whole pipeline")
    parser.add_argument("--workers", type=count, default=1, help="processes here, or jobs with --config")
    parser.add_argument("--scheduler", default="", help="address of a running Dask scheduler")
    parser.add_argument("--config", type=Path, help="dask-jobqueue file of Slurm, PBS, LSF or SGE")
    parser.add_argument("--repository", default="", help="Git address the workers fetch from; by default this folder")
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE", help="as dvc exp run's")
    parser.add_argument(
        "--experiments", default="", metavar="KEY=V1,V2", help="one DVC experiment a value, such as splits.fold=0,1,2"
    )


def main(options: argparse.Namespace) -> None:
    try:
        with FileLock(ROOT / ".dvc/tmp/cluster.lock", timeout=0):
            run(options)
    except Timeout:
        raise ValueError("another cluster command is at work in this folder; wait for it, or end it") from None
    except DvcException as error:
        raise ValueError(str(error)) from error
    except KeyboardInterrupt:
        raise ValueError("interrupted; the same command goes on where it stopped") from None


def run(options: argparse.Namespace) -> None:
    check_committed(ROOT)
    source, targets = source_of(options), options.targets
    check_folders(ROOT, targets)
    if not (options.scheduler or options.config):
        check_cores(options.workers, params_of(options.set_param).compute)
    before = LOCK.read_bytes() if LOCK.is_file() else None
    forget_lost(ROOT, split_stages(ROOT, targets)[1])
    if options.experiments:
        sweeps = get_hydra_sweeps({PARAMS.name: [options.experiments]})
        experiments = [[*options.set_param, *sweep[PARAMS.name]] for sweep in sweeps]
        try:
            tasks = [task for changes in experiments for task in prepare_experiment(changes, targets, source)]
            run_on_cluster(tasks, source, options)
            for changes in experiments:
                finish_experiment(changes, targets, source)
        finally:
            if before is not None:  # the workspace ran nothing, whatever failed in a clone
                LOCK.write_bytes(before)
    else:
        if options.set_param:
            apply_overrides(PARAMS, options.set_param)
        run_on_cluster(prepare(ROOT, targets, source), source, options)
        dvc(ROOT, "repro", *source.pulling, *targets)


def params_of(overrides: list[str]) -> Params:
    """Return params.yaml's data and compute with these overrides."""
    with tempfile.TemporaryDirectory() as folder:
        params = Path(shutil.copy(PARAMS, folder))
        apply_overrides(params, overrides)
        return read_params(Params, params)


def source_of(options: argparse.Namespace) -> Source:
    """Return where workers find code and data; ValueError when they could not find this workspace's cache."""
    with Repo(ROOT) as repo:
        cache, shared = repo.cache.local_cache_dir, repo.config["cache"].get("dir")
        remote = default_remote(repo)
    repository = options.repository or str(ROOT)
    if shared or not (options.scheduler or options.config):
        return Source(repository, cache=cache)
    if remote:
        return Source(repository, remote=remote)
    raise ValueError(
        "workers on other machines need DVC's cache on a shared disk (dvc cache dir --local FOLDER) or a DVC remote "
        "(dvc remote add --default NAME URL)"
    )


def prepare(root: Path, targets: list[str], source: Source) -> list[Task]:
    """Run what comes before all tasks in a folder, and return the tasks of its commit, which workers can fetch."""
    before, tasks = split_stages(root, targets)
    dvc(root, "repro", *source.pulling, *before)
    remember(root, tasks)
    if source.remote:
        dvc(root, "push", *before)
        push_results(root)
    commit = snapshot(root)
    if root != ROOT:  # its clone is shallow, from which another repository takes nothing
        git(root, "push", "--quiet", str(ROOT), f"{commit}:{REFS}/{commit}")
    if source.repository != str(ROOT):
        git(ROOT, "push", "--quiet", source.repository, f"{commit}:{REFS}/{commit}")
    return make_tasks(root, commit, targets, source.destination)


def prepare_experiment(overrides: list[str], targets: list[str], source: Source) -> list[Task]:
    """Run `prepare` in a clone that has these parameter overrides; return its tasks."""
    with Repo(ROOT) as repo:
        here = Source(str(ROOT), repo.cache.local_cache_dir, source.remote)
    with open_clone(snapshot(ROOT), here, SCRATCH) as clone:
        archive = own_archive(overrides)
        if archive and not (clone / archive).exists():
            (clone / archive).parent.mkdir(parents=True, exist_ok=True)
            (clone / archive).symlink_to((ROOT / archive).resolve())
        apply_overrides(clone / PARAMS, overrides)
        return prepare(clone, targets, source)


def finish_experiment(overrides: list[str], targets: list[str], source: Source) -> None:
    """Make a DVC experiment of what the workers made; the workspace stays as it is."""
    archive = own_archive(overrides)
    carried = ["-C", str(archive)] if archive else []
    changes = [word for override in overrides for word in ("-S", override)]
    dvc(ROOT, "exp", "run", "--temp", *source.pulling, *carried, *changes, *targets)


def own_archive(overrides: list[str]) -> Path | None:
    """Return the overridden data.name's archive when the user put it there, which neither Git nor DVC carries."""
    archive = Path("data/raw", params_of(overrides).data.name)
    with Repo(ROOT) as repo:
        outs = {Path(out.fs_path) for stage in repo.index.stages for out in stage.outs}
    return archive if (ROOT / archive).exists() and ROOT / archive not in outs else None


def run_on_cluster(tasks: list[Task], source: Source, options: argparse.Namespace) -> None:
    """Run tasks, what two experiments share once; ValueError names those that failed."""
    try:
        from stages.commands.cluster.engine import open_cluster, run_tasks  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install '.[cluster]'") from None
    tasks = list({task.key: task for task in tasks}.values())
    compute, seconds = params_of(options.set_param).compute, read_seconds(ROOT)
    resources: dict[str, float] = {"threads": compute.threads}
    if compute.device != "cpu":
        resources["GPU"] = 1
    client = open_cluster(options.workers, resources, options.scheduler, options.config)
    commits = ", ".join(sorted({task.commit for task in tasks}))
    print(f"cluster: {len(tasks)} tasks of {commits or 'no commit'}; dashboard: {client.dashboard_link}", flush=True)
    try:
        failures = run_tasks(
            client,
            tasks,
            {task.key: ["stages.commands.main", "work", task.commit, task.stage, *source.options] for task in tasks},
            priority=priorities(tasks, lambda stage: expected_seconds(stage, seconds)),
            resources=resources,
        )
    finally:
        client.close()
        if client.cluster is not None:
            client.cluster.close()
    if failures:
        raise ValueError("\n".join(f"{stage}: {why}" for stage, why in failures.items()))


def dvc(root: Path, *arguments: str) -> None:
    """Run DVC in a folder with its output on the terminal; ValueError when it fails."""
    argv = [sys.executable, "-m", "dvc", *arguments]
    status = subprocess.run(argv, cwd=root, env=environment(), check=False).returncode
    if status != 0:
        raise ValueError(f"dvc {' '.join(arguments)}: exit status {status}")
