"""The record of a run: what it was made from, as it stood, and each stage's last duration."""

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from stages.commands import keep_run
from stages.commands.keep_run import last_seconds


def test_the_last_duration_of_a_stage_counts_and_one_that_never_ran_has_none():
    seconds = last_seconds(
        ["pack_images,9.1", "distill@T1_alpha0.5,50.0", "pack_images,7.2"], ["pack_images", "quantize"]
    )
    assert seconds.to_dict("records") == [
        {"stage": "pack_images", "seconds": "7.2"},
        {"stage": "quantize", "seconds": "-"},
    ]


def test_a_run_is_kept_as_it_stands(project):
    entry = "  {}:\n    cmd: {}\n    params:\n      params.yaml:\n        data.name: {}\n"
    kept = "schema: '2.0'\nstages:\n" + entry.format("quantize", "python -m stages.quantize", "demo")
    (project / "dvc.lock").write_text(kept + entry.format("baselines", "python -m stages.baselines", "ham10000"))
    (project / "logs").mkdir()
    (project / "logs/seconds.csv").write_text("quantize,3.5\n")
    keep_run.main()
    folder = project / "metrics/demo/run"
    assert (folder / "params.yaml").read_bytes() == (project / "params.yaml").read_bytes()
    assert (folder / "dvc.lock").read_text() == kept  # as DVC writes it, without what ran on other data
    assert pd.read_csv(folder / "seconds.csv").to_dict("records") == [{"stage": "quantize", "seconds": 3.5}]


def test_without_a_lock_nothing_is_written(project):
    with pytest.raises(ValueError, match=r"dvc\.lock"):
        keep_run.main()
    assert not (project / "metrics").exists()


def test_make_ham10000_runs_the_committed_run_again():
    """The overrides make the kept parameters out of params.yaml, but for the files that training started from."""
    kept = yaml.safe_load((ROOT / "metrics/ham10000/run/params.yaml").read_text())
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    shapes = [{section: value.keys() for section, value in content.items() if isinstance(value, dict)}
              for content in (params, kept)]  # fmt: skip
    if shapes[0] != shapes[1]:
        pytest.skip("the kept run was made before params.yaml had today's keys: make ham10000 is a run of its own")
    for line in (ROOT / "ham10000.overrides").read_text().splitlines():
        if not line.startswith("#"):
            *sections, key = line.split("=")[0].split(".")
            target = params
            for section in sections:
                target = target[section]
            target[key] = yaml.safe_load(line.split("=", 1)[1])
    starts = params.pop("init"), kept.pop("init")
    retired = {"static_u8s8_entropy", "static_u8s8_float_parts"}  # rungs of the ladder that were cut after that run
    kept["quantize"]["methods"] = [name for name in kept["quantize"]["methods"] if name not in retired]
    assert params == kept
    for architecture in ("mobilenet_v3_small", "efficientnet_b0"):
        assert [start[architecture] == "imagenet" for start in starts] == [True, False]
