from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.measurement import Measurement
from GliomaUncertaintyLib.rano import against_prior, probability_above, response


def volume(value, low=None, high=None, target="ET", level=0.95):
    return Measurement(target, "Volume", value, "mL", low, high, None if low is None else level)


def study(value, low=None, high=None, measurable=1, product=None, target="ET"):
    rows = [volume(value, low, high, target), Measurement(target, "Measurable lesions", measurable, "1")]
    if product is not None:
        rows.append(Measurement(target, "Sum of products of target lesions", product, "mm2"))
    return rows


def simulated(ratio, before, after, draws=400_000):
    """The share of draws whose ratio is exceeded; two halves of normal distributions, cut at 0."""
    random = np.random.default_rng(1)

    def true_values(m):
        z = random.normal(size=draws)
        quantile = 1.959964 if m.level == 0.95 else 1.644854
        return np.maximum(0, m.value + z * np.where(z < 0, m.value - m.low, m.high - m.value) / quantile)

    prior, current = true_values(before), true_values(after)
    return (current > ratio * prior).mean()


@pytest.mark.parametrize("ratio", [0.35, 1.4])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (volume(10, 8, 14), volume(14, 11, 15)),
        (volume(10, 4, 11), volume(3, 0, 9)),
        (volume(20, 18, 24, level=0.9), volume(7, 6.5, 9)),
        (volume(0, 0, 2), volume(1, 0.2, 4)),
    ],
)
def test_the_probability_is_that_of_a_simulation(before, after, ratio):
    assert probability_above(ratio, before, after) == pytest.approx(simulated(ratio, before, after), abs=0.004)


reach = st.floats(0.01, 0.9)


@given(st.floats(0.5, 100), reach, reach, st.floats(0.5, 100), reach, reach)
@settings(max_examples=60)
def test_probabilities_are_ordered_and_follow_the_size(a, a_down, a_up, b, b_down, b_up):
    before, after = volume(a, a * (1 - a_down), a * (1 + a_up)), volume(b, b * (1 - b_down), b * (1 + b_up))
    chances = [probability_above(ratio, before, after) for ratio in (0.35, 1.0, 1.4)]
    assert 0 <= chances[2] <= chances[1] <= chances[0] <= 1
    larger = volume(2 * b, 2 * after.low, 2 * after.high)
    assert probability_above(1.4, before, larger) >= chances[2] - 1e-9


@given(st.floats(0.5, 100), reach)
def test_at_the_threshold_it_is_a_coin_toss(value, width):
    certain = volume(value, value, value)
    current = volume(1.4 * value, 1.4 * value * (1 - width), 1.4 * value * (1 + width))
    assert probability_above(1.4, certain, current) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "category"), [(0, "CR"), (0.2, "PR"), (0.35, "PR"), (0.36, "SD"), (1.0, "SD"), (1.39, "SD"), (1.4, "PD"), (5, "PD")]
)
def test_categories_by_volume(ratio, category):
    found = response(study(10, 9, 11), study(10 * ratio, 9 * ratio, 11 * ratio, measurable=int(ratio > 0)))
    assert (found.target, found.volume_category) == ("ET", category)
    assert found.percent == pytest.approx(100 * (ratio - 1))
    assert category in found.why
    if category in ("PR", "PD", "CR"):
        assert found.probability > 0.4
    assert found.progression + found.response <= 1 + 1e-9


@pytest.mark.parametrize(("ratio", "category"), [(0.5, "PR"), (0.51, "SD"), (1.24, "SD"), (1.25, "PD")])
def test_categories_by_product(ratio, category):
    assert response(study(10, product=400), study(10, product=400 * ratio)).product_category == category


def test_a_lesion_that_became_too_small_to_measure_is_a_partial_response_and_nothing_at_all_a_complete_one():
    before = study(10, product=400)
    assert response(before, study(0.3, measurable=0)).product_category == "PR"
    gone = response(before, study(0, measurable=0))
    assert (gone.product_category, gone.volume_category) == ("CR", "CR")


def test_a_doubtful_change_says_how_doubtful():
    found = response(study(10, 7, 13), study(15, 10, 21))
    assert found.volume_category == "PD"
    assert 0.3 < found.probability < 0.8
    rows = {m.name: m for m in found.measurements}
    assert rows["Volume change since the prior study"].value == pytest.approx(50)
    assert rows["Probability of progression since the prior study"].value == pytest.approx(100 * found.progression)


def test_without_intervals_there_is_a_category_but_no_probability():
    found = response(study(10), study(20))
    assert (found.volume_category, found.probability, found.progression) == ("PD", None, None)
    assert found.warnings == ("No probability of crossing the thresholds is given: one of the volumes has no interval.",)


def test_a_new_measurable_lesion_is_progression():
    found = response(study(0, 0, 1, measurable=0), study(4, 3, 5))
    assert (found.volume_category, found.product_category, found.probability) == ("PD", "PD", None)
    assert math.isnan(found.percent)
    assert "where there was none" in found.why
    json.dumps(found.to_dict(), allow_nan=False)


def test_more_measurable_lesions_are_pointed_out():
    found = response(study(10, 9, 11), study(10, 9, 11, measurable=2))
    assert found.volume_category == "SD"
    assert "There are 2 measurable lesions of the enhancing tumor, 1 before." in found.warnings[0]


def test_specks_that_were_never_measurable_get_no_category():
    found = response(study(0.1, 0.0, 0.3, 0, target="WT"), study(0.3, 0.1, 0.6, 0, target="WT"), "WT")
    assert (found.volume_category, found.product_category, found.probability) == ("", "", None)
    assert "No lesion of the whole tumor was measurable" in found.why


def test_a_prior_volume_of_zero_gives_no_percentage():
    rows = [volume(0, 0, 0)]
    found = response(rows, [volume(2, 1, 3)], "ET")
    assert found.volume_category == ""
    assert "had no enhancing tumor" in found.why


def test_the_whole_tumor_is_followed_where_nothing_enhances():
    def low_grade(value):
        return [*study(0, 0, 0.2, 0), *study(value, 0.9 * value, 1.1 * value, target="WT")]

    assert response(low_grade(50), low_grade(80)).target == "WT"
    appeared = [*study(3, 2, 4), *study(80, 70, 90, target="WT")]
    assert response(low_grade(50), appeared).target == "ET"
    with pytest.raises(InputError, match="Choose ET"):
        response(low_grade(50), low_grade(50), "TC")


def report(folder, measurements, module="glioma", uid="1.2.3"):
    path = folder / "report.json"
    inputs = [{"name": "t1ce", "uid": uid, "sha256": "", "patient": "5e88"}]
    path.write_text(json.dumps({"schema": 1, "module": module, "measurements": [m.to_dict() for m in measurements], "inputs": inputs}))
    return path


def test_against_a_report(tmp_path):
    path = report(tmp_path, study(10, 8, 12, product=300))
    found = against_prior(path, study(16, 14, 18, product=450))
    assert (found.volume_category, found.product_category) == ("PD", "PD")
    assert against_prior(tmp_path, study(16, 14, 18, product=450)) == found
    assert found.to_dict()["note"].endswith("no response assessment of a patient.")


def test_the_same_images_are_noticed(tmp_path):
    path = report(tmp_path, study(10, 8, 12))
    found = against_prior(path, study(10, 8, 12), inputs=[{"uid": "1.2.3", "sha256": ""}])
    assert "made from the same images" in found.warnings[-1]


def test_another_patient_is_refused(tmp_path):
    path = report(tmp_path, study(10, 8, 12))
    assert against_prior(path, study(10, 8, 12), inputs=[{"uid": "4.5.6", "patient": "5e88"}]).volume_category == "SD"
    with pytest.raises(InputError, match="is a report of another patient"):
        against_prior(path, study(10, 8, 12), inputs=[{"uid": "4.5.6", "patient": "ab12"}])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: report(folder, study(10), module="renal"), "report of the module renal, not of glioma"),
        (lambda folder: folder / "nothing.json", "cannot be read"),
        (lambda folder: _text(folder, "no json"), "is not a report of this version"),
        (lambda folder: _text(folder, '{"module": "glioma"}'), "is not a report of this version"),
        (lambda folder: _text(folder, "[1]"), "is not a report of this version"),
        (lambda folder: report(folder, []), "The prior report holds no volume of the whole tumor"),
    ],
)
def test_a_prior_that_cannot_be_used_gives_a_sentence(tmp_path, make, sentence):
    with pytest.raises(InputError, match=sentence):
        against_prior(
            make(tmp_path), [*study(10), *study(20, target="WT", measurable=0)] if sentence[-5:] != "tumor" else study(5, target="WT")
        )


def _text(folder, text):
    path = folder / "report.json"
    path.write_text(text)
    return path
