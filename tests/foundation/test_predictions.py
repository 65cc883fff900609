"""Prediction tables are complete, in order, and hold probabilities."""

import numpy as np
import pytest

from stages.foundation.predictions import read_predictions, write_predictions


def test_probabilities_come_back_in_the_order_asked_for(tmp_path):
    write_predictions(tmp_path / "a.csv", ["x", "y", "z"], np.array([0.1, 0.25, 1 / 3]))
    assert read_predictions(tmp_path / "a.csv", ["z", "x"]).tolist() == pytest.approx([1 / 3, 0.1], abs=1e-9)


def test_faults_are_named(tmp_path):
    with pytest.raises(ValueError, match="outside"):
        write_predictions(tmp_path / "a.csv", ["x"], np.array([np.nan]))
    with pytest.raises(ValueError, match="outside"):
        write_predictions(tmp_path / "a.csv", ["x"], np.array([1.5]))
    with pytest.raises(ValueError, match="no such predictions"):
        read_predictions(tmp_path / "a.csv", ["x"])
    write_predictions(tmp_path / "a.csv", ["x"], np.array([0.5]))
    with pytest.raises(ValueError, match="no probability for 2 images, the first is y"):
        read_predictions(tmp_path / "a.csv", ["x", "y", "z"])
    (tmp_path / "a.csv").write_text("image_id,p_melanoma\nx,0.5\nx,0.6\n")
    with pytest.raises(ValueError, match="each image once"):
        read_predictions(tmp_path / "a.csv", ["x"])


def test_ids_stay_text(tmp_path):
    write_predictions(tmp_path / "a.csv", ["007", "NA"], np.array([0.5, 0.25]))
    assert read_predictions(tmp_path / "a.csv", ["NA", "007"]).tolist() == [0.25, 0.5]


@pytest.mark.parametrize("value", ["1.5", "-0.1", "inf", "nan", "text", ""])
def test_what_is_no_probability_is_refused(tmp_path, value):
    (tmp_path / "a.csv").write_text(f"image_id,p_melanoma\nx,0.5\ny,{value}\n")
    with pytest.raises(ValueError, match=r"a\.csv: 1 probabilities are no numbers from 0 to 1"):
        read_predictions(tmp_path / "a.csv", ["x"])
