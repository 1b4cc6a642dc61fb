from __future__ import annotations

import numpy as np

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.rank import error_share
from GliomaUncertaintyLib.review import places


def test_a_missed_island_leads_the_list_and_ten_places_hold_the_error():
    k, j, i = np.indices((60, 90, 90))
    distance = np.sqrt((k - 30.0) ** 2 + (j - 45) ** 2 + (i - 40) ** 2)
    probability = {
        target: (1 / (1 + np.exp(1.2 * (distance - radius)))).astype(np.float32) for target, radius in (("WT", 24), ("TC", 14), ("ET", 13))
    }
    probability["WT"][26:36, 38:48, 78:88] = 0.3
    image = Image(np.zeros(distance.shape, np.uint8), np.eye(4))
    masks = {target: p > 0.5 for target, p in probability.items()}
    found = places(probability, image, masks)
    assert (found[0].target, found[0].kind) == ("WT", "outside")
    assert [region.rank for region in found] == list(range(1, len(found) + 1))
    wrong = np.zeros(image.shape, bool)
    for target, p in probability.items():
        wrong |= (np.abs(distance - {"WT": 24, "TC": 14, "ET": 13}[target]) < 1) & (np.minimum(p, 1 - p) > 0.1)
    assert error_share(wrong, found, first=10) > 0.8
