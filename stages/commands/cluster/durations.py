"""How long a stage may take, so that the longest trainings start first."""

from pathlib import Path

from stages.foundation.command import SECONDS

UNKNOWN = 10.0
BY_SIZE = (  # in the order of what their training takes of memory (docs/scale.md)
    "mobilenet_v3_small", "resnet18", "resnet34", "mobilenet_v2", "efficientnet_b0", "efficientnet_b1",
    "efficientnet_b2", "resnet50", "inception_v3", "resnet101", "efficientnet_b3", "resnet152", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
)  # fmt: skip


def expected_seconds(stage: str, recorded: dict[str, float]) -> float:
    """Return a stage's recorded seconds, or a guess that orders the architectures by size."""
    key = stage.partition("@")[2]
    sizes = {name: UNKNOWN * (2 + rank) for rank, name in enumerate(BY_SIZE)}
    return recorded.get(stage, next((sizes[name] for name in sizes if key.startswith(name)), UNKNOWN))


def read_seconds(root: Path) -> dict[str, float]:
    """Return the last duration of each stage in a working tree's log, in seconds; empty without a log."""
    path = root / SECONDS
    seconds: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        name, _, value = line.rpartition(",")
        try:
            seconds[name] = float(value)
        except ValueError:  # a line cut off with its writer
            continue
    return seconds
