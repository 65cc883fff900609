"""Write files whole or not at all, in the same bytes on every machine; hash them."""

import hashlib
import json
import math
import shutil
import warnings
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


def read_table(path: Path) -> pd.DataFrame:
    """Return a CSV file with a header, all of it text; ValueError names a file that is no such table."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows with more fields than the header
            return pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, pd.errors.ParserWarning) as error:  # ValueError: pandas' own, and of bytes that are no UTF-8
        raise ValueError(f"{path}: not a whole table ({' '.join(str(error).split())})") from None


@contextmanager
def saving(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Raise a library's own errors on a full disk as an OSError that names the file."""
    try:
        yield
    except errors as error:
        name = path.with_name(path.name.removeprefix(PARTIAL))
        raise OSError(f"{name}: could not be written ({' '.join(str(error).split())})") from None


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
