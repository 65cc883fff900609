"""Say what is wrong with this workspace, and the command that mends it; the exit status is then 1.

    melanoma-kd doctor [CHECK...] [--data NAME] | --recompute NAME | --sources TABLE

Looks at the environment, the GPU, the disk, DVC's cache and remote, the archive, start weights, dvc.lock, at what
killed runs left behind, and at which models are not made yet, which is no fault. Changes nothing. `doctor lock` alone
needs no data: it refuses a dvc.lock that does not belong to this code, these parameters and the committed numbers.
--data looks at another archive than data.name. --recompute makes the tables of metrics/NAME again from its frozen
predictions, and compares them cell by cell.
--sources joins the clinic and camera of each image into the archive's table.
"""

import argparse
import dataclasses
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dvc.repo import Repo

from stages.commands.archives.findings import archive_findings, join_sources
from stages.commands.cluster.results import default_remote
from stages.commands.machine import usable_cores, visible_gpus
from stages.commands.state import Finding, lock, models
from stages.foundation import command
from stages.foundation.files import PARTIAL, sha256_file
from stages.foundation.params import PARAMS, read_params
from stages.foundation.settings import DEMO, Data, Evaluate, Target
from stages.foundation.splits import METADATA
from stages.images.settings import Image
from stages.networks.settings import Compute, Init, LocalStart

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
    target: Target


@dataclass(frozen=True)
class Evaluated:
    evaluate: Evaluate


def environment(_: Params) -> Iterator[Finding]:
    """Packages whose version is not the one this repository was tested with."""
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE))
    installed = {name: found for name in pins if (found := _version(name))}  # the others are of extras
    other = [f"{name} {found}, tested with {pins[name]}" for name, found in installed.items() if found != pins[name]]
    if other:
        yield Finding(
            f"{len(other)} packages of other versions: {'; '.join(other[:3])}",
            "pip install --constraint constraints.txt --editable '.[dev]'",
        )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def gpu(params: Params) -> Iterator[Finding]:
    """A GPU that is asked for and not there; more threads than cores."""
    gpus, cores = visible_gpus(), usable_cores()
    if params.compute.device == "cuda" and not gpus:
        yield Finding("compute.device: cuda, found no GPU", "dvc exp run -S compute.device=auto")
    if not gpus and params.compute.threads > cores:
        wanted = f"compute.threads: {params.compute.threads}, on {cores} cores"
        yield Finding(wanted, f"dvc exp run -S compute.threads={cores}")


def disk(params: Params) -> Iterator[Finding]:
    """Less space than the pack and the models of a run take."""
    metadata = ARCHIVES / params.data.name / METADATA
    images = len(metadata.read_text(encoding="utf-8").splitlines()) - 1 if metadata.is_file() else 0
    wanted = MODELS_GB + images * params.image.size**2 * 3 / 1e9
    free = shutil.disk_usage(".").free / 1e9
    if free < wanted:
        # Not dvc gc: it deletes what the run cache names, histories and figures above all; runs are then not restored.
        remedy = "dvc cache dir --local FOLDER  # on a larger disk"
        yield Finding(f"{free:.1f} GB are free, a run takes about {wanted:.1f}", remedy)


def cache_and_remote(_: Params) -> Iterator[Finding]:
    """A cache that cannot be written, a remote that is a folder which is not there."""
    with Repo() as repo:
        cache, url = Path(repo.cache.local_cache_dir), default_remote(repo)
    there = next(path for path in (cache, *cache.parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield Finding(f"{cache}: DVC's cache cannot be written", f"dvc cache dir --local {Path.home() / 'dvc-cache'}")
    if url and "://" not in url and not Path(url).is_dir():
        yield Finding(f"remote {url}: no such folder", f"mkdir -p {url} && dvc push")


def archive(params: Params) -> Iterator[Finding]:
    """An archive that is missing, has another target, or whose metadata and files do not fit."""
    if params.data.name == DEMO:  # the pipeline draws it
        return
    yield from archive_findings(ARCHIVES / params.data.name, params.target)


def start_weights(params: Params) -> Iterator[Finding]:
    """Local start weights that are missing or are others."""
    for key, start in params.init.items():
        if isinstance(start, LocalStart):
            path = Path(start.file)
            actual = sha256_file(path) if path.is_file() else "no file"
            if actual != start.sha256:
                what = f"init.{key}: {path}: wanted sha256 {start.sha256[:12]}..., found {actual[:12]}"
                yield Finding(what, f"put the file with that sha256 at {path}; or set init.{key} to another start")


def left_behind(_: Params) -> Iterator[Finding]:
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
        yield Finding(f"{len(old)} checkpoints are older than {DAYS} days", f"rm -r {names}")
    paths = (path for root in OUTPUTS for path in Path(root).rglob(f"{PARTIAL}*"))
    partial = sorted(map(str, paths))
    if partial:
        yield Finding(
            f"{len(partial)} outputs were half-written as their stage was killed", f"rm -r {' '.join(partial)}"
        )
    try:
        json.loads(DVC_LOCKS.read_text(encoding="utf-8") if DVC_LOCKS.is_file() else "{}")
    except ValueError:  # DVC writes it in place
        yield Finding(f"{DVC_LOCKS} is half-written, and dvc repro refuses it", f"rm {DVC_LOCKS}")


CHECKS = {
    check.__name__: check
    for check in (environment, gpu, disk, cache_and_remote, archive, start_weights, lock, left_behind, models)
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="NAME", help="another archive than data.name")
    parser.add_argument("--recompute", metavar="NAME", help="a run's tables from its predictions: demo, ham10000, ...")
    parser.add_argument("--duplicates", action="store_true", help="images of two splits that seem to show one lesion")
    parser.add_argument("--sources", type=Path, metavar="TABLE", help="that has image_id and dataset")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"some of {', '.join(CHECKS)}; by default all")


def main(options: argparse.Namespace) -> None:
    if unknown := set(options.checks) - set(CHECKS):
        raise ValueError(f"no check {', '.join(sorted(unknown))}; wanted some of {', '.join(CHECKS)}")
    params, faults = read_params(Params), 0
    if options.data:
        params = dataclasses.replace(params, data=params.data.model_copy(update={"name": options.data}))
    if options.sources:
        join_sources(ARCHIVES / params.data.name, options.sources)
        return
    checks = {name: CHECKS[name] for name in options.checks or CHECKS}
    if options.duplicates:
        from stages.commands.duplicates import near_duplicates  # noqa: PLC0415 - the others start without SciPy

        checks = {"duplicates": lambda _: near_duplicates(Path("data/processed", params.data.name))}
    if options.recompute:
        from stages.commands.recomputed import RUN, recompute  # noqa: PLC0415 - likewise without scikit-learn

        kept = Path("metrics", options.recompute, RUN)
        run, made_by = (kept, kept / PARAMS) if kept.is_dir() else (kept.parent, PARAMS)
        checks = {"recompute": lambda _: recompute(run, read_params(Evaluated, made_by).evaluate)}
    for name, check in checks.items():
        findings = list(check(params))
        faults += sum(finding.fault for finding in findings)
        lines = [line for finding in findings for line in (finding.what, f"    {finding.remedy}")] or ["well"]
        for head, line in zip([name.replace("_", " "), *[""] * len(lines)], lines, strict=False):
            print(f"{head:18}{line}")
    if faults:
        raise ValueError(f"{faults} faults")
