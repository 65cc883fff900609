"""How long a stage may take, so that the longest trainings start first."""

from pathlib import Path

from stages.foundation.command import SECONDS
from stages.foundation.names import ARCHITECTURES

UNKNOWN = 10.0


def expected_seconds(stage: str, recorded: dict[str, float]) -> float:
    """Return a stage's recorded seconds, or a guess that orders the architectures by size."""
    key = stage.partition("@")[2]
    sizes = {name: UNKNOWN * (2 + rank) for rank, name in enumerate(ARCHITECTURES)}
    return recorded.get(stage, next((sizes[name] for name in sizes if key.startswith(name)), UNKNOWN))


def read_seconds(root: Path) -> dict[str, float]:
    """Return the last duration of each stage in a working tree's log, in seconds; empty without a log."""
    path = root / SECONDS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: float(seconds) for name, seconds in (line.rsplit(",", 1) for line in lines)}
