"""README.md's drawn parts are what the tracked files say."""

from conftest import ROOT

from stages.foundation.params import read_yaml
from stages.readme import render, stage_diagram

PIPELINE = read_yaml(ROOT / "dvc.yaml")


def test_the_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text()
    assert render(text, PIPELINE) == text, "run `make readme`"


def test_the_diagram_has_every_stage_and_the_known_arrows():
    diagram = stage_diagram(PIPELINE)
    for arrow in (
        "synthesize_demo --> prepare_splits",
        "synthesize_demo --> pack_images",
        "pack_images --> train_teacher",
        "train_teacher --> soft_labels",
        "soft_labels --> distill",
        "distill --> quantize",
        "quantize --> evaluate_holdout",
        "baselines --> evaluate_holdout",
        "train_teacher --> evaluate_holdout",
    ):
        assert arrow in diagram
    assert "synthesize_demo --> train_teacher" not in diagram
    assert "evaluate_holdout -->" not in diagram
