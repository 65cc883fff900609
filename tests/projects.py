"""A copy of the project with tiny parameters, in which stages run through DVC."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import write_params
from dvc.utils.hydra import apply_overrides

RAN = re.compile(r"^Running stage '([^']+)'", re.MULTILINE)


ELSEWHERE = {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}


class Project:
    """A project with tiny parameters, in which stages run through DVC, in another place and time zone than tests do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_params(folder)
        runs = [path for path in (folder / "metrics").iterdir() if path.name != "folds"]  # which stages read
        for target in (folder / "dvc.lock", folder / "plots", *runs):
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)

    def dvc(self, *words: str) -> str:
        environment = os.environ | ELSEWHERE
        done = subprocess.run(
            ["dvc", *words], cwd=self.folder, env=environment, umask=0o077, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def ran(self, *words: str) -> list[str]:
        """Return the stages whose commands ran."""
        return RAN.findall(self.dvc(*words))

    def changed(self, *overrides: str, target: str = "") -> list[str]:
        """Return the stages whose commands ran once params.yaml has these overrides of `dvc exp run -S`."""
        apply_overrides(self.folder / "params.yaml", list(overrides))
        return self.ran("repro", *([target] if target else []))

    def commit(self) -> None:
        for words in (
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "run", "--allow-empty"],
        ):
            subprocess.run(["git", *words], cwd=self.folder, check=True)

    def results(self) -> dict[str, str]:
        """Return the hash of every metrics, plots, report and model file."""
        return results(self.folder)


def results(folder: Path) -> dict[str, str]:
    parts = ("metrics/demo", "plots/demo", "models/demo", "data/processed")
    paths = [path for part in parts for path in (folder / part).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name not in (".gitignore", "deployment.csv", "machine.json", "deployment.svg")  # times
    }
