"""Which label means melanoma, in the columns and words that archives use."""

from pathlib import Path

import pandas as pd

from stages.foundation.splits import DIAGNOSES, MELANOMA, UNKNOWN

LABEL = ("label", "dx", "target", "melanoma", "class", "diagnosis", "benign_malignant")  # columns; the first is taken
TARGET, OF_2020 = "target", "image_name"  # 1 is a melanoma where this column is beside it, any malignancy in ISIC 2024
ONE_HOT = "mel"  # a column of ISIC's ground truths that have one for each class
NATURE, TISSUE = "diagnosis_1", "diagnosis_2"  # the ISIC Archive's two coarsest columns
MALIGNANT_TISSUE = "malignant melanocytic proliferations (melanoma)"
COLLISION = "collision"  # tissues of two lesions in one; which, is not said
NOT_KNOWN = {"", "na", "n/a", "nan", "none", "null", "-", UNKNOWN}
MELANOMAS = {MELANOMA, "melanoma", "1", "1.0", "true", "yes"}
OTHERS = {*DIAGNOSES, "nevus", "other", "0", "0.0", "false", "no", "benign"} - MELANOMAS


def find_labels(path: Path, table: pd.DataFrame, names: dict[str, str], *, asked: bool) -> pd.Series:
    """Return the label of each row, text; ValueError where no column has labels.

    path: of the table, for errors. names: a column's name in lower case -> as it stands. asked: ValueError, too, where
    it is not certain what a column's 1 means.
    """
    column = next((name for name in LABEL if name in names), None)
    if column == TARGET and OF_2020 not in names and asked:
        raise ValueError(f"{path}: is a target of 1 a melanoma or any malignancy? If a melanoma: --melanoma 1")
    if column is not None:
        return table[names[column]]
    if ONE_HOT in names:
        values = table[names[ONE_HOT]]
        return pd.to_numeric(values, errors="coerce").map({1.0: MELANOMA, 0.0: "other"}).fillna(values)
    if NATURE in names and TISSUE in names:
        pairs = zip(table[names[NATURE]].str.strip(), table[names[TISSUE]].str.strip(), strict=True)
        return pd.Series([_label_of_isic(nature, tissue) for nature, tissue in pairs], table.index, dtype=object)
    wanted = ", ".join((*LABEL, ONE_HOT, f"{NATURE} and {TISSUE}"))
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
    if known in MELANOMAS or known in OTHERS:
        return known in MELANOMAS
    raise ValueError(f"label {label!r}: melanoma or not? --melanoma LABEL names the labels that are")


def _label_of_isic(nature: str, tissue: str) -> str:
    """Return "melanoma", "benign", "other" (another cancer) or, where it may be a melanoma, what stands there."""
    if tissue.lower() == MALIGNANT_TISSUE:
        return "melanoma"
    if nature.lower() == "benign":
        return "benign"
    if nature.lower() == "malignant" and tissue and not tissue.lower().startswith(COLLISION):
        return "other"
    return tissue or nature
