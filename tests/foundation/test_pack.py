"""Writing, opening and verifying the pack (faults 6, 13, 15)."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.foundation.pack import open_pack
from stages.images.decoding import to_square
from stages.images.packing import check_sources, write_pack
from stages.images.settings import Limits

LIMITS = Limits(min_side=32, max_aspect=4.0, max_megapixels=1.0)


def sources(folder, count=5):
    rng = np.random.default_rng(0)
    paths = {f"ISIC_{number}": folder / f"ISIC_{number}.jpg" for number in range(count)}
    for path in paths.values():
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
    return paths


def packed(folder):
    paths = sources(folder)
    write_pack(paths, folder / "pack", size=32, limits=LIMITS)
    return paths, open_pack(folder / "pack")


def test_rows_are_the_squashed_images(tmp_path):
    paths, pack = packed(tmp_path)
    assert (pack.pixels.shape, pack.pixels.dtype, pack.size) == ((5, 32, 32, 3), np.uint8, 32)
    rows = pack.rows(["ISIC_3", "ISIC_0"])
    assert rows.tolist() == [3, 0]
    with Image.open(paths["ISIC_3"]) as image:
        assert np.array_equal(pack.pixels[3], to_square(image, 32))


def test_the_manifest_holds_both_hashes(tmp_path):
    paths, _ = packed(tmp_path)
    manifest = pd.read_csv(tmp_path / "pack/manifest.csv")
    assert manifest.loc[2, "source_sha256"] == hashlib.sha256(paths["ISIC_2"].read_bytes()).hexdigest()


def test_one_changed_bit_is_named(tmp_path):
    packed(tmp_path)
    pixels = np.load(tmp_path / "pack/pixels.npy", mmap_mode="r+")
    pixels[3, 10, 10, 1] ^= 1
    pixels.flush()
    pack = open_pack(tmp_path / "pack")
    pack.verify(pack.rows(["ISIC_2"]))
    for rows in (pack.rows(["ISIC_2", "ISIC_3"]), None):
        with pytest.raises(ValueError, match="pixels of ISIC_3 differ"):
            pack.verify(rows)


def test_a_stranger_and_another_manifest_are_refused(tmp_path):
    _, pack = packed(tmp_path)
    with pytest.raises(ValueError, match="not in the pack, the first is ISIC_9"):
        pack.rows(["ISIC_0", "ISIC_9"])
    manifest = (tmp_path / "pack/manifest.csv").read_text().splitlines()[:-1]
    rewrite_manifest(tmp_path / "pack", manifest)
    with pytest.raises(ValueError, match=r"4 rows of manifest\.csv do not describe pixels of \(5, 32, 32, 3\)"):
        open_pack(tmp_path / "pack")


def rewrite_manifest(folder, lines):
    (folder / "manifest.csv").write_text("\n".join(lines))
    (folder / "manifest.sha256").write_text(hashlib.sha256((folder / "manifest.csv").read_bytes()).hexdigest())


def test_two_images_exchanged_in_the_manifest_are_noticed(tmp_path):
    packed(tmp_path)
    manifest = tmp_path / "pack/manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text.replace("ISIC_1", "x").replace("ISIC_2", "ISIC_1").replace("x", "ISIC_2"))
    with pytest.raises(ValueError, match=r"manifest\.csv: differs from the hash in manifest\.sha256; remake it"):
        open_pack(tmp_path / "pack")


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"PK\x03\x04 no archive", None, 300], ids=str)
def test_pixels_that_are_no_whole_array_are_named(tmp_path, content):
    packed(tmp_path)
    pixels = tmp_path / "pack/pixels.npy"
    whole = pixels.read_bytes()
    if content is None:
        pixels.unlink()
    else:
        pixels.write_bytes(whole[:content] if isinstance(content, int) else content)
    with pytest.raises(ValueError, match=r"pixels\.npy: no(t a whole array| such file).*remake it: dvc repro"):
        open_pack(tmp_path / "pack")


def test_an_archive_whose_files_have_changed_is_refused_until_it_is_meant(tmp_path):
    """One flipped bit of a JPEG decodes without a word (fault 15)."""
    paths, _ = packed(tmp_path)
    kept = tmp_path / "kept/demo.csv"
    check_sources(kept, tmp_path / "pack")
    content = bytearray(paths["ISIC_3"].read_bytes())
    content[-20] ^= 1
    paths["ISIC_3"].write_bytes(content)
    write_pack(paths, tmp_path / "again", size=32, limits=LIMITS)
    with pytest.raises(ValueError, match="files that are not those packed before; put them back") as caught:
        check_sources(kept, tmp_path / "again")
    assert str(caught.value).endswith("1 faults\n  ISIC_3")
    kept.unlink()
    check_sources(kept, tmp_path / "again")
    assert kept.read_bytes() == (tmp_path / "again/manifest.csv").read_bytes()


def test_an_archive_may_grow(tmp_path):
    paths, _ = packed(tmp_path)
    kept = tmp_path / "kept.csv"
    write_pack(dict(list(paths.items())[:3]), tmp_path / "small", size=32, limits=LIMITS)
    check_sources(kept, tmp_path / "small")
    check_sources(kept, tmp_path / "pack")


def test_all_bad_images_are_listed(tmp_path):
    paths = sources(tmp_path)
    paths["ISIC_1"].write_bytes(b"")
    paths["ISIC_4"].write_bytes(paths["ISIC_4"].read_bytes()[:-2])
    paths["ISIC_2"].unlink()
    with pytest.raises(ValueError, match="3 faults") as caught:
        write_pack(paths, tmp_path / "pack", size=32, limits=LIMITS)
    assert "ISIC_1.jpg" in str(caught.value)
    assert "ISIC_4.jpg" in str(caught.value)
    assert "ISIC_2.jpg" in str(caught.value)
    assert not (tmp_path / "pack/manifest.csv").exists()
