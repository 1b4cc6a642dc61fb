"""The question of Yu et al. (Med Phys 2025): does CT help MR? Their 13 training sets, by one command.

    python -m RenalParenchymaLib.training.paper_table --pack pack.npz --out table --steps 270

The paper trains on 116 CT, on 40, 80 or 120 of MR subset A or B, and on both together: 1 + 6 + 6 sets. Here a patient of
the CT group is a label map drawn with CT contrast, one of the MR groups a label map drawn with fat-suppressed T2
contrast; no patient is in two groups. A 14th set draws the CT group with contrasts of any kind. ``--scale`` shrinks the
groups where there are fewer patients than the paper had. Only the second step (parenchyma in the kidney's box) is trained.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from DeepVolumetryLib.engine.statistics import normalize_by_instance
from DeepVolumetryLib.training.loop import Batch, LoopSettings, dice_cross_entropy
from DeepVolumetryLib.training.loop import train as train_loop

from ..labels import PARENCHYMA
from ..networks import architecture, build
from .compose import Anatomy
from .pack import Kidney, Torso, load_pack
from .samples import SampleSettings, draw_sample

CT_PATIENTS = 116
MR_PATIENTS = (40, 80, 120)
SHAPE = (64, 48, 48)
VALIDATION_FOLD = 4
VALIDATION_STEP = 2  # every second patient: validation should not take longer than training


@dataclass(frozen=True)
class TrainingSet:
    """Groups of patients with the contrast that each is drawn with."""

    name: str
    groups: tuple[tuple[tuple[str, ...], str], ...]

    @property
    def patients(self) -> int:
        """How many there are."""
        return sum(len(cases) for cases, _ in self.groups)


def training_sets(cases: list[str], scale: float) -> list[TrainingSet]:
    """The paper's 13 sets and the random one.

    Args:
        cases: patients, in any order; they are shuffled with a fixed seed.
        scale: of the paper's numbers of patients.

    Raises:
        ValueError: if there are too few patients for disjoint groups.
    """
    ct, *mr = (round(count * scale) for count in (CT_PATIENTS, *MR_PATIENTS))
    if ct + 2 * mr[-1] > len(cases):
        raise ValueError(f"{len(cases)} patients are too few for {ct} + 2 x {mr[-1]}; lower the scale")
    shuffled = list(np.random.default_rng(2025).permutation(sorted(cases)))
    group = tuple(shuffled[:ct])
    subsets = {"A": shuffled[ct : ct + mr[-1]], "B": shuffled[ct + mr[-1] : ct + 2 * mr[-1]]}
    sets = [TrainingSet(f"CT {ct}", ((group, "CT"),))]
    for letter, members in subsets.items():
        sets += [TrainingSet(f"MR {letter}{n}", ((tuple(members[:n]), "T2"),)) for n in mr]
        sets += [TrainingSet(f"CT {ct} + MR {letter}{n}", ((group, "CT"), (tuple(members[:n]), "T2"))) for n in mr]
    return [*sets, TrainingSet(f"random {ct}", ((group, "random"),))]


class _Mixture(IterableDataset):
    """Samples of a training set: every patient is as likely as every other one."""

    def __init__(self, training_set: TrainingSet, kidneys: list[Kidney], torsos: list[Torso], seed: int) -> None:
        self.seed = seed
        self.parts = [
            (Anatomy([k for k in kidneys if k.case in cases], torsos), SampleSettings("refiner", SHAPE, {modality: 1.0}))
            for cases, modality in training_set.groups
        ]
        self.share = np.array([len(cases) for cases, _ in training_set.groups]) / training_set.patients

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(self.seed)
        while True:
            anatomy, settings = self.parts[rng.choice(len(self.parts), p=self.share)]
            yield draw_sample(anatomy, settings, rng)


def train_and_validate(
    training_set: TrainingSet, kidneys: list[Kidney], torsos: list[Torso], steps: int, out: Path
) -> dict[str, dict[str, float]]:
    """Train one network for so many steps. Returns modality -> patient -> Dice of the parenchyma, validation patients only."""
    torch.manual_seed(0)
    network = build(architecture("refiner"))
    trainable = [kidney for kidney in kidneys if kidney.fold != VALIDATION_FOLD]

    def batches(number: int) -> Iterable[Batch]:
        return DataLoader(_Mixture(training_set, trainable, torsos, 17 + number), batch_size=1)

    state = train_loop(network, batches, dice_cross_entropy, LoopSettings(0, steps), out, minutes=math.inf)
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    network.load_state_dict(saved["average"])
    normalize_by_instance(network)
    network.eval()
    scores = {modality: _validate(network, kidneys, torsos, modality) for modality in ("CT", "T2")}
    print(
        f"{training_set.name:22s} {state['step']:5d} steps  "
        + "  ".join(f"{m} {np.mean(list(s.values())):.3f}" for m, s in scores.items()),
        flush=True,
    )
    return scores


def _validate(network: torch.nn.Module, kidneys: list[Kidney], torsos: list[Torso], modality: str) -> dict[str, float]:
    held_out = [kidney for kidney in kidneys if kidney.fold == VALIDATION_FOLD]
    scores = {}
    for number, case in enumerate(sorted({kidney.case for kidney in held_out})[::VALIDATION_STEP]):
        anatomy = Anatomy([kidney for kidney in held_out if kidney.case == case], torsos)
        image, target, _ = draw_sample(
            anatomy, SampleSettings("refiner", SHAPE, {modality: 1.0}), np.random.default_rng([number, modality == "CT"])
        )
        with torch.inference_mode():
            found = network(image[None].to(memory_format=torch.channels_last_3d)).argmax(1)[0] == PARENCHYMA
        truth = target == PARENCHYMA
        if truth.sum() > 500:
            scores[case] = float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    return scores


def compare(scores: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Mean Dice of every set, RM-ANOVA over the sets, and mixed against pure MR at each proportion (paired t, Holm)."""
    import pandas as pd
    from scipy import stats
    from statsmodels.stats.anova import AnovaRM
    from statsmodels.stats.multitest import multipletests

    result: dict[str, Any] = {}
    for modality in ("CT", "T2"):
        rows = [(case, name, dice) for name, both in scores.items() for case, dice in both[modality].items()]
        table = pd.DataFrame(rows, columns=["case", "set", "dice"])
        anova = AnovaRM(table, "dice", "case", ["set"]).fit().anova_table.iloc[0]
        wide = table.pivot(index="case", columns="set", values="dice")
        pairs = [(mixed, mixed.partition(" + ")[2]) for mixed in wide.columns if " + " in mixed]
        p_values = [float(stats.ttest_rel(wide[mixed], wide[pure]).pvalue) for mixed, pure in pairs]
        holm = multipletests(p_values, method="holm")[1]
        against = {
            f"{mixed} - {pure}": {"difference": float((wide[mixed] - wide[pure]).mean()), "p_holm": float(p)}
            for (mixed, pure), p in zip(pairs, holm, strict=True)
        }
        result[modality] = {
            "patients": len(wide),
            "mean": {name: round(float(wide[name].mean()), 4) for name in scores},
            "sd": {name: round(float(wide[name].std()), 4) for name in scores},
            "anova": {"F": float(anova["F Value"]), "df": [float(anova["Num DF"]), float(anova["Den DF"])], "p": float(anova["Pr > F"])},
            "mixed_minus_mr": against,
        }
    return result


def main() -> None:
    """Train all sets (those already there are kept), compare, write table.json and dice.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=270, help="training steps of each set, the same for all")
    parser.add_argument("--scale", type=float, default=0.875, help="of the paper's numbers of patients")
    parser.add_argument("--subsets", default="AB", help="MR subsets to train on; A alone halves the work")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    kidneys, torsos = load_pack(options.pack)
    cases = sorted({kidney.case for kidney in kidneys if kidney.fold != VALIDATION_FOLD})
    scores = {}
    for training_set in training_sets(cases, options.scale):
        if any(f"MR {letter}" in training_set.name for letter in set("AB") - set(options.subsets)):
            continue
        folder = options.out / training_set.name.replace(" ", "_")
        done = folder / "dice.json"
        if not done.exists():
            found = train_and_validate(training_set, kidneys, torsos, options.steps, folder)
            done.write_text(json.dumps(found), encoding="utf-8")
        scores[training_set.name] = json.loads(done.read_text(encoding="utf-8"))
    (options.out / "table.json").write_text(json.dumps(compare(scores), indent=1) + "\n", encoding="utf-8")
    with (options.out / "dice.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("set", "modality", "patient", "dice"))
        writer.writerows(
            (name, modality, case, dice)
            for name, both in scores.items()
            for modality, found in both.items()
            for case, dice in found.items()
        )


if __name__ == "__main__":
    main()
