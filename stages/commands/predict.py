"""Give the probability of melanoma that an exported student computes for images, and its decision.

    melanoma-kd predict IMAGE... | FOLDER | -        (- reads one image from standard input)

The model file's own metadata says how images are squared, where the threshold lies and how p is calibrated. Bad
files are reported and skipped; the exit status is then 1. Research only: not a medical device.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnxruntime as ort
from tqdm import tqdm

from stages.deployment.decision import Decision
from stages.deployment.metadata import KEY, RELEASED, Metadata, read_metadata
from stages.deployment.session import BATCH, open_session, score_pixels
from stages.foundation.probability import class_probability
from stages.images.decoding import load_rgb, to_square
from stages.images.settings import Limits

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
STDIN = "-"


@dataclass(frozen=True)
class Row:
    """One image: p as the model gives it, calibrated p, decision at the operating point, band; or what is wrong."""

    file: str
    p_melanoma: float | None = None
    calibrated: float | None = None
    decision: str = ""
    band: str = ""
    error: str = ""


def find_images(names: list[str]) -> list[str]:
    """Return the images that the arguments name, a folder's in the order of their paths; ValueError on nothing.

    A link in a folder that leads nowhere counts: it then cannot be read.
    """
    images: list[str] = []
    for name in names:
        if name != STDIN and os.path.isdir(name):  # noqa: PTH112 - False, and no error, for a name that is too long
            paths = (path for path in Path(name).rglob("*") if path.suffix.lower() in SUFFIXES)
            inside = sorted(str(path) for path in paths if not path.is_dir())
            if not inside:
                raise ValueError(f"{name}: no images in this folder (looked for {', '.join(sorted(SUFFIXES))})")
            images += inside
        else:
            images.append(name)
    return images


def decide(p: np.ndarray, decision: Decision) -> list[tuple[float, float, str, str]]:
    """Return p, calibrated p, "melanoma" or "other" at the operating point, and the referral band of each image."""
    called = np.where(decision.called(p), "melanoma", "other")
    columns = (p, decision.calibration(p), called, decision.referral.bands(p))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def check_fit(session: ort.InferenceSession, metadata: Metadata, name: str) -> None:
    """Raise ValueError unless the model's input and output have the type and shape that its metadata say."""
    size = metadata.frame.size
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    outputs = [value.shape[1:] for value in session.get_outputs()]
    wanted = [("image", "tensor(float)", [3, size, size])], [[len(metadata.classes)]]
    if (inputs, outputs) != wanted:
        raise ValueError(f"{name}: its metadata want inputs and classes {wanted}, the model has {(inputs, outputs)}")
    batch = session.get_inputs()[0].shape[0]
    if isinstance(batch, int):
        raise ValueError(f"{name}: it takes batches of {batch} alone; export it with a free batch size")


def predict(session: ort.InferenceSession, metadata: Metadata, files: Iterable[str], threads: int) -> Iterator[Row]:
    """Yield one row per file in order; two batches are held, whatever their number: one is decoded, one scored."""
    remaining = iter(files)
    with ThreadPoolExecutor(threads) as pool:

        def begin() -> list[tuple[str, Future[np.ndarray | str]]]:
            return [(name, pool.submit(_decode, name, metadata)) for name in islice(remaining, BATCH)]

        batch = begin()
        while batch:
            following, decoded = begin(), [future.result() for _, future in batch]
            good = [image for image in decoded if isinstance(image, np.ndarray)]
            scored = iter(_score(session, metadata, np.stack(good)) if good else [])
            for (name, _), image in zip(batch, decoded, strict=True):
                yield Row(name, error=image) if isinstance(image, str) else _row(name, next(scored))
            batch = following


def _decode(name: str, metadata: Metadata) -> np.ndarray | str:
    frame = metadata.frame
    limits = Limits(min_side=frame.min_side, max_aspect=frame.max_aspect, max_megapixels=frame.max_megapixels)
    source: Path | BinaryIO = io.BytesIO(sys.stdin.buffer.read()) if name == STDIN else Path(name)
    try:
        return to_square(load_rgb(source, limits), frame.size)
    except ValueError as error:
        return str(error).removeprefix("image: " if name == STDIN else f"{Path(name)}: ")


def _score(
    session: ort.InferenceSession, metadata: Metadata, pixels: np.ndarray
) -> list[tuple[float, float, str, str] | None]:
    logits = score_pixels(session, pixels, np.arange(len(pixels)))
    p = class_probability(logits, metadata.classes.index(metadata.melanoma))
    return [decide(value[None], metadata.decision)[0] if np.isfinite(value) else None for value in p]


def _row(name: str, scored: tuple[float, float, str, str] | None) -> Row:
    return Row(name, error="the model gives no number for this image") if scored is None else Row(name, *scored)


def write(rows: Iterable[Row], style: str) -> int:
    """Write rows to standard output as they come, in this style; return how many had an error."""
    failed = 0
    writer = csv.DictWriter(sys.stdout, [field.name for field in fields(Row)], lineterminator="\n")
    if style == "csv":
        writer.writeheader()
    for row in rows:
        failed += bool(row.error)
        if style == "csv":
            writer.writerow(asdict(row) | {"file": _safe(row.file)})
        elif style == "json":
            print(json.dumps({name: value for name, value in asdict(row).items() if value not in (None, "")}))
        elif row.error:
            print(f"{row.file}: {row.error}", file=sys.stderr)
        else:
            print(f"{row.p_melanoma:8.4f} {row.calibrated:8.4f}  {row.decision:9}{row.band:11}{row.file}")
    return failed


def _safe(name: str) -> str:
    """Return a file's name that a spreadsheet does not take for a formula."""
    return f"./{name}" if name[:1] in "=+-@" and name != STDIN else name


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="predict", description="Probability of melanoma. Research only: no diagnosis."
    )
    parser.add_argument("images", nargs="+", help="image files, folders, or - for one image on standard input")
    parser.add_argument("--model", type=Path, default=RELEASED, help="an ONNX file that this pipeline exported")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="json: one object a line")
    parser.add_argument("--threads", type=int, default=None, help="default: all")
    options = parser.parse_args(arguments)
    if options.threads is not None and options.threads < 1:
        parser.error(f"argument --threads: wanted 1 or more, found {options.threads}")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    threads = options.threads or os.cpu_count() or 1
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the locale's encoding cannot
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        session = open_session(options.model, threads=threads)
        metadata = read_metadata(session.get_modelmeta().custom_metadata_map.get(KEY), str(options.model))
        check_fit(session, metadata, str(options.model))
        files = find_images(options.images)
        if options.format == "table":
            print(f"{'p':>8} {'calibr.':>8}  {'decision':9}{'band':11}file", file=sys.stderr)
        progress = tqdm(files, unit="image", disable=None if len(files) > 1 else True, file=sys.stderr)
        failed = write(predict(session, metadata, progress, threads), options.format)
    except BrokenPipeError:  # the reader of our output has closed it: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError) as error:
        sys.exit(f"predict: {error}")
    if failed:
        sys.exit(f"predict: {failed} of {len(files)} images could not be read")


if __name__ == "__main__":
    main()
