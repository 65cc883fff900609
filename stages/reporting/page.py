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

from stages.reporting.labels import interval_text

TEMPLATES = Path(__file__).parent
SIDE = 144  # pixels of a picture in a gallery
Columns = dict[str, tuple[str, str]]  # a column's head -> where its metric is computed ("all", a threshold), the metric


@dataclass(frozen=True)
class Table:
    """A table of text. The report also shows its title, source (a file) and note."""

    head: list[str]
    rows: list[list[str]]
    title: str = ""
    source: str = ""
    note: str = ""

    def markdown(self) -> str:
        """Return head and rows as a Markdown table."""
        lines = ["| " + " | ".join(cells) + " |" for cells in (self.head, *self.rows)]
        return "\n".join([lines[0], "|---" * len(self.head) + "|", *lines[1:]])


@dataclass(frozen=True)
class Picture:
    """An image of a gallery and the same with the student's heat map over it, as data URLs."""

    image: str
    heat: str
    caption: str


def render(template: Path, **content: Any) -> str:
    """Return a template filled in, which may extend those of this folder; a name it lacks is an error."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, TEMPLATES]),
        autoescape=template.name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(**content)


def pictures(examples: pd.DataFrame, pixels: np.ndarray, heat: np.ndarray) -> dict[str, list[Picture]]:
    """Return the galleries by kind of example.

    pixels: uint8 (examples, size, size, 3); heat: Grad-CAM, uint8 (examples, size, size).
    """
    galleries: dict[str, list[Picture]] = {}
    for row, image, intensity in zip(examples.to_dict("records"), pixels, heat, strict=True):
        colors = (mpl.colormaps["inferno"](intensity)[..., :3] * 255).astype(np.uint8)
        overlay = (0.55 * image + 0.45 * colors).astype(np.uint8)
        caption = f"{row['image_id']} ({row['dx']}): teacher {row['p_teacher']:.2f}, student {row['p_student']:.2f}"
        galleries.setdefault(row["kind"], []).append(Picture(_data_url(image), _data_url(overlay), caption))
    return galleries


def metric_rows(models: pd.DataFrame, names: Iterable[str], columns: Columns) -> list[list[str]]:
    """Return a row per model: its name and its metrics on the holdout with intervals, "-" for one it lacks.

    models: the columns model, split, at, metric, value, low and high.
    """
    holdout = models[models["split"] == "holdout"].set_index(["model", "at", "metric"])
    intervals = holdout[["value", "low", "high"]].astype(float).T.to_dict("list")
    return [
        [
            name,
            *(interval_text(*intervals[name, *key]) if (name, *key) in intervals else "-" for key in columns.values()),
        ]
        for name in names
    ]


def _data_url(pixels: np.ndarray) -> str:
    target = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(target, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode()
