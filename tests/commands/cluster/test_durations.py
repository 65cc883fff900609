"""How long a stage may take."""

from stages.commands.cluster.durations import BY_SIZE, expected_seconds, read_seconds
from stages.foundation.names import ARCHITECTURES


def test_the_log_counts_and_else_the_architectures_size(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/seconds.csv").write_text(
        "train_teacher@resnet18,10.5\ntrain_teacher@resnet18,12.5\nreport,3\ncut o"
    )
    recorded = read_seconds(tmp_path)
    assert recorded == {"train_teacher@resnet18": 12.5, "report": 3.0}
    assert expected_seconds("train_teacher@resnet18", recorded) == 12.5
    guesses = {name: expected_seconds(f"train_teacher@{name}_seed43", {}) for name in ARCHITECTURES}
    assert set(BY_SIZE) == set(ARCHITECTURES)
    assert min(guesses, key=guesses.get) == "mobilenet_v3_small"
    assert guesses["resnet152"] < guesses["efficientnet_b4"] < max(guesses.values()) == guesses["efficientnet_b7"]
    assert expected_seconds("baselines", {}) < min(guesses.values())
    assert read_seconds(tmp_path / "nowhere") == {}
