"""What a module imports of the project, directly or not, and the units that dvc.yaml lists for it."""

import ast
from functools import cache
from pathlib import Path


@cache
def direct_imports(path: Path) -> frozenset[Path]:
    """Return the project's files that one file imports; the current directory is the project's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "stages":
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "stages"}
    files = {Path(*name.split(".")).with_suffix(".py") for name in found}
    return frozenset(file for file in files if file.is_file())


@cache
def all_imports(path: Path) -> frozenset[Path]:
    """Return the file itself and every file of the project it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(direct_imports(file))
    return frozenset(seen)


def folder(path: Path) -> str:
    """Return the folder of stages/ that a module lies in, or "stage" for one directly below."""
    return path.parts[1] if len(path.parts) > 2 else "stage"


def unit(path: Path) -> str:
    """Return what a stage depends on for a module: a stage's own module, or the folder of any other."""
    return path.as_posix() if folder(path) == "stage" else f"stages/{folder(path)}"
