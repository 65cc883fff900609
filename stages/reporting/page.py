"""The report as one HTML file and the model card as Markdown, filled in from tables, figures and pictures."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

HERE = Path(__file__).parent
SIDE = 144  # pixels of a picture in a gallery


@dataclass(frozen=True)
class Table:
    """A table of the page: rows of text, sortable by a number or text each cell holds."""

    title: str
    source: str
    note: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Picture:
    """An image of a gallery beside what the student looks at, as data addresses, and the words below."""

    image: str
    heat: str
    words: str


def render(template: str, **content: Any) -> str:
    """Return a template of this folder filled in; a name it lacks is an error."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**content)


def with_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval as the page and the README write them."""
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def pictures(shown: pd.DataFrame, pixels: np.ndarray, heat: np.ndarray) -> dict[str, list[Picture]]:
    """Return the galleries by kind. pixels: uint8 (examples, size, size, 3); heat: uint8 (examples, size, size)."""
    galleries: dict[str, list[Picture]] = {}
    for row, image, warmth in zip(shown.to_dict("records"), pixels, heat, strict=True):
        colours = (mpl.colormaps["inferno"](warmth)[..., :3] * 255).astype(np.uint8)
        overlay = (0.55 * image + 0.45 * colours).astype(np.uint8)
        words = f"{row['image_id']} ({row['dx']}): teacher {row['p_teacher']:.2f}, student {row['p_student']:.2f}"
        galleries.setdefault(row["kind"], []).append(Picture(_address(image), _address(overlay), words))
    return galleries


def models_table(models: pd.DataFrame, names: Iterable[str], columns: dict[str, tuple[str, str]]) -> list[list[str]]:
    """Return a row per model: its name and these holdout metrics, columns' (at, metric), with intervals."""
    found = models[models["split"] == "holdout"].set_index(["model", "at", "metric"])
    rows = []
    for name in names:
        cells = [found.xs((name, *key))[["value", "low", "high"]].to_numpy(float) for key in columns.values()]
        rows.append([name, *(with_interval(*cell) for cell in cells)])
    return rows


def _address(pixels: np.ndarray) -> str:
    target = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(target, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode()
