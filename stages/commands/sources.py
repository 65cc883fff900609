"""Join the clinic and camera of each image into an archive's table from another that has them.

Kaggle's copy of HAM10000's table lacks the column `dataset` that the original on Harvard Dataverse has.
"""

from pathlib import Path

from stages.foundation.files import read_table, write_csv, writing
from stages.foundation.splits import METADATA, SOURCE


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
        write_csv(partial, table.drop(columns=SOURCE, errors="ignore").assign(**{SOURCE: sources.to_numpy()}))
    print(f"{path}: {SOURCE} of {len(table)} images: {sources.value_counts().to_dict()}")
