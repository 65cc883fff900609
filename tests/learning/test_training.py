"""The training loop: same bits, resuming, the last average, checkpoints (faults 2, 3, 12, 38)."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stages.foundation import record
from stages.foundation.pack import Pack
from stages.learning import checkpoints
from stages.learning.checkpoints import checkpoint_path, forget_checkpoint
from stages.learning.run import naming_memory
from stages.learning.training import fit, learning_rate
from stages.networks.device import open_device
from stages.networks.settings import Compute, HardLoss, Schedule, Views
from stages.networks.train_images import TrainImages
from stages.networks.views import Batch, Examples

SCHEDULE = Schedule(
    seed=1, epochs=4, batch_size=8, learning_rate=0.01, weight_decay=0.01, warmup=0.1, averaging=0.9,
    clip_norm=1.0, dropout=0.5, frozen_norm=False, loss=HardLoss(gamma=0.0, melanoma_weight=0.5),
)  # fmt: skip
VIEWS = Views(seed=1, rotation=180.0, zoom=1.1, brightness=0.1, contrast=0.1, mixtures=0.5, cutout=0.2)
LABELS = torch.arange(20) % 2


@pytest.fixture(scope="module")
def device():
    return open_device(Compute(device="cpu", precision="fp32", threads=2, deterministic=True))


def examples() -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    pixels[1::2] //= 2
    ids = [f"ISIC_{number}" for number in range(20)]
    images = TrainImages(Pack(pixels, ids, []), ids, np.arange(20), LABELS, np.zeros(20, int), ("a", "b"))
    return Examples(images, VIEWS, 2)


def network() -> nn.Module:
    """Return a small network with more than ten parameters: "10" sorts before "2" in a checkpoint's names."""
    torch.manual_seed(0)
    blocks = [[nn.Conv2d(n, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.ReLU()] for n in (3, 4, 4)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2)]
    return nn.Sequential(*(layer for block in blocks for layer in block), *head)


def label_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return nn.functional.cross_entropy(logits, batch.targets)


def run(folder: Path, device, *, loss=label_loss, scores=(0.6, 0.7, 0.8, 0.9), stop_after=None, schedule=SCHEDULE):
    """Train, optionally failing in the validation after `stop_after` epochs, and return (model, history)."""
    model, calls = network(), iter(scores)

    def validate(_: nn.Module) -> dict[str, float]:
        score = next(calls)
        if stop_after is not None and score == scores[stop_after]:
            raise KeyboardInterrupt
        return {"val_roc_auc": score}

    checkpoint = folder / "run/checkpoint.pt"
    return model, fit(
        model, loss, examples(), validate=validate, schedule=schedule, device=device, checkpoint=checkpoint
    )


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_the_same_inputs_give_the_same_bits(tmp_path, device):
    assert same(run(tmp_path / "a", device)[0], run(tmp_path / "b", device)[0])


def test_a_killed_run_resumes_and_ends_in_the_same_bits(tmp_path, device, capsys):
    whole, history = run(tmp_path / "a", device)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", device, stop_after=2)
    resumed, again = run(tmp_path / "b", device, scores=(0.8, 0.9))
    assert "resumed after epoch 1" in capsys.readouterr().out
    assert same(whole, resumed)
    assert history == again


def test_the_checkpoint_stays_until_what_was_trained_is_saved(tmp_path, device):
    """What follows the last epoch may be stopped too: predicting, writing."""
    whole, history = run(tmp_path, device)
    again, same_history = run(tmp_path, device, scores=())
    assert same(whole, again)
    assert history == same_history
    forget_checkpoint(tmp_path / "run/checkpoint.pt")
    assert not (tmp_path / "run").exists()


def test_a_frozen_batch_norm_keeps_and_uses_the_statistics_it_started_with(tmp_path, device):
    frozen, _ = run(tmp_path / "a", device, schedule=SCHEDULE.model_copy(update={"frozen_norm": True}))
    free, _ = run(tmp_path / "b", device)
    for name, start in network().state_dict().items():
        if "running" in name or "batches" in name:
            assert torch.equal(frozen.state_dict()[name], start)
            assert not torch.equal(free.state_dict()[name], start)
    assert not torch.equal(frozen[1].weight, network()[1].weight)  # its scale is trained


def test_exhausted_memory_names_the_parameter(tmp_path, device):
    def exhausting(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    message = "out of memory: lower batch_size, now 8, of teacher or distill, or image.size"
    with pytest.raises(ValueError, match=message), naming_memory(SCHEDULE):
        run(tmp_path, device, loss=exhausting)
    with pytest.raises(RuntimeError, match="another"), naming_memory(SCHEDULE):
        raise RuntimeError("another")
    with pytest.raises(ValueError, match="out of memory"), naming_memory(SCHEDULE):
        torch.empty(2**60)


def test_the_weights_kept_are_the_averages_of_the_last_epoch_whatever_val_says(tmp_path, device):
    averages = []

    def validate(average: nn.Module) -> dict[str, float]:
        averages.append(copy.deepcopy(average))
        return {"val_roc_auc": 1.0 - len(averages) / 10}

    model = network()
    checkpoint = tmp_path / "run/checkpoint.pt"
    fit(model, label_loss, examples(), validate=validate, schedule=SCHEDULE, device=device, checkpoint=checkpoint)
    assert len(averages) == SCHEDULE.epochs
    assert same(model, averages[-1])
    assert not same(model, averages[0])


def test_a_training_is_adamw_with_warm_up_cosine_clipping_and_an_average(tmp_path, device):
    """Two epochs once more, each step written out; the decay of the average rises from 0.1 to 0.3."""
    schedule = SCHEDULE.model_copy(update={"epochs": 2, "clip_norm": 0.2, "averaging": 0.3, "weight_decay": 1.0})
    trained, _ = run(tmp_path, device, schedule=schedule)
    model, shown = network(), examples()
    average, clipped = copy.deepcopy(model).state_dict(), 0
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=1.0)
    for step in range(6):  # 20 images in batches of 7, 7 and 6, twice
        epoch, number = divmod(step, 3)
        if number == 0:
            torch.manual_seed(100_003 + epoch)
            batches = np.array_split(np.random.default_rng([1, epoch]).permutation(20), 3)
        # Warm-up is a tenth of the six steps, so the first one alone.
        share = 1 / 1.6 if step == 0 else (1 + np.cos(np.pi * (step - 0.6) / 5.4)) / 2
        optimizer.param_groups[0]["lr"] = 0.01 * share
        batch = shown.batch(batches[number], epoch, torch.device("cpu"))
        optimizer.zero_grad()
        label_loss(model.train()(batch.images), batch).backward()
        norm = torch.stack([parameter.grad.norm() for parameter in model.parameters()]).norm()
        clipped += bool(norm > 0.2)
        for parameter in model.parameters():
            parameter.grad *= min(1.0, 0.2 / (norm + 1e-6))
        optimizer.step()
        decay = min(0.3, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * value if value.is_floating_point() else value
    assert clipped > 3
    for name, value in trained.state_dict().items():
        assert torch.allclose(value, average[name], rtol=1e-3, atol=1e-5), name


def test_each_epoch_shows_the_next_view(tmp_path, device):
    shown = []

    def noting(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        shown.append(batch.view)
        return label_loss(logits, batch)

    run(tmp_path, device, loss=noting)
    assert shown == [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3  # two views, three batches an epoch


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(tmp_path, device):
    calls = []

    def exploding(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        calls.append(1)
        return label_loss(logits, batch) * (float("nan") if len(calls) == 8 else 1.0)

    with pytest.raises(ValueError, match=r"loss is nan at step 7, learning rate 0\.00\d+; lower learning_rate"):
        run(tmp_path, device, loss=exploding)
    assert (tmp_path / "run/checkpoint.pt").is_file()


def test_the_rate_warms_up_and_falls_to_zero():
    rates = [learning_rate(step, 100, SCHEDULE) for step in range(100)]
    assert max(rates) == pytest.approx(SCHEDULE.learning_rate)
    assert rates.index(max(rates)) == 10
    assert rates[0] < rates[5] < rates[10] > rates[50] > rates[99]
    assert rates[99] < 0.001 * SCHEDULE.learning_rate


def test_another_setting_input_code_or_version_never_finds_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "train.csv"
    table.write_text("a")
    first = checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    assert first == checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    assert first != checkpoint_path([table], "lr 0.2", ["train_teacher.py"])
    assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py", "distillation"])
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "version", lambda name: "0")
        assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    table.write_text("b")
    assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py"])


def test_code_that_the_training_does_not_run_keeps_its_checkpoint(tmp_path, monkeypatch):
    """An edit of what writes the README once threw away a half-trained teacher."""
    stages = tmp_path / "stages"
    for name in ("learning/training.py", "commands/readme.py"):
        (stages / name).parent.mkdir(parents=True)
        (stages / name).write_text("x = 1\n")
    monkeypatch.setattr(record, "STAGES", stages)
    first = checkpoint_path([], "", ["learning"])
    (stages / "commands/readme.py").write_text("x = 2\n")
    assert checkpoint_path([], "", ["learning"]) == first
    (stages / "learning/training.py").write_text("x = 2\n")
    assert checkpoint_path([], "", ["learning"]) != first


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-500], lambda content: content[:900] + b"0" + content[901:]]
)
def test_a_damaged_checkpoint_is_set_aside_and_training_starts_anew(tmp_path, device, capsys, damage):
    whole, _ = run(tmp_path / "a", device)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", device, stop_after=2)
    path = tmp_path / "b/run/checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    again, _ = run(tmp_path / "b", device)
    assert "cut off or altered" in capsys.readouterr().out
    assert same(whole, again)
    forget_checkpoint(path)
    assert not (tmp_path / "b/run").exists()


def test_the_history_holds_the_mean_loss_of_each_epoch(tmp_path, device):
    losses = []

    def noting(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        loss = label_loss(logits, batch)
        losses.extend([loss.item()] * len(logits))
        return loss

    _, history = run(tmp_path, device, loss=noting)
    expected = np.array(losses).reshape(SCHEDULE.epochs, -1).mean(axis=1)
    assert [epoch["train_loss"] for epoch in history] == pytest.approx(list(expected))
