"""Functions of many weightings, such as bootstrap replicates, whose memory does not grow with the images."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

BLOCK = 2_000_000  # weights that are worked on at once, in float64
F = TypeVar("F", bound=Callable[..., Any])


def by_blocks(function: F) -> F:
    """Make a function of (..., weights) work on a part of the weightings at a time, and join what it returns.

    weights: (weightings, images), of any type. What is passed by keyword has an entry for each weighting, (weightings,
    ...). The function returns an array whose first axis is the weightings, or a dictionary of such arrays.
    """

    @wraps(function)
    def blocked(*arguments: Any, **each: np.ndarray) -> Any:
        *others, weights = arguments
        rows = max(BLOCK // weights.shape[1], 1)
        blocks = [slice(start, start + rows) for start in range(0, len(weights), rows)]
        return _join(
            [
                function(
                    *others,
                    weights[block].astype(float, copy=False),
                    **{name: values[block] for name, values in each.items()},
                )
                for block in blocks
            ]
        )

    return cast(F, blocked)


def _join(parts: list[Any]) -> Any:
    """Return the blocks' arrays below each other."""
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)
