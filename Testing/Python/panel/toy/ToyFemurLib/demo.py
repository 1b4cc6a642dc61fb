from __future__ import annotations

import femur_patients

PHANTOM = "qrm_bdc_3"


def study(seed: int = 0):
    """A coarse scan of the phantom patient."""
    return {"volume": femur_patients.study(spacing=(2.2, 2.2, 3.0), width_mm=(400.0, 300.0), above_mm=32.0).image}
