"""Run one stage of one commit in a clone of its own, as a worker of `melanoma-kd cluster` does.

    melanoma-kd work COMMIT STAGE --repository PATH_OR_URL [--cache FOLDER | --remote URL]

COMMIT is one of the repository's, or what `melanoma-kd cluster` prints, which has the workspace's parameters. Needs no
scheduler: a line of a Slurm array can call it as well. What the stage depends on is restored from DVC's cache; what it
makes goes there. Only the head, `melanoma-kd cluster`, writes dvc.lock and the files that Git holds.
"""

import argparse
import os
import sys
from pathlib import Path

from dvc.cli import main as dvc_main
from dvc.exceptions import DvcException
from filelock import FileLock

from stages.foundation import command
from stages.scheduling.clone import SCRATCH, Source, environment, open_clone
from stages.scheduling.graph import Task, make_tasks, split_stages
from stages.scheduling.results import push_results


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="melanoma-kd work")
    parser.add_argument("commit", help="of the repository, or of a workspace, as melanoma-kd cluster prints it")
    parser.add_argument("stage", help="as `dvc stage list` names it: train_teacher@resnet50")
    parser.add_argument("--repository", required=True, help="folder or Git address")
    parser.add_argument("--cache", default="", help="DVC's cache folder, on a disk that head and workers share")
    parser.add_argument("--remote", default="", help="address of a DVC remote, where there is no such disk")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="for clones")
    options = parser.parse_args(arguments)
    if not (options.cache or options.remote):
        parser.error("wanted --cache or --remote: without either nothing that the stage makes could be found")
    command.stop_with_parent()
    source = Source(options.repository, options.cache, options.remote)
    try:
        with open_clone(options.commit, source, options.scratch) as clone:
            os.chdir(clone)
            # Each clone has a database of file states of its own.
            os.environ.update(environment(), DVC_SITE_CACHE_DIR=str(clone / ".dvc/tmp/site"))
            command.CHECKPOINTS.mkdir(exist_ok=True)
            before, names = split_stages(clone, [options.stage])
            if options.stage not in {name for task in names for name in (task, task.partition("@")[0])}:
                raise ValueError(f"{options.stage} runs on the head, not on workers; dvc repro {options.stage}")
            # Forced: of an earlier worker, killed as it checked out, a half-copied file may lie among the data.
            status = dvc("pull" if source.remote else "checkout", "--force", *before)
            if status == 0:
                tasks = make_tasks(clone, options.commit, [options.stage], source.destination)
                status = next(
                    filter(None, (run(task, source) for task in tasks)), 0
                )  # the first that fails is the last
            if status == 0 and not options.cache:
                push_results(clone)
    except (ValueError, OSError, DvcException) as error:
        sys.exit(f"work: {error}")
    except KeyboardInterrupt:
        sys.exit(f"work: {options.stage}: interrupted")
    sys.exit(status)


def run(task: Task, source: Source) -> int:
    """Run or restore one task in this folder; return DVC's exit status.

    One that equals it may be at work elsewhere: on a worker whose head was lost, or for another commit. It is waited
    for, for both would write the same checkpoint, and what it has made is then found.
    """
    with FileLock(command.CHECKPOINTS / f"{task.key}.lock"):
        return dvc("repro", "--single-item", *source.pulling, task.stage)


def dvc(*arguments: str) -> int:
    """Run DVC in this process, so that a stage ends when this process does; return its exit status."""
    return int(dvc_main(list(arguments)))


if __name__ == "__main__":
    main()
