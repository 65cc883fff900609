"""Say what is wrong with this workspace, and the command that mends it; the exit status is then 1.

    melanoma-kd doctor

Looks at the environment, the GPU, the disk, DVC's cache and remote, the archive, start weights, dvc.lock, and at what
killed runs left behind. Changes nothing.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dvc.repo import Repo

from stages.commands.check_lock import check_lock
from stages.dataset.splits import METADATA
from stages.foundation import command
from stages.foundation.files import PARTIAL, sha256_file
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data
from stages.images.archive import find_images, read_metadata
from stages.images.settings import Image
from stages.networks.settings import Compute, Init, LocalStart
from stages.scheduling.results import default_remote

CONSTRAINTS, ARCHIVES = Path("constraints.txt"), Path("data/raw")
DVC_LOCKS = Path(".dvc/tmp/rwlock")  # what each dvc at work reads and writes, as JSON
OUTPUTS = ("data", "models", "metrics", "plots")
MODELS_GB = 3.0  # weights, predictions and DVC's copies of all thirteen teachers
DAYS = 14  # after which a checkpoint that no run went on from is called left behind


@dataclass(frozen=True)
class Params:
    data: Data
    image: Image
    init: Init
    compute: Compute


@dataclass(frozen=True)
class Fault:
    what: str
    remedy: str


def environment(_: Params) -> Iterator[Fault]:
    """Packages whose version is not the one this repository was tested with."""
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE))
    installed = {name: found for name in pins if (found := _version(name))}  # the others are of extras
    other = [f"{name} {found}, tested with {pins[name]}" for name, found in installed.items() if found != pins[name]]
    if other:
        yield Fault(
            f"{len(other)} packages of other versions: {'; '.join(other[:3])}",
            "pip install --constraint constraints.txt --editable '.[dev]'",
        )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def gpu(params: Params) -> Iterator[Fault]:
    """A GPU that is asked for and not there, or too few of them."""
    tool = shutil.which("nvidia-smi")
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout if tool else ""
    count = len(listed.splitlines())
    if params.compute.device == "cuda" and count < params.compute.processes:
        yield Fault(
            f"compute.device: cuda with {params.compute.processes} processes, found {count} GPUs",
            "dvc exp run -S compute.device=auto -S compute.processes=1",
        )
    elif params.compute.device == "auto" and 0 < count < params.compute.processes:
        wanted = f"compute.processes: {params.compute.processes}, found {count} GPUs"
        yield Fault(wanted, f"dvc exp run -S compute.processes={count}")
    cores = os.cpu_count() or 1
    if count == 0 and params.compute.threads * params.compute.processes > cores:
        yield Fault(
            f"compute: {params.compute.threads} threads, {params.compute.processes} processes, on {cores} cores",
            f"dvc exp run -S compute.threads={cores} -S compute.processes=1",
        )


def disk(params: Params) -> Iterator[Fault]:
    """Less space than the pack and the models of a run take."""
    metadata = ARCHIVES / params.data.name / METADATA
    images = len(metadata.read_text(encoding="utf-8").splitlines()) - 1 if metadata.is_file() else 0
    wanted = MODELS_GB + images * params.image.size**2 * 3 / 1e9
    free = shutil.disk_usage(".").free / 1e9
    if free < wanted:
        # Not dvc gc: it deletes what the run cache names, histories and figures above all; runs are then not restored.
        remedy = "dvc cache dir --local FOLDER  # on a larger disk"
        yield Fault(f"{free:.1f} GB are free, a run takes about {wanted:.1f}", remedy)


def cache_and_remote(_: Params) -> Iterator[Fault]:
    """A cache that cannot be written, a remote that is a folder which is not there."""
    with Repo() as repo:
        cache, url = Path(repo.cache.local_cache_dir), default_remote(repo)
    there = next(path for path in (cache, *cache.parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield Fault(f"{cache}: DVC's cache cannot be written", f"dvc cache dir --local {Path.home() / 'dvc-cache'}")
    if url and "://" not in url and not Path(url).is_dir():
        yield Fault(f"remote {url}: no such folder", f"mkdir -p {url} && dvc push")


def archive(params: Params) -> Iterator[Fault]:
    """An archive that is missing, or whose metadata and files do not fit."""
    if params.data.name == DEMO:  # the pipeline draws it
        return
    folder = ARCHIVES / params.data.name
    try:
        find_images(folder, read_metadata(folder)["image_id"])
    except (ValueError, OSError) as error:
        first, *rest = str(error).splitlines()
        where = f"put or link an archive at {folder} (README: HAM10000)"
        yield Fault(" ".join([first, *(line.strip() for line in rest[:2])]), where)


def start_weights(params: Params) -> Iterator[Fault]:
    """Local start weights that are missing or are others."""
    for key, start in params.init.items():
        if isinstance(start, LocalStart):
            path = Path(start.file)
            actual = sha256_file(path) if path.is_file() else "no file"
            if actual != start.sha256:
                what = f"init.{key}: {path}: wanted sha256 {start.sha256[:12]}..., found {actual[:12]}"
                yield Fault(what, f"put the file with that sha256 at {path}; or set init.{key} to another start")


def lock(_params: Params) -> Iterator[Fault]:
    """A dvc.lock that is not this code's and these parameters'."""
    if not Path("dvc.lock").is_file():
        yield Fault("dvc.lock: no such file", "dvc repro")
        return
    try:
        _, faults = check_lock()
    except ValueError as error:  # DVC writes it in place, and may have been killed
        yield Fault(str(error).splitlines()[0], "git checkout HEAD -- dvc.lock")
        return
    if faults:
        yield Fault(f"dvc.lock: {len(faults)} stages to run or forgotten, the first: {faults[0]}", "dvc repro")


def left_behind(_: Params) -> Iterator[Fault]:
    """Checkpoints that no run went on from for long, and files that killed stages, or a killed dvc, were writing.

    While a run is at work in this folder nothing is left behind.
    """
    if command.at_work():
        return
    checkpoints = command.CHECKPOINTS.iterdir() if command.CHECKPOINTS.is_dir() else []
    folders = [path for path in checkpoints if path.is_dir()]  # beside them lie locks of melanoma-kd work
    old = [path for path in folders if time.time() - path.stat().st_mtime > DAYS * 86_400]
    if old:
        names = " ".join(map(str, sorted(old)))
        yield Fault(f"{len(old)} checkpoints are older than {DAYS} days", f"rm -r {names}")
    paths = (path for root in OUTPUTS for path in Path(root).rglob(f"{PARTIAL}*"))
    partial = sorted(map(str, paths))
    if partial:
        yield Fault(f"{len(partial)} outputs were half-written as their stage was killed", f"rm -r {' '.join(partial)}")
    try:
        json.loads(DVC_LOCKS.read_text(encoding="utf-8") if DVC_LOCKS.is_file() else "{}")
    except ValueError:  # DVC writes it in place
        yield Fault(f"{DVC_LOCKS} is half-written, and dvc repro refuses it", f"rm {DVC_LOCKS}")


CHECKS = (environment, gpu, disk, cache_and_remote, archive, start_weights, lock, left_behind)


def main() -> None:
    params = read_params(Params)
    faults = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        found = list(check(params))
        faults += len(found)
        lines = [line for fault in found for line in (fault.what, f"    mend it: {fault.remedy}")] or ["well"]
        for head, line in zip([name, *[""] * len(lines)], lines, strict=False):
            print(f"{head:18}{line}")
    if faults:
        raise ValueError(f"{faults} faults")


if __name__ == "__main__":
    command.run(main)
