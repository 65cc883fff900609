"""README's second figure: how much labelled images of a clinic's own bring a student that never saw the clinic."""

from pathlib import Path

import pandas as pd

from stages.reporting.drawing import as_svg, canvas, look, on_white

STARTS = {
    "control": "from the control",
    "distilled": "from the distilled student",
    "imagenet": "from ImageNet's weights",
}
LABEL = "Gain in ROC-AUC over the student that never saw a clinic, by how many of its lesions it is trained on with"


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return source, start, draw, lesions and gain: ROC-AUC less that without own lesions, on the same images.

    table: metrics/ham10000/local.csv. ImageNet's weights are compared with the control of that draw.
    """
    keys = ["source", "draw", "test_images"]
    before = table[table["lesions"] == 0].set_index([*keys, "start"])["roc_auc"]
    rows = table[table["lesions"] > 0]
    start = rows["start"].replace("imagenet", "control")
    found = before.loc[pd.MultiIndex.from_frame(rows[keys].assign(start=start))].to_numpy()
    # Of up to 300 lesions all are scored on the images that 300 leave, of 900 on those that 900 leave.
    scored = (rows["lesions"] == 900) == (rows["test_images"] < rows.groupby("source")["test_images"].transform("mean"))
    return rows.assign(gain=rows["roc_auc"] - found)[scored]


def local_figure(path: Path) -> str:
    """Return the figure of a local.csv: a panel a clinic, a point a draw of lesions, a line through their means."""
    table = gains(pd.read_csv(path))
    counts = sorted(table["lesions"].unique())
    with canvas(7.2, 2.4, columns=2) as (figure, axes):
        for axis, (source, rows) in zip(axes, table.groupby("source"), strict=True):
            for number, (start, name) in enumerate(STARTS.items()):
                color, line, marker = look(number)
                own = rows[rows["start"] == start]
                places = own["lesions"].map(counts.index)
                axis.plot(places, own["gain"], marker, color=color, markersize=3, alpha=0.5)
                means = own.groupby("lesions")["gain"].mean()
                axis.plot(
                    [counts.index(n) for n in means.index], means, marker, linestyle=line, color=color, label=name
                )
            axis.axhline(0, color="gray", linewidth=0.8)
            axis.set_xticks(range(len(counts)), [str(n) for n in counts])
            axis.set_title(f"{source}, never seen before")
            axis.set_xlabel("its own labelled lesions")
        axes[0].set_ylabel("gain in ROC-AUC there")
        axes[1].legend(fontsize=7)
        limits = [axis.get_ylim() for axis in axes]
        for axis in axes:
            axis.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    return on_white(as_svg(figure, LABEL))
