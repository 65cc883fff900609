"""Build the page that runs the student in a browser, and serve it.

    melanoma-kd web [MODEL.onnx] [--build-only] [--port 8000]

Copies web/, the model, its metadata and onnxruntime-web's files into build/web. The runtime comes from npm once, is
checked against the sha512 below and kept in build/; the built page asks no other server for anything.
"""

import argparse
import functools
import hashlib
import json
import shutil
import subprocess
import tarfile
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stages.deployment.metadata import RELEASED, metadata_of
from stages.deployment.session import folds_to_float
from stages.foundation.files import sha256_file, write_text, writing
from stages.foundation.onnx_file import read_model

PACKAGE = "onnxruntime-web@1.30.0"
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
# For browsers with WebGPU; 27 MB that others never fetch, so the service worker does not keep them.
GPU_RUNTIME = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm")
EXAMPLES = ("not_flagged.jpg", "flagged.jpg")  # drawn, and free to ship
ROOT = Path(__file__).parents[2]


def fetch_runtime(cache: Path) -> Path:
    """Return the path of onnxruntime-web's package in this folder, fetched from npm if it is not there yet.

    ValueError without npm, where npm fails, and on another content than SHA512 says.
    """
    path = cache / f"{PACKAGE.replace('@', '-')}.tgz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm") is None:
            raise ValueError(f"npm is not installed: it fetches {PACKAGE}; or put its package at {path}")
        argv = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", str(cache)]
        process = subprocess.run(argv, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise ValueError(f"{' '.join(argv)}: {process.stderr.strip()}")
    digest = hashlib.sha512(path.read_bytes()).hexdigest()
    if digest != SHA512:
        raise ValueError(f"{path}: wanted sha512 {SHA512[:16]}..., found {digest[:16]}...; delete it to fetch it again")
    return path


def build(model: Path, cache: Path, target: Path) -> None:
    """Write the whole page into the folder `target`; cache: the folder that keeps the runtime's package."""
    if not (ROOT / "web").is_dir():
        raise ValueError(f"{ROOT / 'web'}: an installed package holds no page; run it in a clone of the repository")
    package = fetch_runtime(cache)
    _, content = read_model(model)
    file = f"model-{sha256_file(model)[:16]}.onnx"  # so that a page of another build finds no model for its thresholds
    facts = metadata_of(content, str(model)).model_dump() | {"weight_only": folds_to_float(content), "file": file}
    with writing(target) as (folder,):
        shutil.copytree(ROOT / "web", folder)
        (folder / "examples").mkdir()
        for picture in EXAMPLES:
            shutil.copy(RELEASED.parent / "port_kit" / picture, folder / "examples")
        (folder / "ort").mkdir()
        with tarfile.open(package) as archive:
            for name in (*RUNTIME, *GPU_RUNTIME):
                member = archive.extractfile(f"package/dist/{name}")
                if member is None:
                    raise ValueError(f"{package}: holds no dist/{name}")
                (folder / "ort" / name).write_bytes(member.read())
        shutil.copy(model, folder / file)
        write_text(folder / "model.json", json.dumps(facts))
        _fill_service_worker(folder)


def _fill_service_worker(folder: Path) -> None:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + (folder / name).read_bytes())
    worker = folder / "service_worker.js"
    left_out = {worker.name, *(f"ort/{name}" for name in GPU_RUNTIME)}
    names = ["./", *(name for name in files if name not in left_out)]
    text = worker.read_text(encoding="utf-8").replace("@VERSION@", digest.hexdigest()[:16])
    write_text(worker, text.replace('["@FILES@"]', json.dumps(names)))


class Handler(SimpleHTTPRequestHandler):
    """Plain files, of an isolated page; modules and wasm with the types that browsers insist on."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".webmanifest": "application/manifest+json",
    }

    def end_headers(self) -> None:
        """Isolate the page from others, as browsers want it of one that shares memory with WebAssembly."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder on this machine alone; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Handler, directory=str(folder)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", type=Path, default=RELEASED, help="an ONNX file; default: the released student"
    )
    parser.add_argument("--build-only", action="store_true", help="serve nothing")
    parser.add_argument("--port", type=_port, default=8000, help="of this machine, 8000")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"wanted 0 to 65535, found {text}")
    return int(text)


def main(options: argparse.Namespace) -> None:
    build(options.model, ROOT / "build", ROOT / "build/web")
    if options.build_only:
        return
    with serve(ROOT / "build/web", options.port) as server:
        print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    print()
