"""Independent programs find nothing wrong with the DICOM objects; see docs/dicom-validation.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "validate_dicom.py"


@pytest.mark.slow
def test_dciodvfy_and_dcmqi_find_no_errors_in_any_kind_of_study(tmp_path):
    run = subprocess.run([sys.executable, PROGRAM, "--out", tmp_path], capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 24
    assert all(row.split("|")[3:5] == [" 0 ", " 0 "] for row in rows)
