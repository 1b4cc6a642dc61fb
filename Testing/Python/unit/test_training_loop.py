"""The training loop: slices that go on where the last one ended, and a loss that counts what the scan shows."""

from __future__ import annotations

import csv
from itertools import count
from types import SimpleNamespace

import pytest
import torch

from DeepVolumetryLib.errors import DeepVolumetryError
from DeepVolumetryLib.training import loop
from DeepVolumetryLib.training.loop import LoopSettings, dice_cross_entropy, schedule, train

ONE_HOUR = LoopSettings(total_minutes=60)


@pytest.fixture(autouse=True)
def a_clock(monkeypatch):
    """Every look at the clock takes three seconds, so that tests need no time of their own."""
    ticks = count(0, 3)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


@pytest.fixture
def a_network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.BatchNorm3d(4), torch.nn.Conv3d(4, 2, 1))


def bright_is_foreground(slice_number: int):
    generator = torch.Generator().manual_seed(slice_number)
    while True:
        image = torch.randn(1, 1, 6, 6, 6, generator=generator)
        yield image, (image[:, 0] > 0).to(torch.uint8), torch.ones(1, 6, 6, 6, dtype=torch.bool)


def run(network, out, minutes, settings=ONE_HOUR, batches=bright_is_foreground, resume=True):
    return train(network, batches, dice_cross_entropy, settings, out, minutes, resume)


def saved(out):
    return torch.load(out / "checkpoint.pt", weights_only=True)


def test_a_slice_ends_after_its_minutes_and_is_not_done(a_network, tmp_path):
    state = run(a_network, tmp_path, minutes=2)
    assert 10 < state["step"] < 40
    assert state["seconds"] <= 2 * 60 + 10
    assert (state["slice"], state["done"]) == (1, False)


def test_the_next_slice_goes_on_from_the_step_before(a_network, tmp_path):
    first = run(a_network, tmp_path, minutes=2)
    second = run(a_network, tmp_path, minutes=2)
    assert second["step"] > first["step"] + 10
    assert second["seconds"] > first["seconds"] + 100
    assert second["slice"] == 2


def test_weights_averages_and_optimizer_survive_between_slices(a_network, tmp_path):
    run(a_network, tmp_path, minutes=2)
    before = saved(tmp_path)
    fresh = torch.nn.Sequential(torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.BatchNorm3d(4), torch.nn.Conv3d(4, 2, 1))
    run(fresh, tmp_path, minutes=0)
    after = saved(tmp_path)
    for part in ("network", "average"):
        assert all(torch.equal(before[part][key], after[part][key]) for key in before[part])
    assert after["state"]["step"] == before["state"]["step"]
    for key, value in before["optimizer"]["state"][0].items():
        assert torch.equal(torch.as_tensor(after["optimizer"]["state"][0][key]), torch.as_tensor(value))


def test_every_slice_draws_other_samples(a_network, tmp_path):
    asked = []

    def batches(slice_number):
        asked.append(slice_number)
        return bright_is_foreground(slice_number)

    for _ in range(3):
        run(a_network, tmp_path, minutes=0.2, batches=batches)
    assert asked == [0, 1, 2]


def test_training_ends_at_its_total_and_stays_ended(a_network, tmp_path):
    short = LoopSettings(total_minutes=3)
    states = [run(a_network, tmp_path, minutes=2, settings=short) for _ in range(3)]
    assert [state["done"] for state in states] == [False, True, True]
    assert states[2]["step"] == states[1]["step"]


def test_training_by_steps_ends_at_the_same_step_on_any_machine(a_network, tmp_path):
    by_steps = LoopSettings(total_minutes=0, total_steps=30)
    states = [run(a_network, tmp_path, minutes=2, settings=by_steps) for _ in range(3)]
    assert [state["done"] for state in states[1:]] == [True, True]
    assert states[2]["step"] == 30


def test_without_resume_it_starts_anew(a_network, tmp_path):
    run(a_network, tmp_path, minutes=2)
    assert run(a_network, tmp_path, minutes=0, resume=False)["step"] == 0


def test_the_average_follows_the_weights_slowly(a_network, tmp_path):
    start = {key: value.clone() for key, value in a_network.state_dict().items()}
    run(a_network, tmp_path, minutes=2)
    checkpoint = saved(tmp_path)
    key = "0.weight"
    moved = (checkpoint["network"][key] - start[key]).norm()
    lagging = (checkpoint["average"][key] - start[key]).norm()
    assert 0 < lagging < moved


def test_the_loss_falls_and_is_logged(a_network, tmp_path):
    run(a_network, tmp_path, minutes=15)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [int(row["step"]) for row in rows[:2]] == [25, 50]
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    assert not list(tmp_path.glob("*.tmp"))


def test_the_learning_rate_rises_shortly_and_falls_to_a_hundredth():
    rates = [schedule(progress / 100) for progress in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(1.0) == rates[2]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def logits_for(target, classes=3, sureness=20.0):
    return torch.nn.functional.one_hot(target.long(), classes).movedim(-1, 1).float() * sureness


@pytest.fixture
def a_target():
    target = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    target[:, 1:3, 1:3, 1:3] = 1
    return target


def test_a_perfect_answer_costs_nothing(a_target):
    loss = dice_cross_entropy(logits_for(a_target), a_target, torch.ones_like(a_target, dtype=torch.bool))
    assert float(loss) == pytest.approx(0, abs=0.01)


def test_a_wrong_answer_costs_more_than_an_unsure_one(a_target):
    everywhere = torch.ones_like(a_target, dtype=torch.bool)
    wrong = dice_cross_entropy(logits_for(1 - a_target.clamp(max=1)), a_target, everywhere)
    unsure = dice_cross_entropy(torch.zeros(1, 3, 4, 4, 4), a_target, everywhere)
    assert float(wrong) > float(unsure) > 1


def test_what_the_scan_does_not_show_does_not_count(a_target):
    covered = torch.ones_like(a_target, dtype=torch.bool)
    covered[:, 3] = False
    logits, other = logits_for(a_target), logits_for(a_target)
    other[:, :, 3] = logits_for(torch.full_like(a_target, 2))[:, :, 3]
    assert float(dice_cross_entropy(logits, a_target, covered)) == pytest.approx(float(dice_cross_entropy(other, a_target, covered)))
    nothing = dice_cross_entropy(other, a_target, torch.zeros_like(covered))
    assert torch.isfinite(nothing)


def test_slices_are_trained_on_as_volumes_are(tmp_path):
    def batches(_):
        image = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        while True:
            yield image, (image > 0).float(), torch.ones(2, 8, 8, dtype=torch.bool)

    def loss(logits, target, covered):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)

    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Conv2d(4, 1, 1))
    settings = LoopSettings(total_minutes=60, total_steps=6)
    assert train(network, batches, loss, settings, tmp_path, minutes=30)["done"]
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_snapshots_are_kept_once_their_share_is_reached_and_differ(a_network, tmp_path):
    settings = LoopSettings(total_minutes=60, total_steps=20, snapshots=(0.5, 0.75))
    run(a_network, tmp_path, minutes=30, settings=settings)
    half, later = (torch.load(tmp_path / f"snapshot_{share}.pt", weights_only=True) for share in (50, 75))
    assert (half["state"]["step"], later["state"]["step"]) == (10, 15)
    assert not torch.equal(half["average"]["0.weight"], later["average"]["0.weight"])


def broken_at(steps):
    """A loss whose gradient is nan in some steps, counted from 0."""
    numbers = count()

    def loss(logits, target, covered):
        return dice_cross_entropy(logits, target, covered) * (float("nan") if next(numbers) in steps else 1.0)

    return loss


def test_a_gradient_that_is_not_finite_changes_no_weight(a_network, tmp_path):
    state = train(a_network, bright_is_foreground, broken_at({0, 3, 4}), ONE_HOUR, tmp_path, minutes=2)
    assert all(torch.isfinite(value).all() for value in saved(tmp_path)["average"].values())
    assert 0 < state["loss"] < 3


def test_a_training_that_came_apart_is_stopped_with_advice(a_network, tmp_path):
    with pytest.raises(DeepVolumetryError, match=r"50 gradients in a row are not finite. Lower the learning rate."):
        train(a_network, bright_is_foreground, broken_at(range(5, 1000)), ONE_HOUR, tmp_path, minutes=60)
