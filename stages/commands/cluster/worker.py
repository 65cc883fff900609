"""Run one stage of one commit in a clone of its own, as a worker of `melanoma-kd cluster` does.

    melanoma-kd work COMMIT STAGE --repository PATH_OR_URL [--cache FOLDER | --remote URL]

COMMIT is one of the repository's, or what `melanoma-kd cluster` prints, which has the workspace's parameters. Needs no
scheduler: a line of a Slurm array can call it as well. What the stage depends on is restored from DVC's cache; what it
makes goes there. Only the head, `melanoma-kd cluster`, writes dvc.lock and the files that Git holds.
"""

import argparse
import os

from dvc.cli import main as dvc_main
from dvc.exceptions import DvcException
from filelock import FileLock

from stages.commands.cluster.clone import SCRATCH, Source, environment, open_clone
from stages.commands.cluster.graph import make_tasks, names_of, split_stages
from stages.commands.cluster.results import check_restorable, push_results
from stages.foundation import command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commit", help="of the repository, or of a workspace, as melanoma-kd cluster prints it")
    parser.add_argument("stage", help="as `dvc stage list` names it: train_teacher@resnet50")
    parser.add_argument("--repository", required=True, help="folder or Git address")
    where = parser.add_mutually_exclusive_group(required=True)  # without either, nothing it makes could be found
    where.add_argument("--cache", default="", help="DVC's cache folder, on a disk that head and workers share")
    where.add_argument("--remote", default="", help="address of a DVC remote, where there is no such disk")


def main(options: argparse.Namespace) -> None:
    command.stop_with_parent()
    source = Source(options.repository, options.cache, options.remote)
    try:
        work(options.commit, options.stage, source)
    except DvcException as error:
        raise ValueError(str(error)) from error


def work(commit: str, stage: str, source: Source) -> None:
    """Run or restore a stage, or a group of them, in a clone, and send what it made; ValueError when DVC fails.

    A task that equals one of these may be at work elsewhere: on a worker whose head was lost, or for another commit. It
    is waited for, for both would write the same checkpoint, and what it has made is then found.
    """
    with open_clone(commit, source, SCRATCH) as clone:
        os.chdir(clone)
        # Each clone has a database of file states of its own.
        os.environ.update(environment(), DVC_SITE_CACHE_DIR=str(clone / ".dvc/tmp/site"))
        command.CHECKPOINTS.mkdir(exist_ok=True)
        before, names = split_stages(clone, [stage])
        if not any(stage in names_of(name) for name in names):
            raise ValueError(f"{stage} runs on the head, not on workers; dvc repro {stage}")
        # Forced: of an earlier worker, killed as it checked out, a half-copied file may lie among the data.
        dvc("pull" if source.remote else "checkout", "--force", *before)
        for task in make_tasks(clone, commit, [stage], source.destination):
            with FileLock(command.CHECKPOINTS / f"{task.key}.lock"):
                if stage not in names_of(task.stage):  # it needs this one, which was made elsewhere
                    check_restorable(task.stage, source.destination, pull=bool(source.remote))
                dvc("repro", "--single-item", *source.pulling, task.stage)
        if not source.cache:
            push_results(clone)


def dvc(*arguments: str) -> None:
    """Run DVC in this process, so that a stage ends when this process does; ValueError when it fails."""
    status = int(dvc_main(list(arguments)))
    if status:
        raise ValueError(f"dvc {' '.join(arguments)}: exit status {status}")
