"""Files that are either whole or absent, and hashes that say which file was read."""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

PARTIAL = ".partial-"  # Git and DVC ignore names that begin so


@contextmanager
def writing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Yield one temporary path per target and rename all of them at the end; on any error none of them appears.

    A temporary stands beside its target, so that renaming never crosses file systems; the block may make it a
    file or a folder.
    """
    partials = tuple(target.with_name(PARTIAL + target.name) for target in targets)
    try:
        for partial in partials:
            partial.parent.mkdir(parents=True, exist_ok=True)
            _remove(partial)
        yield partials
        for partial, target in zip(partials, targets, strict=True):
            if target.is_dir():
                shutil.rmtree(target)
            partial.replace(target)
    finally:
        for partial in partials:
            _remove(partial)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with LF line ends, whatever the machine's locale."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and for `dvc metrics`; ValueError on NaN or infinity, which no metrics file may hold."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame, *, digits: int = 9) -> None:
    """Write a table with `digits` significant digits (9 keep every float32); ValueError unless all are finite."""
    bad = table.isna() | table.isin([math.inf, -math.inf])
    if bad.any().any():
        columns = list(table.columns[bad.any()])
        raise ValueError(f"{path.name.removeprefix(PARTIAL)}: missing, NaN or infinite values in the columns {columns}")
    table.to_csv(path, index=False, lineterminator="\n", float_format=f"%.{digits}g")


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
