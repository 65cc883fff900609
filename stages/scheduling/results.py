"""The DVC remote, and what a worker made sent to one, such that `dvc repro --pull` restores it on another machine."""

from pathlib import Path

from dvc.repo import Repo


def default_remote(repo: Repo) -> str:
    """Return the address of the default remote; "" without one."""
    name = repo.config["core"].get("remote")
    return str(repo.config["remote"][name]["url"]) if name else ""


def push_results(root: Path) -> None:
    """Push the run cache of the repository in a folder: its records, and every object that they name.

    `dvc push --run-cache` leaves out the objects of metrics and plots that Git holds (`cache: false`); without them DVC
    3.67 does not restore a stage but runs it again.
    """
    with Repo(root) as repo, repo.lock:
        records = repo.stage_cache.push(None)
        for objects in repo.stage_cache.get_used_objs(records).values():
            repo.cloud.push(objects)
