"""Packing an archive: all bad files are listed at once, and nothing is left half-written (faults 4, 13)."""

import shutil

import pandas as pd
import pytest
from conftest import TINY, write_params

from stages import pack_images, prepare_splits, synthesize_demo


def test_every_image_is_packed_at_the_asked_size(tiny):
    write_params(tiny, image={"size": 48})
    pack_images.main()
    manifest = pd.read_csv(tiny / "data/processed/demo/pack/manifest.csv")
    assert len(manifest) == len(pd.read_csv(tiny / "data/raw/demo/HAM10000_metadata.csv"))
    assert (tiny / "data/processed/demo/pack/pixels.npy").stat().st_size > len(manifest) * 48 * 48 * 3


def test_bad_images_are_all_listed_and_the_old_pack_stays(tiny):
    before = (tiny / "data/processed/demo/pack/pixels.npy").read_bytes()
    first, second, *_ = sorted((tiny / "data/raw/demo").rglob("*.jpg"))
    first.write_bytes(b"")
    second.write_bytes(b"<html>")
    with pytest.raises(ValueError, match="2 faults") as caught:
        pack_images.main()
    assert first.name in str(caught.value)
    assert second.name in str(caught.value)
    assert (tiny / "data/processed/demo/pack/pixels.npy").read_bytes() == before
    assert not list((tiny / "data/processed").rglob(".partial-*"))


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_mode, path.stat().st_size) for path in folder.rglob("*")}


def test_an_archive_is_only_read(tiny):
    """Fault 43: it may be on a disk that cannot be written."""
    archive = tiny / "data/raw/demo"
    before = state(archive)
    assert len(before) > 50
    prepare_splits.main()
    pack_images.main()
    assert state(archive) == before


def test_a_changed_file_of_the_archive_is_named(tiny):
    write_params(tiny, data={"name": "other"})
    shutil.copytree(tiny / "data/raw/demo", tiny / "data/raw/other")
    pack_images.main()
    path = next(iter(sorted((tiny / "data/raw/other").rglob("*.jpg"))))
    content = bytearray(path.read_bytes())
    content[-30] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"files that are not those packed before(.|\\n)*{path.stem}"):
        pack_images.main()


def test_another_demo_is_packed(tiny):
    """Other parameters draw other files of the same names."""
    before = (tiny / "data/processed/demo/pack/manifest.csv").read_bytes()
    write_params(tiny, demo={**TINY["demo"], "seed": 43})
    synthesize_demo.main()
    pack_images.main()
    assert (tiny / "data/processed/demo/pack/manifest.csv").read_bytes() != before
