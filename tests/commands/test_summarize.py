"""The summary tells done from missing from outdated by DVC's own state."""

from stages.commands.summarize import summarize


def test_states_and_remedies():
    status = {
        "distill@T1_alpha0.5": [{"changed deps": {"models/demo/soft_labels": "modified"}}],
        "quantize": [{"changed outs": {"models/demo/onnx": "deleted"}}, {"changed deps": {"x": "modified"}}],
        "baselines": ["changed command"],
        "quantization_aware": ["changed command"],
    }
    stages = [
        "prepare_splits",
        "train_teacher@resnet18",
        "distill@T1_alpha0.5",
        "baselines",
        "quantize",
        "quantization_aware",
    ]
    rows = {name: (state, remedy) for name, state, remedy in summarize(stages, status)}
    assert rows["train_teacher@resnet18"] == ("done", "")
    assert rows["distill@T1_alpha0.5"] == ("outdated", "dvc repro distill@T1_alpha0.5")
    assert rows["baselines"] == ("outdated", "dvc repro baselines")
    assert rows["quantization_aware"] == ("outdated", "dvc repro quantization_aware")
    assert rows["quantize"] == ("missing", "dvc repro quantize")
    assert rows["train_teacher@resnet50"] == ("not listed", "make train-teacher-single TEACHER_ARCH=resnet50")
    assert "prepare_splits" not in rows
