"""The demo archive: HAM10000's layout, its proportions beside melanoma, which is learnable but never trivial."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from stages import synthesize_demo
from stages.foundation.splits import COLUMNS, DIAGNOSES, METADATA, SOURCE
from stages.images.archive import find_images, read_metadata
from stages.pictures.drawn_archive import PARTS, draw_lesion
from stages.pictures.settings import Demo
from stages.pictures.synthesis import render, traits


@pytest.fixture(scope="module")
def demo() -> Demo:
    return Demo(**yaml.safe_load((ROOT / "params.yaml").read_text())["demo"])


def test_the_archive_is_in_ham10000s_layout(tiny):
    archive = tiny / "data/raw/demo"
    table = read_metadata(archive)
    assert (archive / METADATA).read_text().splitlines()[0] == ",".join([*COLUMNS, SOURCE])
    assert len(find_images(archive, table["image_id"])) == len(table)
    assert sorted(path.name for path in archive.iterdir()) == [*PARTS, METADATA]


def test_the_committed_demo_has_the_proportions_of_ham10000(demo):
    drawn = [draw_lesion(number, demo) for number in range(demo.lesions)]
    rows = pd.DataFrame([row | {"shots": shots} for _, row, shots in drawn])
    assert set(rows["dx"]) == set(DIAGNOSES)
    assert (rows["dx"] == "mel").groupby(rows[SOURCE]).mean().to_dict() == pytest.approx(demo.cameras, abs=0.05)
    others = rows["dx"][rows["dx"] != "mel"].value_counts(normalize=True)
    assert others["nv"] == pytest.approx(6705 / 8902, abs=0.05)  # HAM10000's images without melanomas
    assert others["bkl"] == pytest.approx(1099 / 8902, abs=0.04)
    assert 1.2 < rows["shots"].mean() < 1.5
    assert 0 < (rows["age"] == "").mean() < 0.05


def test_what_is_seen_of_malignancy_overlaps_so_that_no_reader_of_it_is_perfect(demo):
    lesions = [draw_lesion(number, demo)[0] for number in range(2000)]
    seen = np.array([traits(lesion.malignancy, np.random.default_rng(lesion.seed)).sum() for lesion in lesions])
    melanoma = np.array([lesion.dx == "mel" for lesion in lesions])
    auc = (seen[melanoma][:, None] > seen[~melanoma]).mean()
    assert 0.88 < auc < 0.95


def test_traits_follow_malignancy_with_noise():
    low = np.mean([traits(-1, np.random.default_rng(seed)) for seed in range(200)], axis=0)
    high = np.mean([traits(3, np.random.default_rng(seed)) for seed in range(200)], axis=0)
    assert (high - low > 0.5).all()
    assert np.std([traits(1.2, np.random.default_rng(seed)) for seed in range(200)], axis=0).min() > 0.1


def test_skin_and_age_tell_nothing_of_malignancy(demo):
    """Two random streams of the same numbers would tie what one draws to what the other does."""
    drawn = [draw_lesion(number, demo)[:2] for number in range(700)]
    nevi = [(lesion, row) for lesion, row in drawn if lesion.dx == "nv" and row["age"]]
    corners = np.array([render(lesion, 0, width=64, height=48)[:4, :4].mean(axis=(0, 1)) for lesion, _ in nevi])
    tint = 2 * corners - np.roll(corners, 1, axis=1) - np.roll(corners, 2, axis=1)  # each colour against the others
    columns = [*corners.T, *tint.T, [float(row["age"]) for _, row in nevi]]
    assert len(nevi) > 200
    told = [np.corrcoef([lesion.malignancy for lesion, _ in nevi], column)[0, 1] for column in columns]
    assert max(map(abs, told)) < 0.25, told


def test_the_same_seed_draws_the_same_bytes(tiny, monkeypatch):
    before = {path.name: path.read_bytes() for path in (tiny / "data/raw/demo").rglob("*.jpg")}
    synthesize_demo.main()
    assert {path.name: path.read_bytes() for path in (tiny / "data/raw/demo").rglob("*.jpg")} == before
