"""Run a LiteRT file, `.tflite`: one picture at a time, as phones do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stages.foundation.names import DISTANCE, LOGITS

LITERT = ".tflite"


def open_litert(source: Path | bytes, threads: int) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return a function from images, float32 (batch, 3, size, size), to `logits` and `distance`.

    ValueError without the extra `edge`, and on a file that LiteRT cannot run.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install '.[edge]'") from None
    content = source if isinstance(source, bytes) else source.read_bytes()
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        runner = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        name = "model" if isinstance(source, bytes) else source
        raise ValueError(f"{name}: LiteRT cannot run this file ({' '.join(str(error).split())[:200]})") from None
    (given,) = runner.get_input_details()
    first, second = sorted(runner.get_output_details())  # output_0 and output_1, in the order they were exported

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        answers = [runner(**{given: image[None]}) for image in images]
        return {
            LOGITS: np.concatenate([answer[first] for answer in answers]),
            DISTANCE: np.concatenate([answer[second].reshape(1) for answer in answers]),
        }

    return run
