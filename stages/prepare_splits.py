"""Split the archive's images into train, val and holdout, stratified by melanoma.

    python -m stages.prepare_splits

Reads data/raw/<name>; writes data/processed/<name>/{train,val,holdout}.csv, sources.csv with the clinic and camera and
the group of every image, which no training reads, and split_metadata.json. A group is what is in one split: the images
of a patient where the archive names patients, else of a lesion, and images that are equal or listed as alike. Each
group of train.csv is in one of splits.folds folds, for cross-fitting. With the archive HAM10000, seed 42 and 70/15/15
the splits are those of the study, the original student project whose README this project started from, image for image.
With splits.fold: k, the study's train and val are split again: fold k becomes the holdout. The study's own holdout is
left out. With splits.leave_out: a source, its images in the study's train and val become the holdout, train and val are
drawn from the others; images of its lesions from elsewhere, if any, are in no split. splits.local of its lesions, drawn
at random as a clinic labels what comes, are in train instead, with splits.local_only they alone; none is in val.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from stages.foundation import command, files
from stages.foundation.params import read_params
from stages.foundation.settings import NONE, Data, Splits
from stages.foundation.splits import GROUP, MELANOMA, PATIENT, SOURCE, SPLIT_COLUMNS, SPLITS, UNKNOWN
from stages.images.archive import ALIKE, content_hashes, find_images, read_alike, read_metadata

FEWEST_LESIONS = 2  # of each class in each split


@dataclass(frozen=True)
class Params:
    data: Data
    splits: Splits


def group_images(table: pd.DataFrame, hashes: list[str], alike: list[tuple[str, str]]) -> pd.Series:
    """Return each row's group, named by its lowest lesion_id.

    Images of one lesion are one group, and of one patient, images of equal bytes (hashes), and pairs of image_ids that
    are alike; ValueError for a pair of other images.
    """
    lesions = dict(zip(table["image_id"], table["lesion_id"], strict=True))
    if unknown := [name for pair in alike for name in pair if name not in lesions]:
        raise ValueError(f"{ALIKE}: {unknown[0]}: no image of this archive")
    content = pd.Series(hashes, index=table.index).map(bytes.fromhex)  # no text, so that it is no lesion_id
    patient = table[PATIENT].map(lambda name: (PATIENT, name))
    shares = nx.Graph([(lesions[one], lesions[other]) for one, other in alike])
    for key, among in ((content, content.duplicated(keep=False)), (patient, table[PATIENT] != UNKNOWN)):
        shares.add_edges_from(zip(table["lesion_id"][among], key[among], strict=True))
    group: dict[str, str] = {}
    for component in nx.connected_components(shares):
        members = [node for node in component if isinstance(node, str)]
        group |= dict.fromkeys(members, min(members))
    return table["lesion_id"].map(lambda lesion: group.get(lesion, lesion))


def split_groups(
    groups: pd.Series, melanoma: pd.Series, splits: Splits, clinic: Collection[str] = ()
) -> dict[str, set[str]]:
    """Return the groups of each split; ValueError when a split would lack melanomas or other lesions.

    As in the study, groups are sorted, train is drawn first, and the rest is sorted and split into val and holdout.
    clinic: the groups with an image of the source that splits.leave_out names, if any.
    """
    labels = melanoma.groupby(groups).max().sort_index()
    rest_share = 1 - splits.train
    val_share = round(splits.val / rest_share, 9)  # 1 - .7 is .30000000000000004, and .15 is to be half of it
    train, rest = _draw(labels, rest_share, splits.seed)
    val, holdout = _draw(labels[rest], 1 - val_share, splits.seed)
    if splits.fold != NONE or clinic:
        study, local = labels[sorted(train + val)], list[str]()
        if clinic:
            local, holdout = draw_local(sorted(set(clinic) & set(study.index)), splits)
        else:
            folds = draw_folds(study, splits.folds, splits.seed)
            holdout = list(folds.index[folds == splits.fold])
        others = study[~study.index.isin([*holdout, *local])]
        train, val = _draw(others, splits.val / (splits.train + splits.val), splits.seed)
        train = local if splits.local_only else train + local
    for name, members in zip(SPLITS, (train, val, holdout), strict=True):
        check_classes(name, labels[members])
    return dict(zip(SPLITS, (set(train), set(val), set(holdout)), strict=True))


def check_classes(name: str, labels: pd.Series) -> None:
    """Raise ValueError unless a split's groups, 1 for one with a melanoma, are enough of each class."""
    melanomas, lesions = labels.sum(), len(labels)
    if min(melanomas, lesions - melanomas) < FEWEST_LESIONS:
        raise ValueError(
            f"{name}: wanted {FEWEST_LESIONS} lesions of each class, found {melanomas} melanomas of {lesions}; "
            "splits.val and splits.train say how many it gets"
        )


def draw_local(clinic: list[str], splits: Splits) -> tuple[list[str], list[str]]:
    """Return the groups of a clinic that are trained on, and the others; of more, the first are those of fewer."""
    if splits.local > len(clinic):
        raise ValueError(f"splits.local: {splits.leave_out} has {len(clinic)} lesions in train and val")
    order = np.random.default_rng(splits.seed).permutation(clinic)
    return sorted(order[: splits.local]), sorted(order[splits.local :])


def in_source(sources: pd.Series, splits: Splits) -> pd.Series:
    """Return which rows are of the source that splits.leave_out names, no row for none; ValueError where none is."""
    left_out = sources == splits.leave_out
    if splits.leave_out == UNKNOWN or (splits.leave_out != NONE and not left_out.any()):
        known = ", ".join(f"{source} ({images} images)" for source, images in sources.value_counts().items())
        raise ValueError(f"splits.leave_out: no image is of a source {splits.leave_out}; there are {known}")
    return left_out


def draw_folds(labels: pd.Series, folds: int, seed: int) -> pd.Series:
    """Return each group's fold, int from 0, stratified; labels: group -> 1 if it holds a melanoma, else 0."""
    fewest = int(min(labels.sum(), len(labels) - labels.sum()))
    if fewest < folds:
        raise ValueError(f"splits.folds: {folds} folds want as many lesions of each class, found {fewest}")
    fold_of = pd.Series(-1, index=labels.index)
    drawn = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    for fold, (_, members) in enumerate(drawn):
        fold_of.iloc[members] = fold
    return fold_of


def _draw(labels: pd.Series, share: float, seed: int) -> tuple[list[str], list[str]]:
    """Return the groups of two parts, stratified and sorted; share: the second's."""
    try:
        first, second = train_test_split(labels.index, test_size=share, random_state=seed, stratify=labels)
    except ValueError as error:
        raise ValueError(
            f"too few lesions to split: {len(labels)}, of them {labels.sum()} melanomas ({error})"
        ) from None
    return sorted(first), sorted(second)


def describe(
    tables: dict[str, pd.DataFrame], shared: list[list[str]], splits: Splits, dropped: list[str]
) -> dict[str, Any]:
    """Return each split's counts of images, lesions, melanomas and unknown values, and the lesions kept together.

    shared: the lesions of groups that are of more than a patient, since their images are equal or alike.
    dropped: images of other sources whose lesions are a left-out source's, too.
    """
    return {
        "seed": splits.seed,
        "fold": splits.fold,
        "leave_out": splits.leave_out,
        "local_lesions": splits.local,
        "local_only": splits.local_only,
        "of_its_lesions_elsewhere": dropped,
        "splits": {
            name: {
                "images": len(table),
                "lesions": int(table["lesion_id"].nunique()),
                "melanoma_images": int(table["melanoma"].sum()),
                "unknown": {column: int((table[column] == UNKNOWN).sum()) for column in ("age", "sex", "localization")},
            }
            for name, table in tables.items()
        },
        "lesions_kept_together": shared,
    }


def main() -> None:
    params = read_params(Params)
    archive = Path("data/raw", params.data.name)
    processed = Path("data/processed", params.data.name)
    archived = read_metadata(archive)
    table = archived.assign(melanoma=(archived["dx"] == MELANOMA).astype(int), fold=-1)[SPLIT_COLUMNS]
    hashes = content_hashes(find_images(archive, table["image_id"]).values())
    groups = group_images(archived, hashes, read_alike(archive))
    clinic = set(groups[left_out := in_source(archived[SOURCE], params.splits)])
    members = split_groups(groups, table["melanoma"], params.splits, clinic)
    in_train = groups.isin(members["train"])
    labels = table["melanoma"][in_train].groupby(groups[in_train]).max().sort_index()
    table.loc[in_train, "fold"] = groups[in_train].map(draw_folds(labels, params.splits.folds, params.splits.seed))
    elsewhere = groups.isin(clinic) & ~left_out
    tables = {name: table[groups.isin(members[name]) & ~elsewhere] for name in SPLITS}
    for name, rows in tables.items():  # of a patient seen in two sources, the melanoma may be elsewhere
        check_classes(name, rows["melanoma"].groupby(groups[rows.index]).max())
    dropped = list(table["image_id"][elsewhere & groups.isin(set().union(*members.values()))])
    of_one_patient = (archived[PATIENT] != UNKNOWN) & (archived[PATIENT].groupby(groups).transform("nunique") == 1)
    lesions = table["lesion_id"][~of_one_patient]
    shared = [sorted(set(rows)) for _, rows in lesions.groupby(groups[~of_one_patient]) if rows.nunique() > 1]
    metadata = describe(tables, shared, params.splits, dropped)
    print({name: counts["images"] for name, counts in metadata["splits"].items()}, f"kept together: {shared}")
    tables["sources"] = archived[["image_id", SOURCE]].assign(**{GROUP: groups})
    targets = [processed / f"{name}.csv" for name in tables]
    with files.writing(*targets, processed / "split_metadata.json") as partials:
        for partial, content in zip(partials, tables.values(), strict=False):
            files.write_csv(partial, content)
        files.write_json(partials[-1], metadata)


if __name__ == "__main__":
    command.run(main)
