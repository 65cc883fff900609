"""Give the probability of melanoma that an exported student computes for images, and its decision.

    melanoma-kd predict IMAGE... | FOLDER | -        (- reads one image from standard input)
    melanoma-kd predict --by lesion FOLDER | TABLE.csv   (a folder for each lesion, or the columns file and lesion_id)

The model file's own metadata says how images are squared, where the threshold lies, how p is calibrated and how far a
picture may be from the training images. It looks for melanoma alone: basal cell carcinoma and other skin cancers count
as other. Bad files are reported and skipped; the exit status is then 1. Research only:
not a medical device.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.commands.answering import STDIN, SUFFIXES, Answer, answer_files, images_in
from stages.commands.options import count, share
from stages.deployment.decision import FLAGGED, NOT_FLAGGED, Decision
from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED
from stages.foundation.probability import mean_probability

REFUSED = "refused"
WHY = "not a dermatoscopic image this model knows"


@dataclass(frozen=True)
class Row:
    """One image: p as the model gives it, calibrated p, decision at the operating point, band; or what is wrong.

    decision: "flagged", "not flagged", or "refused" for a picture too far from the training images to be answered
    about; distance: from them, about 1 for one of theirs, None from a file that does not tell it.
    """

    file: str
    p_melanoma: float | None = None
    calibrated: float | None = None
    decision: str = ""
    band: str = ""
    distance: float | None = None
    error: str = ""


def find_images(names: list[str]) -> list[str]:
    """Return the images that the arguments name, a folder's in the order of their paths; ValueError on nothing."""
    images: list[str] = []
    for name in names:
        if name != STDIN and os.path.isdir(name):  # noqa: PTH112 - False, and no error, for a name that is too long
            inside = sorted(str(path) for path in images_in(Path(name)))
            if not inside:
                raise ValueError(f"{name}: no images in this folder (looked for {', '.join(sorted(SUFFIXES))})")
            images += inside
        else:
            images.append(name)
    return images


def find_lesions(names: list[str]) -> dict[str, str]:
    """Return file -> the lesion it shows: its folder's path, or what a table says; ValueError on another table.

    A patient's lesions may be numbered from 1, and an image whose lesion is not named is one of its own.
    """
    from stages.commands.archives.labelled import lesion_of  # noqa: PLC0415 - `predict` starts without pandas
    from stages.commands.archives.tables import read_rows  # noqa: PLC0415

    lesions: dict[str, str] = {}
    for name in names:
        if Path(name).suffix.lower() == ".csv":
            rows, columns = read_rows([Path(name)], {}, labels=False)
            if "lesion_id" not in columns:
                raise ValueError(f"{name}: wanted a column with the lesion, such as lesion_id")
            if rows.empty:
                raise ValueError(f"{name}: no rows")
            lesions |= {str(Path(name).parent / row["image_id"]): lesion_of(row)[0] for row in rows.to_dict("records")}
        else:
            lesions |= {file: str(Path(file).parent) for file in find_images([name])}
    return lesions


def by_lesion(answers: Iterable[Answer], lesions: dict[str, str], decision: Decision) -> Iterator[Answer]:
    """Yield one answer a lesion, by the mean log odds of its images, and the farthest of their distances.

    Images that would be refused do not count where the lesion has others; files with an error are yielded as they are.
    """
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.error:
            yield answer
        else:
            groups.setdefault(lesions[answer.file], []).append(answer)
    for lesion, images in groups.items():
        known = [image for image in images if not decision.refused(np.array([image.distance]))[0]] or images
        (p,) = mean_probability([np.array([image.p_melanoma]) for image in known])
        yield Answer(lesion, float(p), max(image.distance for image in known))


def row_of(answer: Answer, decision: Decision, *, prevalence: float | None = None, show_refused: bool = False) -> Row:
    """Return what is said of one file; prevalence: of melanoma where it comes from, None for val's."""
    if answer.error:
        return Row(answer.file, error=answer.error)
    p = np.array([answer.p_melanoma])
    distance = None if np.isnan(answer.distance) else answer.distance
    refused = bool(decision.refused(np.array([answer.distance]))[0])
    if refused and not show_refused:
        return Row(answer.file, decision=REFUSED, distance=distance)
    calibrated = decision.calibration(p) if prevalence is None else decision.at_prevalence(p, prevalence)
    called = REFUSED if refused else FLAGGED if decision.called(p)[0] else NOT_FLAGGED
    return Row(
        answer.file,
        answer.p_melanoma,
        float(calibrated[0]),
        called,
        str(decision.referral.bands(p)[0]),
        distance,
    )


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
        elif row.p_melanoma is None:
            print(f"{'-':>8} {'-':>8}  {row.decision:13}{'-':20}{row.file}: {WHY}")
        else:
            print(f"{row.p_melanoma:8.4f} {row.calibrated:8.4f}  {row.decision:13}{row.band:20}{row.file}")
    return failed


def _safe(name: str) -> str:
    """Return a file's name that a spreadsheet does not take for a formula."""
    return f"./{name}" if name[:1] in "=+-@" and name != STDIN else name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", help="image files, folders, or - for one image on standard input")
    parser.add_argument(
        "--model",
        type=Path,
        default=RELEASED,
        help="an ONNX or LiteRT file that this pipeline exported; default: the released student, models/released",
    )
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="json: one object a line")
    parser.add_argument("--threads", type=count, default=os.cpu_count() or 1, help="default: all")
    parser.add_argument("--prevalence", type=share, help="of melanoma where the images come from, such as 0.02")
    parser.add_argument("--threshold", type=share, help="on p, instead of the file's own: from where on it is flagged")
    parser.add_argument("--by", choices=("image", "lesion"), default="image", help="one answer for each; image")
    parser.add_argument("--show-refused", action="store_true", help="the probability of unfamiliar pictures, too")


def main(options: argparse.Namespace) -> None:
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the locale's encoding cannot
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    student = open_deployed(options.model, options.threads)
    decision = student.metadata.decision
    if options.threshold is not None:
        decision = decision.model_copy(update={"threshold": options.threshold})
    lesions = find_lesions(options.images) if options.by == "lesion" else {}
    files = list(lesions) or find_images(options.images)
    if options.format == "table":
        print(f"{'p':>8} {'calibr.':>8}  {'decision':13}{'band':20}file", file=sys.stderr)
    progress = tqdm(files, unit="image", disable=None if len(files) > 1 else True, file=sys.stderr)
    answers: Iterable[Answer] = answer_files(student, progress, options.threads)
    if lesions:
        answers = by_lesion(answers, lesions, decision)
    shown = {"prevalence": options.prevalence, "show_refused": options.show_refused}
    rows = (row_of(answer, decision, **shown) for answer in answers)
    if failed := write(rows, options.format):
        raise ValueError(f"{failed} of {len(files)} images could not be read")
