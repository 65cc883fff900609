"""Run the committed pipeline twice from nothing and compare: equal bytes, then nothing to do.

    make reproduce

Clones HEAD into two folders, with a cache each, and runs `dvc repro` in both. Fails where a file that Git holds or a
hash of dvc.lock differs between them, or where a further `dvc repro` would run a stage. Prints, in Markdown, how the
metrics differ from the commit's. Writes nothing here. Takes twice as long as `make repro`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from stages.foundation import command


def run(folder: Path, *argv: str) -> str:
    """Run a command in a folder and return what it prints; ValueError when it fails."""
    process = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise ValueError(f"{' '.join(argv)}: exit status {process.returncode}\n{process.stdout}{process.stderr}")
    return process.stdout


def from_nothing(folder: Path) -> dict[str, bytes]:
    """Return the files that Git holds, by name, of a clone of HEAD in which the whole pipeline has run."""
    run(Path(), "git", "clone", "--quiet", ".", str(folder))
    run(folder, sys.executable, "-m", "dvc", "repro")
    names = run(folder, "git", "ls-files", "-z").split("\0")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        one, other = (Path(temporary, name) for name in ("one", "other"))
        first, second = from_nothing(one), from_nothing(other)
        if different := sorted(name for name in first | second if first.get(name) != second.get(name)):
            raise ValueError(f"two runs from nothing differ in {', '.join(different)}")
        again = run(one, sys.executable, "-m", "dvc", "repro")
        if "Running stage" in again or "cached - skipping" in again:
            raise ValueError(f"a further dvc repro is not idle:\n{again}")
        print(f"two runs from nothing: {len(first)} files and every hash of dvc.lock are equal; then nothing to do\n")
        print(run(one, sys.executable, "-m", "dvc", "metrics", "diff", "--md"))


if __name__ == "__main__":
    command.run(main)
