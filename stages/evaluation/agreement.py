"""Teacher against student, image by image: who is right, and what both get wrong."""

import numpy as np
import pandas as pd

OUTCOMES = ("both right", "teacher alone right", "student alone right", "both wrong")


def outcomes(labels: np.ndarray, teacher: np.ndarray, student: np.ndarray, threshold: float) -> np.ndarray:
    """Return the outcome of each image, text (images,); both models decide at the same threshold."""
    right = [(p >= threshold) == (labels == 1) for p in (teacher, student)]
    return np.select([right[0] & right[1], right[0], right[1]], OUTCOMES[:3], OUTCOMES[3])


def agreement_table(labels: np.ndarray, outcome: np.ndarray) -> pd.DataFrame:
    """Return the study's two tables as one: images, melanomas and others of each outcome and of their sums."""
    sums = {
        "models agree": ("both right", "both wrong"),
        "models disagree": ("teacher alone right", "student alone right"),
        "teacher right": ("both right", "teacher alone right"),
        "student right": ("both right", "student alone right"),
    }
    chosen = {"all images": np.ones(len(labels), dtype=bool)}
    chosen |= {name: np.isin(outcome, parts) for name, parts in (sums | {name: (name,) for name in OUTCOMES}).items()}
    rows = [
        {
            "outcome": name,
            "images": int(member.sum()),
            "share": float(member.mean()),
            "melanomas": int(labels[member].sum()),
            "others": int((1 - labels[member]).sum()),
        }
        for name, member in chosen.items()
    ]
    return pd.DataFrame(rows)


def examples(
    table: pd.DataFrame, teacher: np.ndarray, student: np.ndarray, threshold: float, each: int
) -> pd.DataFrame:
    """Return the images worth looking at, at most `each` of a kind, the most telling first; a lesion once a kind.

    Challenging cases are those both models get wrong; high-confidence errors are the student's furthest from the
    threshold. Of the images they agree or differ on, those nearest the threshold are left out for clearer ones.
    """
    labels = table["melanoma"].to_numpy()
    outcome = outcomes(labels, teacher, student, threshold)
    sure, wrong = np.abs(student - threshold), (student >= threshold) != (labels == 1)
    kinds = {
        "shared misses": ((outcome == "both wrong") & (labels == 1), -(teacher + student)),
        "shared false alarms": ((outcome == "both wrong") & (labels == 0), teacher + student),
        "teacher alone right": (outcome == "teacher alone right", sure),
        "student alone right": (outcome == "student alone right", np.abs(teacher - threshold)),
        "high-confidence misses": (wrong & (labels == 1), sure),
        "high-confidence false alarms": (wrong & (labels == 0), sure),
        "both right, melanoma": ((outcome == "both right") & (labels == 1), sure),
        "both right, another lesion": ((outcome == "both right") & (labels == 0), sure),
    }
    facts = table[["image_id", "lesion_id", "dx"]].assign(p_teacher=teacher, p_student=student)
    parts = []
    for kind, (member, telling) in kinds.items():
        found = facts[member].iloc[np.argsort(-telling[member], kind="stable")]
        parts.append(found.drop_duplicates("lesion_id").head(each).assign(kind=kind))
    return pd.concat(parts, ignore_index=True)[["kind", *facts.columns]]
