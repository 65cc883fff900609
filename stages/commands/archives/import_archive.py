"""Put labelled images of any layout into an archive that can be trained on, data/raw/NAME.

    melanoma-kd import SOURCE NAME [--columns image=COLUMN,label=COLUMN,...] [--melanoma LABEL] [--dry-run]

SOURCE is HAM10000's layout, a folder for each class, a CSV beside its images, an ISIC challenge's tables, the ISIC
Archive's, PH2, Derm7pt or PAD-UFES-20 as published. A second SOURCE with the same NAME is added; each image keeps where
it is from as its `dataset`. Writes data/raw/NAME: the images, as hard links where the disk can, the table
HAM10000_metadata.csv, and alike.csv with pairs of images that seem to show one lesion; they are kept in one split. With
--hash-ids also data/raw/NAME.ids.csv, the only table from which it can be told whose they are.
A row or image that cannot be used is a fault: nothing is written, or, with --leave-out-faults, the others are. What was
interrupted goes on, and what is imported already stays.
"""

import argparse
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.commands.archives.findings import FEW, FEWEST
from stages.commands.archives.images import (
    IMAGES,
    SHOWN,
    Images,
    imported,
    metadata_of,
    named,
    plain,
    with_hashed_ids,
    without_equal,
)
from stages.commands.archives.labelled import read_archive
from stages.commands.archives.lookalikes import alike_pairs, thumbnails
from stages.commands.archives.tables import ASKED
from stages.commands.options import columns_of
from stages.foundation.files import PARTIAL, sha256_file, write_csv, writing
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO
from stages.foundation.splits import MELANOMA, METADATA, PATIENT, SOURCE
from stages.images.archive import ALIKE, SUFFIXES, disputed_lesions, raise_all
from stages.images.decoding import load_rgb
from stages.images.settings import ImageLimits, Limits

RAW = Path("data/raw")


@dataclass(frozen=True)
class Params:
    image: ImageLimits


def put(file: Path, content: str, target: Path) -> None:
    """Make a file the archive's: a hard link, else a copy; content: its sha256. ValueError where another is there."""
    if target.is_file():
        if sha256_file(target) != content:
            raise ValueError(f"{target}: another image than {file}; remove it, or import under another NAME")
        return
    with writing(target) as (partial,):
        try:
            os.link(file.resolve(), partial)
        except OSError:  # another disk, or one without links
            shutil.copyfile(file, partial)


def summary(table: pd.DataFrame) -> str:
    """Return the counts of an archive's images, by class, source and patient."""
    melanomas = table[table["dx"] == MELANOMA]["lesion_id"].nunique()
    patients = table[PATIENT][table[PATIENT] != ""].nunique()
    lines = [
        f"{len(table)} images of {table['lesion_id'].nunique()} lesions, {melanomas} of them melanomas, of "
        + (f"{patients} patients" if patients else "patients that are not named"),
        *(f"  {name}: {rows['dx'].value_counts().sort_index().to_dict()}" for name, rows in table.groupby(SOURCE)),
    ]
    return "\n".join([*lines, *([FEW] if melanomas < FEWEST else [])])


def read_source(options: argparse.Namespace, limits: Limits, before: Images) -> tuple[Images, np.ndarray]:
    """Return the images to import, and the thumbnails of those before and of these; ValueError on faults."""
    melanomas = {label.lower() for label in options.melanoma} if options.melanoma else None
    archive = read_archive(options.source, melanomas, options.columns)
    print("read", ", ".join(f"{ours} from {column}" for ours, column in sorted(archive.columns.items())))
    place = options.source.resolve()
    source = options.dataset or plain(place.parent.name if place.is_file() else place.name)
    files = [as_png(file, working(options.name), limits) for file in archive.files]
    contents = [sha256_file(file) for file in files]
    images, contradictions = without_equal(Images(metadata_of(archive.table, source), files, contents), before)
    small, errors = thumbnails([*before.files, *images.files], limits, working(options.name))
    there = len(before.files)
    disputed = disputed_lesions(pd.concat([before.table, images.table]))
    lesions = list(images.table["lesion_id"])
    good = [i for i, lesion in enumerate(lesions) if not errors[there + i] and lesion not in disputed]
    faults = [*archive.faults, *contradictions, *filter(None, errors), *disputed.values()]
    if faults and not options.leave_out_faults:
        raise_all(f"{options.source}: nothing was written; mend these, or leave them out by --leave-out-faults", faults)
    return named(images.at(good), before), small[[*range(there), *(there + i for i in good)]]


def working(name: str) -> Path:
    """Return the folder with what an import has decoded, which it goes on from where it was interrupted."""
    return RAW / f"{PARTIAL}{name}"


def as_png(file: Path, folder: Path, limits: Limits) -> Path:
    """Return a JPEG or PNG as it is, another image as a PNG of the same pixels below a folder.

    What cannot be read is returned as it is, too; it is named later.
    """
    if file.suffix.lower() in SUFFIXES:
        return file
    target = folder / sha256_file(file)[:16] / f"{file.stem}.png"
    if target.is_file():  # of an import that was interrupted
        return target
    try:
        with writing(target) as (partial,):
            load_rgb(file, limits).save(partial, "PNG")
    except ValueError:
        return file
    return target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="a folder, or a CSV of files and labels beside its images")
    parser.add_argument("name", help="of the archive: data.name")
    asked = f"what is not found by its name, of {', '.join(ASKED)}"
    parser.add_argument("--columns", type=columns_of, default={}, metavar="image=COLUMN,...", help=asked)
    parser.add_argument("--melanoma", action="append", metavar="LABEL", help="a label that means melanoma; repeatable")
    parser.add_argument("--dataset", help="clinic and camera, where the table does not say it; default: the folder's")
    parser.add_argument("--leave-out-faults", action="store_true", help="go on with what can be used")
    parser.add_argument(
        "--hash-ids", action="store_true", help="names from which nobody can tell whose images they are"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be imported, and write nothing")


def main(options: argparse.Namespace) -> None:
    if options.name == DEMO or not re.fullmatch(r"[A-Za-z0-9_-]+", options.name):
        raise ValueError(f"NAME: wanted letters, digits, _ and -, and not {DEMO}, which the pipeline draws")
    limits, folder = read_params(Params).image.limits, RAW / options.name
    before = imported(folder)
    images, small = read_source(options, limits, before)
    ids_path = RAW / f"{options.name}.ids.csv"
    if options.hash_ids:
        images, ids = with_hashed_ids(images, ids_path)
    table = pd.concat([before.table, images.table], ignore_index=True)
    if table.empty:
        raise ValueError(f"{options.source}: no image that can be used")
    print(summary(table))
    alike = alike_pairs(table, [*before.files, *images.files], small, limits)
    print(f"{len(alike)} pairs of images of two lesions seem to show one, and will be in one split")
    if len(alike):
        print(alike.head(SHOWN).to_string(index=False))
    if options.dry_run:
        print("nothing was written")
    else:
        for name, file, content in zip(images.table["image_id"], images.files, images.hashes, strict=True):
            put(file, content, folder / IMAGES / f"{name}{file.suffix.lower()}")
        tables = {folder / METADATA: table.sort_values("image_id"), folder / ALIKE: alike}
        tables |= {ids_path: ids} if options.hash_ids else {}
        with writing(*tables) as partials:
            for partial, written in zip(partials, tables.values(), strict=True):
                write_csv(partial, written, digits=3)
        print(f"{folder} is there; docs/train.md says how to train on it")
    shutil.rmtree(working(options.name))
