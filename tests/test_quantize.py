"""The selected student as ONNX: the files score as the tables say, and cost what the table says."""

import numpy as np
import pandas as pd
import pytest
from conftest import KEY, write_params

from stages import quantize
from stages.foundation.onnx_session import open_session, score_pixels
from stages.images.pack import open_pack
from stages.learning.scoring import melanoma_probability


def test_onnx_predictions_are_the_students(tiny):
    tables = {
        name: pd.read_csv(tiny / f"models/demo/predictions/{name}.csv").set_index("image_id")["p_melanoma"]
        for name in (f"students/{KEY}", "onnx/student_fp32", "onnx/student_int8")
    }
    student, fp32, int8 = tables.values()
    assert (student - fp32).abs().max() < 1e-4
    assert (fp32 - int8).abs().max() < 0.05


def test_the_written_file_gives_the_written_predictions(tiny):
    processed, models = tiny / "data/processed/demo", tiny / "models/demo"
    pack = open_pack(processed / "pack.npy", processed / "pack_manifest.csv")
    table = pd.read_csv(models / "predictions/onnx/student_int8.csv")
    session = open_session(models / "onnx/student_int8.onnx", threads=2)
    logits = score_pixels(session, pack.pixels, pack.rows(list(table["image_id"])))
    assert np.abs(melanoma_probability(logits, 4) - table["p_melanoma"]).max() < 1e-6


def test_the_table_measures_what_int8_costs(tiny):
    table = pd.read_csv(tiny / "metrics/demo/quantization.csv").set_index("model")
    assert list(table.index) == ["student_fp32", "student_int8"]
    assert table.loc["student_fp32", "largest_change"] == 0 < table.loc["student_int8", "largest_change"]
    sizes = [(tiny / f"models/demo/onnx/{name}.onnx").stat().st_size / 1e6 for name in table.index]
    assert table["megabytes"].tolist() == pytest.approx(sizes, rel=1e-5)


def test_a_selected_student_that_is_not_there_is_named(tiny):
    write_params(tiny, kd={"temperature": 4})
    with pytest.raises(ValueError, match=r"students/T4_alpha0\.5\.safetensors: no such file"):
        quantize.main()
