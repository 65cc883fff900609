"""The run cache: what is up to date put into it, and sent to a remote such that another machine restores it."""

from contextlib import chdir
from pathlib import Path

from dvc.exceptions import CollectCacheError
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo


def default_remote(repo: Repo) -> str:
    """Return the address of the default remote; "" without one."""
    name = repo.config["core"].get("remote")
    return str(repo.config["remote"][name]["url"]) if name else ""


def remember(root: Path, stages: list[str]) -> None:
    """Put those of these stages that are up to date in a folder into its run cache, from which workers restore them.

    DVC does so itself as it runs a stage, but not as it pulls one: a clone's run cache is empty, and its cache lacks
    the metrics and plots that Git holds (`cache: false`), without which DVC 3.67 runs a stage again.
    """
    with chdir(root), Repo() as repo, repo.lock:  # DVC takes records for stages of the folder it is in
        for stage in repo.index.stages:
            if stage.addressing in stages and not stage.changed():
                repo.stage_cache.save(stage)


def push_results(root: Path) -> None:
    """Push the run cache of the repository in a folder: every object that its records name, and then the records.

    `dvc push --run-cache` leaves out the objects of metrics and plots that Git holds; without them DVC 3.67 does not
    restore a stage but runs it again. DVC's own functions log what could not be sent: here it is a ValueError. A record
    whose objects are nowhere, as `dvc gc` leaves it, restores nothing and is passed over.
    """
    with chdir(root), Repo() as repo, repo.lock:  # DVC takes records for stages of the folder it is in
        runs, objects = Path(repo.stage_cache.cache_dir), set[HashInfo]()
        records = sorted((path.parent.name, path.name) for path in runs.rglob("*") if path.is_file())
        whole = []
        for record in records:
            try:
                for named in repo.stage_cache.get_used_objs([record]).values():
                    objects |= named
            except CollectCacheError:
                continue
            whole.append(record)
        if failed := repo.cloud.push(objects).failed:
            raise ValueError(f"{len(failed)} objects could not be sent to {default_remote(repo)}")
        repo.stage_cache.push(None)
        remote = repo.cloud.get_remote_odb(None, "push --run-cache", hash_name="md5-dos2unix")
        sent = {tuple(path.replace("\\", "/").split("/")[-2:]) for path in remote.fs.find(f"{remote.path}/runs")}
        if missing := [record for record in whole if record not in sent]:
            raise ValueError(f"{len(missing)} records of runs could not be sent to {default_remote(repo)}")
