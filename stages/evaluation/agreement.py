"""Agreement of teacher and student: on which images both, one or neither is right."""

import numpy as np
import pandas as pd

from stages.evaluation.scores import stack

OUTCOMES = ("both right", "teacher alone right", "student alone right", "both wrong")


def outcomes(labels: np.ndarray, teacher: np.ndarray, student: np.ndarray, threshold: float) -> np.ndarray:
    """Return one of OUTCOMES for each image, (images,); teacher and student are probabilities of melanoma."""
    right = [(p >= threshold) == (labels == 1) for p in (teacher, student)]
    return np.select([right[0] & right[1], right[0], right[1]], OUTCOMES[:3], OUTCOMES[3])


def agreement_table(labels: np.ndarray, outcome: np.ndarray) -> pd.DataFrame:
    """Return counts of images, melanomas and others for each outcome and for sums of outcomes.

    It joins two tables of the study, the original student project: agreement and right decisions.
    """
    sums = {
        "models agree": ("both right", "both wrong"),
        "models disagree": ("teacher alone right", "student alone right"),
        "teacher right": ("both right", "teacher alone right"),
        "student right": ("both right", "student alone right"),
    }
    groups = {"all images": OUTCOMES, **sums, **{name: (name,) for name in OUTCOMES}}
    return counted(labels, {name: np.isin(outcome, parts) for name, parts in groups.items()})


def confusion_table(labels: np.ndarray, called: np.ndarray) -> pd.DataFrame:
    """Return counts of images, melanomas and others, a row for each way of deciding right or wrong."""
    melanoma = labels == 1
    members = {
        "true positives": melanoma & called,
        "false negatives": melanoma & ~called,
        "false positives": ~melanoma & called,
        "true negatives": ~melanoma & ~called,
    }
    return counted(labels, members)


def counted(labels: np.ndarray, members: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return outcome, images, share of all images, melanomas and others for masks of images, (images,) each."""
    rows = [
        {
            "outcome": name,
            "images": int(member.sum()),
            "share": float(member.mean()),
            "melanomas": int(labels[member].sum()),
            "others": int((1 - labels[member]).sum()),
        }
        for name, member in members.items()
    ]
    return pd.DataFrame(rows)


def examples(
    table: pd.DataFrame, teacher: np.ndarray, student: np.ndarray, threshold: float, each: int
) -> pd.DataFrame:
    """Return at most `each` images of each kind, sorted by confidence, one image of a lesion in each kind.

    table: of the images, with the columns melanoma, image_id, lesion_id and dx. Confidence is the distance of p from
    the threshold: the student's, but the teacher's where the student alone is right, and both models' for shared
    errors.
    """
    labels = table["melanoma"].to_numpy()
    outcome = outcomes(labels, teacher, student, threshold)
    confidence, wrong = np.abs(student - threshold), (student >= threshold) != (labels == 1)
    kinds = {
        "shared misses": ((outcome == "both wrong") & (labels == 1), -(teacher + student)),
        "shared false alarms": ((outcome == "both wrong") & (labels == 0), teacher + student),
        "teacher alone right": (outcome == "teacher alone right", confidence),
        "student alone right": (outcome == "student alone right", np.abs(teacher - threshold)),
        "high-confidence misses": (wrong & (labels == 1), confidence),
        "high-confidence false alarms": (wrong & (labels == 0), confidence),
        "both right, melanoma": ((outcome == "both right") & (labels == 1), confidence),
        "both right, another lesion": ((outcome == "both right") & (labels == 0), confidence),
    }
    images = table[["image_id", "lesion_id", "dx"]].assign(p_teacher=teacher, p_student=student)
    tables = {}
    for kind, (member, key) in kinds.items():
        ordered = images[member].iloc[np.argsort(-key[member], kind="stable")]
        tables[kind] = ordered.drop_duplicates("lesion_id").head(each)
    return stack(tables, "kind")
