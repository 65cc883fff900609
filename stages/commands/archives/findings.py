"""What is wrong with an archive before anything runs on it; and the clinics and cameras that its table may lack."""

from collections.abc import Iterator
from pathlib import Path

from stages.commands.state import Finding
from stages.foundation.files import read_table, write_csv, writing
from stages.foundation.settings import Target
from stages.foundation.splits import MELANOMA, METADATA, OTHER, SOURCE, UNKNOWN
from stages.images.archive import find_images, read_metadata

FEWEST = 20  # melanoma lesions in all
FEW = f"Of fewer than {FEWEST} melanomas a holdout has too few to show anything by them."


def archive_findings(folder: Path, target: Target) -> Iterator[Finding]:
    """Yield what keeps a run from beginning: a missing archive, rows and files that do not fit, another target."""
    try:
        table = read_metadata(folder)
        find_images(folder, table["image_id"])
    except (ValueError, OSError) as error:
        first, *rest = str(error).splitlines()
        where = f"melanoma-kd import SOURCE {folder.name}, or put or link an archive at {folder} (docs/train.md)"
        yield Finding(" ".join([first, *(line.strip() for line in rest[:2])]), where)
        return
    if target == "dx" and (others := int((table["dx"] == OTHER).sum())):
        yield Finding(f"{folder / METADATA}: the dx of {others} images is {OTHER}", "dvc exp run -S target=own")
    melanomas = table.loc[table["dx"] == MELANOMA, "lesion_id"].nunique()
    if melanomas < FEWEST:
        what = f"{folder / METADATA}: {melanomas} lesions with a melanoma. {FEW}"
        remedy = f"make cross-validate DATA={folder.name}  # tests on more than nine lesions of ten, each once"
        yield Finding(what, remedy, fault=False)
    if (table[SOURCE] == UNKNOWN).all():
        what = f"{folder / METADATA}: no column {SOURCE}, so nothing can be compared within a clinic and camera"
        yield Finding(what, "melanoma-kd doctor --sources TABLE  # of Dataverse (docs/train.md)", fault=False)


def join_sources(archive: Path, other: Path) -> None:
    """Write the archive's table with SOURCE from another table; ValueError where that lacks an image."""
    path = archive / METADATA
    table, known = read_table(path), read_table(other)
    if not {"image_id", SOURCE} <= set(known.columns):
        raise ValueError(f"{other}: wanted the columns image_id and {SOURCE}, found {','.join(known.columns)}")
    sources = known.drop_duplicates("image_id").set_index("image_id")[SOURCE].reindex(table["image_id"])
    if len(missing := sources.index[sources.isna()]):
        raise ValueError(f"{other}: no row for {len(missing)} images, the first is {missing[0]}")
    with writing(path) as (partial,):
        write_csv(partial, table.assign(**{SOURCE: sources.to_numpy()}))
    print(f"{path}: {SOURCE} of {len(table)} images: {sources.value_counts().to_dict()}")
