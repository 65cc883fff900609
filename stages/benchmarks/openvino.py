"""OpenVINO, the benchmark's peer, in a process of its own.

    python -m stages.benchmarks.openvino THREADS BYTES   (standard input: the model, then what `openvino` sends)

It is suspected of corrupting the heap of a process that also runs PyTorch and onnxruntime: some test runs that had
measured it there crashed later in unrelated code, none has since it runs apart. The cause itself was not found.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import numpy as np

from stages.benchmarks.latency import Runner

AGAIN = b"again\n"


@contextmanager
def openvino(model: bytes, threads: int) -> Iterator[Runner]:
    """Yield what runs an ONNX model in OpenVINO on the CPU, tuned for latency, while its process lives."""
    words = [sys.executable, "-m", "stages.benchmarks.openvino", str(threads), str(len(model))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        given, back = process.stdin, process.stdout
        if given is None or back is None:
            raise OSError("a process without the pipes that were asked for")
        given.write(model)
        sent: np.ndarray | None = None

        def run(images: np.ndarray) -> float:
            nonlocal sent
            if images is sent:
                given.write(AGAIN)
            else:
                given.write(json.dumps(images.shape).encode() + b"\n" + images.tobytes())
                sent = images
            given.flush()
            return float(back.readline())

        yield run


def main(threads: int, size: int) -> None:
    """Answer each line of standard input, a shape before its float32 images or AGAIN, with the seconds of one run."""
    import openvino as ov  # noqa: PLC0415 - a development extra

    core, given = ov.Core(), sys.stdin.buffer
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(given.read(size)), "CPU", settings)
    request, images = compiled.create_infer_request(), np.empty(0)
    while line := given.readline():
        if line != AGAIN:
            shape = json.loads(line)
            images = np.frombuffer(given.read(4 * prod(shape)), np.float32).reshape(shape)
        began = time.perf_counter()
        request.infer({"image": images})
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
