"""Write files whole or not at all, in the same bytes on every machine; hash them."""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

PARTIAL = ".partial-"  # prefix of temporary names, which Git and DVC ignore


@contextmanager
def writing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Yield one temporary path per target; rename all to the targets at the end, or remove all on an error.

    A temporary path is beside its target, so that renaming never crosses file systems; either may be a folder.
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
    """Write UTF-8 with LF line ends on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON; ValueError on NaN or infinity, which JSON has no number for."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame, *, digits: int = 9) -> None:
    """Write a table with `digits` significant digits (9 keep every float32); ValueError on NaN or infinity."""
    invalid = table.isna() | table.isin([math.inf, -math.inf])
    if invalid.any().any():
        columns = list(table.columns[invalid.any()])
        raise ValueError(f"{path.name.removeprefix(PARTIAL)}: missing, NaN or infinite values in the columns {columns}")
    table.to_csv(path, index=False, lineterminator="\n", float_format=f"%.{digits}g")


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
