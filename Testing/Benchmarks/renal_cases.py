"""List the real scans that RenalParenchyma is reported on, for ``deepvolumetry evaluate renal --cases``.

    python Testing/Benchmarks/renal_cases.py --data ../shared/data --out cases.csv

MR: six coronal scans of four subjects with parenchyma masks drawn on T2W. CT: one scan at 3 mm whose labels are model output.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

_SEQUENCES = {"T2W": "fat-suppressed T2", "T1W": "T1", "MPRAGE": "MPRAGE"}


def rows(data: Path) -> list[tuple[str, str, str, str, str]]:
    """case, volume, reference, labels, group."""
    listed = []
    for reference in sorted((data / "kidney_mr").glob("*_parenchyma.nii.gz")):
        scan = reference.name.removesuffix("_parenchyma.nii.gz")
        for sequence, words in _SEQUENCES.items():
            volume = reference.with_name(f"{scan}_{sequence}.nii.gz")
            # The contrast of T2 was looked at on subjects S01 and S02 only: S03 and S04 are the ones to report.
            group = f"real MR {words}, " + ("S01-S02 (looked at)" if scan[:3] in ("S01", "S02") else "S03-S04 (held out)")
            listed.append((f"{scan}_{sequence}", str(volume.resolve()), str(reference.resolve()), "1=parenchyma", group))
    example = data / "torso" / "totalsegmentator_example"
    listed.append(
        (
            "example_ct",
            str((example / "example_ct.nii.gz").resolve()),
            str((example / "example_seg_fast_force_split.nii.gz").resolve()),
            "2=right_kidney;3=left_kidney",
            "real CT, 3 mm, labels are model output",
        )
    )
    return listed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", "volume", "reference", "labels", "group"))
        writer.writerows(rows(options.data))


if __name__ == "__main__":
    main()
