"""Pictures without a lesion: all there, told apart, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from stages.pictures.unfamiliar import DRAWN, KINDS, PHOTOGRAPHS, pictures


@pytest.fixture(scope="module")
def shown():
    return pictures(48, 0)


def test_each_kind_is_there_and_no_picture_twice(shown):
    photographs = sum(map(len, PHOTOGRAPHS.values()))
    assert photographs == 27
    assert Counter(picture.kind for picture in shown) == {"photograph": 5 * photographs, **dict.fromkeys(KINDS, DRAWN)}
    assert len({picture.name for picture in shown}) == len(shown)
    assert len({picture.pixels.tobytes() for picture in shown}) > 0.98 * len(shown)  # parts of a logo are one colour
    assert all(picture.pixels.shape == (48, 48, 3) and picture.pixels.dtype == np.uint8 for picture in shown)


def test_the_seed_decides_what_is_drawn(shown):
    again, others = pictures(48, 0), pictures(48, 1)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(shown, again, strict=True))
    drawn = [not np.array_equal(a.pixels, b.pixels) for a, b in zip(shown, others, strict=True) if a.kind in KINDS]
    assert np.mean(drawn) == 1
