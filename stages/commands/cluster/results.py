"""The run cache: what is up to date put into it, and sent to a remote such that another machine restores it."""

from contextlib import chdir
from pathlib import Path
from typing import Any

from dvc.exceptions import CollectCacheError, DvcException
from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotFoundError
from dvc.utils.serialize import modify_yaml
from dvc_data.hashfile.hash_info import HashInfo


def default_remote(repo: Repo) -> str:
    """Return the address of the default remote; "" without one."""
    name = repo.config["core"].get("remote")
    return str(repo.config["remote"][name]["url"]) if name else ""


def forget_lost(root: Path, stages: list[str]) -> None:
    """Mark these stages as changed in a folder's dvc.lock where it names outputs that are in no cache or remote here.

    They were made elsewhere, on another processor say, and what is made now has other bits. DVC 3.67 would look for
    the lock's outputs alone, never into the run cache, and run each of these stages once for every reader.
    """
    with chdir(root), Repo() as repo:
        lost = [stage.name for stage in repo.index.stages if stage.name in stages and _lacks(stage)]
        if default_remote(repo):
            lost = [name for name in lost if not _pulled(repo, name)]
    if lost:
        with modify_yaml(root / "dvc.lock") as content:
            for name in lost:
                content["stages"][name]["cmd"] = "outputs are lost"


def _pulled(repo: Repo, stage: str) -> bool:
    """Return whether the remote holds a stage's outputs, which are then in the cache."""
    try:
        repo.fetch(targets=[stage])
    except DvcException:
        return False
    (found,) = repo.stage.collect(stage)
    return not _lacks(found)


def _lacks(stage: Any) -> bool:
    """Return whether the cache lacks an output that a stage's lock names; what Git holds is in no cache."""
    return any(out.use_cache and out.hash_info and out.changed_cache() for out in stage.outs)


def check_restorable(task: str, source: str, *, pull: bool) -> None:
    """Raise ValueError where what another worker made of a task cannot be restored; DVC would run it again, unasked.

    source: the cache or remote, for the message.
    """
    with Repo() as repo, repo.lock:
        (stage,) = repo.stage.collect(task)
        stage.save_deps()
        try:
            repo.stage_cache.restore(stage, pull=pull)
        except RunCacheNotFoundError:
            record = repo.stage_cache._load(stage)  # DVC has no other way to ask
            made = repo.stage_cache._create_stage(record, wdir=stage.wdir).outs if record else []
            missing = [f"{out.def_path} ({out.hash_info.value})" for out in made if out.changed_cache()]
            what = ", ".join(missing) if missing else "the record of its run"
            raise ValueError(f"{task} was made, but cannot be restored: {source} lacks {what}") from None


def remember(root: Path, stages: list[str]) -> None:
    """Save the up-to-date stages in the run cache, so that workers restore them.

    DVC does so itself as it runs a stage, but not as it pulls one: a clone's run cache is empty, and its cache lacks
    the metrics that Git holds (`cache: false`), without which DVC 3.67 runs a stage again.
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
