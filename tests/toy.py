"""A pipeline in miniature, of the shape of the real one: what prepares, what trains on `compute`, what reports."""

import atexit
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from conftest import ROOT

SCRIPT = """
import json, os, sys, time
from pathlib import Path

step, *key = sys.argv[1:]
with Path(os.environ["TOY_LOG"]).open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "@" + os.getcwd() + chr(10))
for folder in ("data", "models", "plots"):
    Path(folder).mkdir(exist_ok=True)
text = Path("data/text").read_text() if step != "prepare" else ""
if step == "prepare":
    Path("data/text").write_text("prepared")
elif step == "train":
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    if key[0] == os.environ.get("TOY_BROKEN"):
        sys.exit("train: broken")
    Path(f"models/{key[0]}").write_text(text + key[0])
    Path(f"plots/{key[0]}.csv").write_text("epoch,loss" + chr(10) + "0,1" + chr(10))
elif step == "join":
    Path("joined").write_text(Path("models/a").read_text() + Path("models/b").read_text())
else:
    Path("metrics.json").write_text(json.dumps({"length": len(Path("joined").read_text())}))
"""
STAGES = """
stages:
  prepare:
    cmd: python toy.py prepare
    deps: [toy.py]
    params: [words]
    outs: [data]
  train:
    foreach: [a, b]
    do:
      cmd: python toy.py train ${item}
      deps: [toy.py, data]
      params: [compute, rate]
      outs:
        - models/${item}
      plots:
        - plots/${item}.csv: {cache: false}
  join:
    cmd: python toy.py join
    deps: [toy.py, models, data]
    params: [compute]
    outs: [joined]
  report:
    cmd: python toy.py report
    deps: [toy.py, joined, plots, data]
    params: [length]
    metrics:
      - metrics.json: {cache: false}
"""
PARAMS = """
data: {name: toy}
compute: {device: cpu, precision: fp32, threads: 1, deterministic: true}
init: {}
words: 1
rate: 1
length: 1
"""


@cache
def template() -> Path:
    """Return a repository with the toy pipeline, committed, which each toy copies."""
    folder = Path(tempfile.mkdtemp(prefix="toy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = {"toy.py": SCRIPT, "dvc.yaml": STAGES, "params.yaml": PARAMS}
    files[".gitignore"] = "/data\n/models\n/joined\n/.checkpoints\n/logs\n"
    for name, text in files.items():
        (folder / name).write_text(text.lstrip())
    for argv in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        ["git", "config", "user.name", "t"],
        ["git", "config", "user.email", "t@t"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "toy"],
    ):
        subprocess.run(argv, cwd=folder, check=True)
    return folder


class Toy:
    """A repository with the toy pipeline, committed; `ran` names the steps that ran since the last call."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "project", folder / "log"
        self.environment = {
            **os.environ,
            "TOY_LOG": str(self.log),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
        }
        shutil.copytree(template(), self.folder)

    def cloned(self, folder: Path) -> "Toy":
        """Return a clone of this repository, whose steps are logged with this one's."""
        self.run("git", "clone", "-q", str(self.folder), str(folder))
        clone = copy.copy(self)
        clone.folder = folder
        return clone

    def commit(self) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "toy")

    def run(self, *argv: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        process = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or process.returncode == 0, process.stdout + process.stderr
        return process

    def dvc(self, *arguments: str) -> str:
        process = self.run(sys.executable, "-m", "dvc", *arguments)
        return process.stdout + process.stderr

    def command(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands; its exit status is the caller's to check."""
        return self.run(sys.executable, "-m", "stages.commands.main", name, *arguments, check=False, **environment)

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return self.popen("stages.commands.main", name, *arguments, **environment)

    def popen(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for(self, step: str, count: int = 1, seconds: float = 60) -> None:
        """Wait until a step was started `count` times since the last call of `ran`."""
        end = time.monotonic() + seconds
        while len([name for name, _ in self._steps() if name.startswith(step)]) < count:
            assert time.monotonic() < end, f"{step} was not started {count} times in {seconds} s"
            time.sleep(0.1)

    def ran(self) -> list[str]:
        return sorted(name for name, _ in self.where())

    def where(self) -> list[tuple[str, str]]:
        """Return the steps that ran since the last call of this or of `ran`, and whether by the head or a worker."""
        steps = self._steps()
        self.log.unlink(missing_ok=True)
        return [(name, "head" if folder == str(self.folder) else "worker") for name, folder in steps]

    def _steps(self) -> list[tuple[str, ...]]:
        lines = self.log.read_text().splitlines() if self.log.is_file() else []
        return [tuple(line.split("@", 1)) for line in lines]
