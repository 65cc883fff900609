"""Validate an exported file on a labelled archive: external validation, with nothing fitted anew.

    melanoma-kd validate ARCHIVE [--only TABLE] [--model FILE] [--melanoma LABEL] [--output FOLDER]

ARCHIVE is HAM10000's layout, a ground truth of an ISIC challenge beside its images, a folder for each class, or a CSV
of file and label; --only takes the images alone that a table names, such as a holdout.csv. Columns for lesion or
patient, age, sex and site are used where they are named. Intervals are by a bootstrap over lesions or patients, else
over images. Writes build/validation/<archive>: predictions.csv, faults.csv, the tables and report.html, beside the
holdout the model was developed with. Research only: not a medical device.
"""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.commands.answering import Answer, answer_files
from stages.commands.archives.labelled import Labelled, read_archive
from stages.commands.archives.tables import ASKED
from stages.commands.holdout import holdout_rows
from stages.commands.options import columns_of, count, share
from stages.commands.validation.numbers import TABLES, external_tables
from stages.commands.validation.page import validation_page
from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED
from stages.foundation.files import read_table, write_csv, write_text, writing
from stages.foundation.params import read_params
from stages.foundation.settings import Evaluate
from stages.foundation.splits import GROUP

PAGE = "report.html"
WRITTEN = {PAGE, *(f"{name}.csv" for name in (*TABLES, "predictions", "faults"))}


@dataclass(frozen=True)
class Params:
    evaluate: Evaluate


def only_of(archive: Labelled, path: Path) -> Labelled:
    """Return an archive with the images alone whose image_id a table names; ValueError where it names others."""
    asked = read_table(path)
    if "image_id" not in asked:
        raise ValueError(f"{path}: wanted a column image_id, found {', '.join(map(str, asked))}")
    here = archive.table["image_id"].isin(asked["image_id"])
    missing = asked["image_id"][~asked["image_id"].isin(archive.table["image_id"])]
    if len(missing):
        raise ValueError(f"{path}: the archive has no usable row for {len(missing)} images, such as {missing.iloc[0]}")
    files = [file for file, wanted in zip(archive.files, here, strict=True) if wanted]
    return replace(archive, table=archive.table[here].reset_index(drop=True), files=files)


def with_answers(archive: Labelled, answers: list[Answer]) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of the images that were answered about, with p_melanoma and distance, and all faults."""
    table = archive.table.assign(
        p_melanoma=[answer.p_melanoma for answer in answers], distance=[answer.distance for answer in answers]
    )
    faults = [f"{answer.file}: {answer.error}" for answer in answers if answer.error]
    good = np.array([not answer.error for answer in answers], dtype=bool)
    return table[good].reset_index(drop=True), archive.faults + faults


def describe(table: pd.DataFrame, archive: Labelled, replicates: int) -> dict[str, str]:
    """Return who was looked at, and what the bootstrap draws."""
    grouped = f" of {table[GROUP].nunique()} {archive.groups}" if archive.groups != "images" else ""
    population = f"{len(table)} images{grouped}, {table['melanoma'].sum()} of them melanomas"
    if archive.unused:
        population += f"; {archive.unused} more images were not used"
    return {"population": population, "unit": archive.groups, "replicates": str(replicates)}


def output_of(options: argparse.Namespace) -> Path:
    """Return the folder to write; ValueError where that would remove something that `validate` did not write."""
    archive: Path = options.archive.resolve()
    name = archive.name if archive.is_dir() else f"{archive.parent.name}_{archive.stem}"
    name = f"{name}_{options.only.stem}" if options.only else name
    output: Path = options.output or Path("build/validation", name)
    if archive == output.resolve() or output.resolve() in archive.parents:
        raise ValueError(f"{output}: holds the archive; name another folder")
    if output.is_dir() and {path.name for path in output.iterdir()} not in (set(), WRITTEN):
        raise ValueError(f"{output}: holds something else than a validation; name another folder")
    return output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path, help="a folder, or a CSV of files and labels beside its images")
    parser.add_argument("--only", type=Path, metavar="TABLE", help="a CSV: of the images, those of its image_id")
    parser.add_argument(
        "--model",
        type=Path,
        default=RELEASED,
        help="an ONNX or LiteRT file that this pipeline exported; default: the released student, models/released",
    )
    asked = f"what is not found by its name, of {', '.join(ASKED)}"
    parser.add_argument("--columns", type=columns_of, default={}, metavar="image=COLUMN,...", help=asked)
    parser.add_argument("--melanoma", action="append", metavar="LABEL", help="a label that means melanoma; repeatable")
    parser.add_argument("--prevalence", type=share, nargs="+", help="of melanoma; default: params.yaml's")
    parser.add_argument("--output", type=Path, help="default: build/validation/<archive>")
    parser.add_argument("--threads", type=count, default=os.cpu_count() or 1, help="default: all")


def main(options: argparse.Namespace) -> None:
    settings, output = read_params(Params).evaluate, output_of(options)
    melanomas = {label.lower() for label in options.melanoma} if options.melanoma else None
    archive = read_archive(options.archive, melanomas, options.columns)
    archive = only_of(archive, options.only) if options.only else archive
    student = open_deployed(options.model, options.threads)
    files = tqdm([str(path) for path in archive.files], unit="image", disable=None, file=sys.stderr)
    table, faults = with_answers(archive, list(answer_files(student, files, options.threads)))
    if table["melanoma"].nunique() < 2:
        reason = f"; {len(faults)} could not be used, such as {faults[0]}" if faults else ""
        raise ValueError(f"wanted melanomas and other lesions, found {len(table)} images of one of them{reason}")
    metadata = student.metadata
    tables = external_tables(table, metadata.decision, settings, options.prevalence or settings.prevalences)
    with writing(output) as (folder,):
        folder.mkdir(parents=True)
        for name, content in {**tables, "predictions": table}.items():
            write_csv(folder / f"{name}.csv", content)
        write_csv(folder / "faults.csv", pd.DataFrame({"fault": faults}))
        file = {"model": options.model.name, "data": metadata.data}
        described = describe(table, archive, settings.replicates)
        beside = holdout_rows(metadata.data, metadata.decision.threshold)
        page = validation_page(output.name, file, described, tables, faults, beside)
        write_text(folder / PAGE, page)
    print(f"{len(table)} images, {table['melanoma'].sum()} of melanomas; {len(faults)} faults; {output / PAGE}")
    if faults:
        raise ValueError(f"{len(faults)} rows or files could not be used; faults.csv names them")
