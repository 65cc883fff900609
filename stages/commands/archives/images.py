"""The images of an archive that can be trained on, and of one that is to be added: their rows, names and hashes."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.foundation.files import read_table, sha256_file
from stages.foundation.splits import COLUMNS, MELANOMA, METADATA, OTHER, PATIENT, SOURCE, UNKNOWN
from stages.images.archive import SUFFIXES, find_images, read_metadata

SHOWN = 10
IMAGES = "images"  # the folder of an archive that `import` puts them in


@dataclass(frozen=True)
class Images:
    """Images with their rows: table has COLUMNS, SOURCE and PATIENT, all text; files, hashes (sha256): of its rows."""

    table: pd.DataFrame
    files: list[Path]
    hashes: list[str]

    def at(self, positions: list[int]) -> "Images":
        """Return the images at some positions."""
        table = self.table.iloc[positions].reset_index(drop=True)
        return Images(table, [self.files[i] for i in positions], [self.hashes[i] for i in positions])


def imported(folder: Path) -> Images:
    """Return what an archive holds already, nothing where there is none.

    Images without a row are an interrupted import's, which the same import finds again.
    """
    if not (folder / METADATA).is_file():
        return Images(pd.DataFrame(columns=[*COLUMNS, SOURCE, PATIENT]), [], [])
    table = read_metadata(folder).replace(UNKNOWN, "")
    put = (folder / IMAGES).iterdir() if (folder / IMAGES).is_dir() else ()
    there = {path.stem for path in put if path.suffix.lower() in SUFFIXES}
    found = find_images(folder, [*table["image_id"], *sorted(there - set(table["image_id"]))])
    files = [found[name] for name in table["image_id"]]
    return Images(table, files, [sha256_file(file) for file in files])


def metadata_of(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the table of a `Labelled` in HAM10000's layout, with SOURCE and PATIENT; blanks are empty.

    source: of images whose archive does not say it. A lesion's name begins with it, and a patient's, as two archives
    may number theirs alike. A lesion whose images have several diagnoses, none of them melanoma, is "other".
    """
    texts = {name: table[name].map(lambda text: plain(text, " /.()")) for name in ("sex", "localization", SOURCE)}
    ids = {name: table[name].map(lambda text: _id(f"{source}_{text}")) for name in ("lesion_id", PATIENT)}
    several = table["dx"].groupby(ids["lesion_id"]).transform("nunique") > 1
    mixed = several & (table["melanoma"].groupby(ids["lesion_id"]).transform("max") == 0)
    columns = {
        **ids,
        **texts,
        "image_id": table["image_id"],
        "dx": table["dx"].mask(mixed, OTHER),
        "dx_type": "",
        "age": table["age"],
        SOURCE: texts[SOURCE].mask(table[SOURCE] == UNKNOWN, source),
        PATIENT: ids[PATIENT].mask(table[PATIENT] == UNKNOWN, ""),
    }
    return pd.DataFrame(columns, index=table.index)[[*COLUMNS, SOURCE, PATIENT]].replace(UNKNOWN, "")


def plain(text: str, others: str = "") -> str:
    """Return text with letters, digits, _ and - alone, and `others`, and a letter or digit first."""
    return re.sub(f"[^A-Za-z0-9_{re.escape(others)}-]+", "_", text).lstrip("_-/.() ")


def _id(text: str) -> str:
    """Return a plain name that no other text has, as two names in Cyrillic would have one otherwise."""
    return plain(text) if text.isascii() else f"{plain(text)}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def named(images: Images, before: Images) -> Images:
    """Return images with plain image_ids that none of the archive's has: their files' stems.

    Where stems repeat, as in a folder for each class, the path; where that is taken, with a part of the hash.
    """
    often, names = Counter(file.stem for file in images.files), set(before.table["image_id"])
    image_ids = []
    for file, asked, content in zip(images.files, images.table["image_id"], images.hashes, strict=True):
        text = file.stem if often[file.stem] == 1 else str(Path(asked).with_suffix(""))
        name = plain(text) or "image"
        name = f"{name}_{content[:8]}" if name in names else name
        names.add(name)
        image_ids.append(name)
    return Images(images.table.assign(image_id=image_ids), images.files, images.hashes)


def without_equal(images: Images, before: Images) -> tuple[Images, list[str]]:
    """Return the images that the archive lacks, of equal files the first, and those of which two rows disagree.

    Says which are left out. Two rows disagree where one says melanoma and the other does not.
    """
    first, kept, equal, faults = dict(_rows(before)), list[int](), list[str](), list[str]()
    for position, (content, (name, dx)) in enumerate(_rows(images)):
        if content not in first:
            first[content] = name, dx
            kept.append(position)
        elif (dx == MELANOMA) != (first[content][1] == MELANOMA):
            faults.append(f"{name}: {dx}, and the same file as {first[content][0]}, which is {first[content][1]}")
        else:
            equal.append(f"  {name}: the same file as {first[content][0]}")
    if equal:
        print(f"{len(equal)} images are there already, or twice", *equal[:SHOWN], sep="\n")
    return images.at(kept), faults


def _rows(images: Images) -> list[tuple[str, tuple[str, str]]]:
    """Return the hash of each image, and its name and diagnosis."""
    return list(zip(images.hashes, zip(images.table["image_id"], images.table["dx"], strict=True), strict=True))


def with_hashed_ids(images: Images, path: Path) -> tuple[Images, pd.DataFrame]:
    """Return images whose ids tell nobody whose they are, and the table of both ids: kind, id and hashed.

    path: of that table as earlier imports into the archive wrote it, if any, so that a patient keeps one name; two
    images that were called alike do not. The hash of a lesion or a patient is that of its first image: with the images
    alone it can be made again.
    """
    known = read_table(path) if path.is_file() else pd.DataFrame(columns=["kind", "id", "hashed"])
    table, tables = images.table.copy(), [known]
    for kind in ("image_id", "lesion_id", PATIENT):
        of_kind = known[(known["kind"] == kind) & (kind != "image_id")].set_index("id")["hashed"]
        first = pd.Series(images.hashes, index=table.index).groupby(table[kind]).min().str[:16]
        names = of_kind.combine_first(first.drop("", errors="ignore"))
        new = names[~names.index.isin(of_kind.index)]
        tables.append(pd.DataFrame({"kind": kind, "id": new.index, "hashed": new.to_numpy()}))
        table[kind] = table[kind].map(names).fillna("")
    return Images(table, images.files, images.hashes), pd.concat(tables, ignore_index=True)
