"""Which diagnosis a label means, in the columns and words that archives use."""

import re
from pathlib import Path

import pandas as pd

from stages.foundation.splits import DIAGNOSES, MELANOMA, OTHER, UNKNOWN

# Columns with a label; the first that a table has is taken. `diagnostic` is PAD-UFES-20's.
LABEL = ("label", "dx", "target", "melanoma", "class", "diagnosis", "diagnostic", "benign_malignant")
DETAIL = ("diagnosis_3", "diagnosis")  # columns that may say more than the label
TARGET, OF_2020 = "target", "image_name"  # 1 is a melanoma where this column is beside it, any malignancy in ISIC 2024
ONE_HOT = {  # columns of ISIC's ground truths that have one for each class -> the diagnosis
    **{name: name for name in DIAGNOSES},
    "ak": "akiec",
    "scc": OTHER,  # squamous cell carcinoma: HAM10000's akiec holds the in-situ form alone
    "unk": OTHER,
}
NATURE, TISSUE = "diagnosis_1", "diagnosis_2"  # the ISIC Archive's two coarsest columns
MALIGNANT_TISSUE = "malignant melanocytic proliferations (melanoma)"
COLLISION = "collision"  # tissues of two lesions in one; which, is not said
NOT_KNOWN = {"", "na", "n/a", "nan", "none", "null", "-", UNKNOWN}
MELANOMAS = {MELANOMA, "melanoma", "1", "1.0", "true", "yes"}
OF_MELANOMA = re.compile(r"melanoma( metastasis| \(.*\))")  # Derm7pt's, whose authors group them as melanoma
NEVUS = re.compile(r".*\bn(a?ev(us|i)|ev)")  # "Clark nevus", "common nevus", PAD-UFES-20's NEV
WORDS = {  # label, lower case -> diagnosis, of what is no melanoma
    **{name: name for name in DIAGNOSES if name != MELANOMA},
    **dict.fromkeys(("basal cell carcinoma",), "bcc"),
    **dict.fromkeys(
        ("ak", "ack", "actinic keratosis", "bod", "bowen's disease", "solar or actinic keratosis"), "akiec"
    ),
    **dict.fromkeys(("bk", "sek", "seborrheic keratosis", "benign keratosis", "solar lentigo"), "bkl"),
    **dict.fromkeys(("lichenoid keratosis", "lichen planus like keratosis"), "bkl"),
    **dict.fromkeys(("dermatofibroma",), "df"),
    **dict.fromkeys(("vascular lesion", "hemangioma", "angioma"), "vasc"),
    **dict.fromkeys(("0", "0.0", "false", "no", "benign", OTHER, "scc", "squamous cell carcinoma"), OTHER),
    **dict.fromkeys(("lentigo", "melanosis", "miscellaneous"), OTHER),
}


def find_labels(path: Path, table: pd.DataFrame, names: dict[str, str], *, asked: bool) -> tuple[pd.Series, str]:
    """Return the label of each row, text, and the column it is from; ValueError where no column has labels.

    path: of the table, for errors. names: a column's name in lower case -> as it stands. asked: ValueError, too, where
    it is not certain what a column's 1 means.
    """
    column = next((name for name in LABEL if name in names), None)
    if column == TARGET and OF_2020 not in names and asked:
        raise ValueError(f"{path}: is a target of 1 a melanoma or any malignancy? If a melanoma: --melanoma 1")
    if column is not None:
        return table[names[column]], names[column]
    if MELANOMA in names:
        columns = [name for name in ONE_HOT if name in names]
        truth = table[[names[name] for name in columns]].set_axis(columns, axis=1)
        return _label_of_columns(truth), "one for each class"
    if NATURE in names and TISSUE in names:
        pairs = zip(table[names[NATURE]].str.strip(), table[names[TISSUE]].str.strip(), strict=True)
        labels = [_label_of_isic(nature, tissue) for nature, tissue in pairs]
        return pd.Series(labels, table.index, dtype=object), f"{NATURE}, {TISSUE}"
    wanted = ", ".join((*LABEL, MELANOMA, f"{NATURE} and {TISSUE}"))
    raise ValueError(f"{path}: wanted one of the columns {wanted}; found {', '.join(names)}")


def is_melanoma(label: str, melanomas: set[str] | None) -> bool:
    """Return whether a label means melanoma; ValueError where that is not known.

    melanomas: the labels that do, in lower case, or None for the words that are known.
    """
    known = label.lower()
    if melanomas is not None:
        if known in NOT_KNOWN - melanomas:
            raise ValueError(f"label {label!r}: not known")
        return known in melanomas
    if known in MELANOMAS or OF_MELANOMA.fullmatch(known):
        return True
    if known in WORDS or NEVUS.fullmatch(known):
        return False
    raise ValueError(f"label {label!r}: melanoma or not? --melanoma LABEL names the labels that are")


def diagnosis_of(texts: list[str], *, melanoma: bool) -> str:
    """Return the diagnosis of an image, of DIAGNOSES or "other": the first that one of its texts names."""
    if melanoma:
        return MELANOMA
    known = [WORDS.get(text.lower()) or ("nv" if NEVUS.fullmatch(text.lower()) else OTHER) for text in texts]
    return next((name for name in known if name != OTHER), OTHER)


def _label_of_columns(truth: pd.DataFrame) -> pd.Series:
    """Return the name of each row's only column with a 1, or what stands for melanoma where there is no such column.

    truth: text, with the names of ONE_HOT.
    """
    chosen = truth.apply(pd.to_numeric, errors="coerce")
    certain = (chosen.isin([0, 1]).all(axis=1)) & (chosen.sum(axis=1) == 1)
    return chosen.fillna(0).idxmax(axis=1).map(ONE_HOT).where(certain, truth[MELANOMA])


def _label_of_isic(nature: str, tissue: str) -> str:
    """Return "melanoma", "benign", "other" (another cancer) or, where it may be a melanoma, what stands there."""
    if tissue.lower() == MALIGNANT_TISSUE:
        return "melanoma"
    if nature.lower() == "benign":
        return "benign"
    if nature.lower() == "malignant" and tissue and not tissue.lower().startswith(COLLISION):
        return OTHER
    return tissue or nature
