"""Decode every image of the archive once, squashed to image.size, into one memory-mapped file.

    python -m stages.pack_images

Reads data/raw/<name>; writes data/processed/<name>/pack.npy, uint8 (images, size, size, 3), and pack_manifest.csv.
"""

from pathlib import Path

from pydantic import Field

from stages.foundation import command, files
from stages.foundation.params import Data, Section, read_params
from stages.images.archive import find_images, read_metadata
from stages.images.decoding import Limits
from stages.images.packing import write_pack


class Image(Section):
    size: int = Field(ge=32)
    limits: Limits


class Params(Section):
    data: Data
    image: Image


def main() -> None:
    params = read_params(Params)
    archive = Path("data/raw", params.data.name)
    processed = Path("data/processed", params.data.name)
    sources = find_images(archive, read_metadata(archive)["image_id"])
    with files.writing(processed / "pack.npy", processed / "pack_manifest.csv") as (pixels, manifest):
        write_pack(sources, pixels, manifest, size=params.image.size, limits=params.image.limits)


if __name__ == "__main__":
    command.run(main)
