"""Weights & Biases is optional: off by default, offline without a network, and named when it is not installed."""

import sys

import pytest
from conftest import write_params

from stages.commands.main import main as melanoma_kd


def test_disabled_sends_nothing(tiny, capsys):
    melanoma_kd(["track"])
    assert "nothing sent" in capsys.readouterr().out
    assert not (tiny / "wandb").exists()


def test_without_the_extra_it_says_so(tiny, monkeypatch):
    write_params(tiny, tracking={"wandb": "offline"})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SystemExit, match=r"pip install '\.\[wandb\]'"):
        melanoma_kd(["track"])


@pytest.mark.filterwarnings("ignore")  # wandb's own
def test_offline_keeps_every_run_in_a_folder(tiny, monkeypatch, capsys):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    write_params(tiny, tracking={"wandb": "offline"})
    melanoma_kd(["track"])
    assert "11 histories: offline" in capsys.readouterr().out
    assert (
        len(list((tiny / "wandb").glob("offline-run-*/*.wandb"))) == 12
    )  # one teacher, nine students, aware, the headline
