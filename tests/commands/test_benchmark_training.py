"""The speed of the grid beside a plain loop: the arithmetic by hand, and a run of both."""

import pandas as pd
import pytest

from stages.commands import benchmark_training
from stages.commands.benchmark_training import extrapolate, speeds
from stages.foundation.params import read_params


def test_the_grid_is_extrapolated_from_its_parts():
    rates = {"soft labels": 50.0, "student": 100.0, "plain loop": 20.0, "plain loop, workers": 10.0}
    grid = extrapolate(rates, images=7200, views=8, epochs=16)
    assert grid["hours"] == pytest.approx(7200 * 8 / 50 / 3600 + 4 * 16 * 7200 / 100 / 3600)
    assert grid["plain_hours"] == pytest.approx(4 * 16 * 7200 / 20 / 3600)  # its faster setting
    assert grid["ratio"] == pytest.approx(grid["hours"] / grid["plain_hours"])


def test_blocks_take_turns_and_the_first_round_only_warms_up(monkeypatch):
    monkeypatch.setattr(benchmark_training, "ROUNDS", 2)
    order = []
    rates = speeds({name: lambda name=name: order.append(name) for name in "ab"}, 10)
    assert order == list("ababab")
    assert set(rates) == {"a", "b"}


def test_each_block_of_students_trains(tiny, monkeypatch):
    steps = []
    trained = benchmark_training.distillation_loss
    monkeypatch.setattr(benchmark_training, "BATCHES", 2)
    monkeypatch.setattr(benchmark_training, "distillation_loss", lambda *a, **k: steps.append(1) or trained(*a, **k))
    params = read_params(benchmark_training.Params)
    with benchmark_training.parts(params, "resnet18", tiny / "run/checkpoint.pt") as parts:
        for number in range(3):
            parts["student"]()
            assert len(steps) == 2 * (number + 1)


def test_both_loops_run(tiny, monkeypatch):
    for name, value in (("TEACHERS", ("resnet18",)), ("BATCHES", 2), ("ROUNDS", 1)):
        monkeypatch.setattr(benchmark_training, name, value)
    benchmark_training.main()
    (row,) = pd.read_csv(tiny / "metrics/demo/training_speed.csv").to_dict("records")
    assert row["teacher"] == "resnet18"
    assert min(value for name, value in row.items() if name != "teacher") > 0
