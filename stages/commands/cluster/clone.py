"""A worker's clone of the repository: the code and parameters of one commit, with DVC's cache shared or remote."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from stages.foundation.command import CHECKPOINTS, SECONDS
from stages.foundation.params import PARAMS, read_yaml

REFS = "refs/melanoma-kd"  # commits of workspaces, on no branch
SOURCES = Path(".sources")  # of pack_images: each archive's manifest as it was last packed
SCRATCH = Path(tempfile.gettempdir(), f"melanoma-kd-{os.getuid()}")  # where clones are kept


@dataclass(frozen=True)
class Source:
    """Where a worker finds what it needs: a Git repository, and DVC's cache folder, a DVC remote, or both.

    repository: a folder or an address that Git understands; cache: a folder; remote: an address that DVC understands.
    """

    repository: str
    cache: str = ""
    remote: str = ""

    @property
    def destination(self) -> str:
        """Where a worker's results go."""
        return self.cache or self.remote

    @property
    def options(self) -> list[str]:
        """The same as options of `melanoma-kd work`."""
        return [f"--{name}={value}" for name, value in vars(self).items() if value]

    @property
    def pulling(self) -> list[str]:
        """dvc repro's option that restores from a remote what the run cache names; there may be no remote."""
        return ["--pull"] if self.remote else []


def environment() -> dict[str, str]:
    """Return this process's environment, in which `python` is this Python: DVC's stages run it."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def check_committed(root: Path) -> None:
    """Raise ValueError when code is not committed, which a worker could not see."""
    changed = git(root, "status", "--porcelain", "--", "stages", "dvc.yaml").splitlines()
    if changed:
        names = ", ".join(line.split(maxsplit=1)[1] for line in changed[:3])
        raise ValueError(f"{len(changed)} files are not committed, and workers run committed code: {names}")


def snapshot(root: Path) -> str:
    """Commit HEAD's files with the workspace's params.yaml and dvc.lock, on no branch; return the commit's hash.

    The hash depends on the content alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        date = git(root, "log", "-1", "--format=%cI")
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _person(date)}
        git(root, "read-tree", "HEAD", **index)
        names = [name for name in ("params.yaml", "dvc.lock") if (root / name).is_file()]
        git(root, "update-index", "--add", "--", *names, **index)
        tree = git(root, "write-tree", **index)
        commit = git(root, "commit-tree", tree, "-p", "HEAD", "-m", "The workspace, for its workers", **people)
    git(root, "update-ref", f"{REFS}/{commit}", commit)
    return commit


@contextmanager
def open_clone(commit: str, source: Source, scratch: Path) -> Iterator[Path]:
    """Yield a clone at a commit that no other process uses; clones are kept in `scratch`, to be used again."""
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is in it is run
    if scratch.stat().st_uid != os.getuid():
        raise ValueError(f"{scratch}: belongs to another user")
    folder = scratch / hashlib.sha256(source.repository.encode()).hexdigest()[:12]
    folder.mkdir(exist_ok=True)
    lock = _first_free(folder)
    try:
        clone = Path(lock.lock_file).with_suffix("")
        _check_out(clone, commit, source.repository)
        _configure(clone, source)
        if Path(source.repository, PARAMS).is_file():  # a working tree, whose disk is shared
            _link(clone, Path(source.repository))
        yield clone
    finally:
        lock.release()


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Git in a folder and return what it prints; ValueError when it fails."""
    process = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if process.returncode != 0:
        raise ValueError(f"git {arguments[0]}: {process.stderr.strip() or process.stdout.strip()}")
    return process.stdout.strip()


def _person(date: str) -> list[tuple[str, str]]:
    return [("NAME", "melanoma-kd"), ("EMAIL", "melanoma-kd@localhost"), ("DATE", date)]


def _first_free(folder: Path) -> FileLock:
    for number in range(1000):
        lock = FileLock(folder / f"clone{number}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        return lock
    raise ValueError(f"{folder}: 1,000 clones are in use")


def _check_out(clone: Path, commit: str, repository: str) -> None:
    """Make the clone's files those of a commit; remove what a killed Git or DVC left, for none is at work.

    What other tasks made goes too: a folder that a stage reads must hold what the head's holds. `data` stays, for it is
    large, and all of it is checked out by the head's hashes.
    """
    if not (clone / ".git").is_dir():
        clone.mkdir(exist_ok=True)
        git(clone, "init", "--quiet")
    for name in (".git/index.lock", ".git/shallow.lock", ".git/HEAD.lock", ".dvc/tmp/rwlock"):
        (clone / name).unlink(missing_ok=True)
    try:
        git(clone, "fetch", "--quiet", "--depth=1", repository, f"{REFS}/{commit}")
    except ValueError:  # no workspace's: a commit of a branch
        git(clone, "fetch", "--quiet", "--depth=1", repository, commit)
    git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    git(clone, "clean", "-ffdxq", "--exclude=/.dvc", "--exclude=/data")


def _configure(clone: Path, source: Source) -> None:
    """Point the clone's DVC to the cache and the remote."""
    lines = []
    if source.cache:
        lines += ["[cache]", f"    dir = {source.cache}"]
    if source.remote:
        lines += ["[core]", "    remote = workers", "['remote \"workers\"']", f"    url = {source.remote}"]
    (clone / ".dvc/config.local").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _link(clone: Path, repository: Path) -> None:
    """Link what neither Git nor DVC carries: checkpoints, seconds, archives' hashes, params.yaml's start weights."""
    starts = [
        Path(start["file"]) for start in read_yaml(clone / PARAMS).get("init", {}).values() if isinstance(start, dict)
    ]
    for folder in (CHECKPOINTS, SOURCES):
        (repository / folder).mkdir(exist_ok=True)
    for path in (CHECKPOINTS, SOURCES, SECONDS, *(start for start in starts if not start.is_absolute())):
        link, target = clone / path, repository / path
        for parent in (link.parent, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        if not (link.exists() or link.is_symlink()):  # it may be one of Git's
            link.symlink_to(target)
