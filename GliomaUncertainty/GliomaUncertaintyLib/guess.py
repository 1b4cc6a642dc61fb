"""Which sequence an image is, from what it is called and from its DICOM header.

Plain Python, so that the panel can ask while Slicer starts. A guess is told to the user, who can say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .labels import SEQUENCES

LEAST_CONFIDENCE = 0.4
"""Guesses below are not acted on."""


@dataclass(frozen=True)
class Guess:
    """What an image probably is.

    Attributes:
        sequence: one of ``SEQUENCES``, or "" if nothing can be said.
        confidence: 0 to 1.
        reason: what it was concluded from, for the user.
    """

    sequence: str = ""
    confidence: float = 0.0
    reason: str = ""


NOTHING = Guess()

_SUFFIX = re.compile(r"(\.(nii|nrrd|nhdr|mha|mhd|hdr|img|dcm|ima|seg|gz))+$")
_TREATMENT = re.compile(r"\b(pre|post) ?(op|surg|rt|xrt|radi|chemo|treat|tx)\w*")
_OTHER = re.compile(
    r"t2 ?(\*|star)|\b(dwi|dti|adc|diff\w*|trace\w*|swi|swan|gre|perf\w*|dsc|dce|asl|tof|mra|mrv|angio\w*|loc|locali[sz]er|scout|survey|"
    r"seg|segmentation|labels?|masks?|pd|stir|bold|fmri|rest|mapping|map|phase|"
    r"ciss|spectro\w*|mrs|csi|b ?1?0?00|ct|pet|subtr\w*|calib\w*)\b"
)
_FLAIR = re.compile(r"flair|dark ?fluid|\bt2f\b")
_MAYBE_FLAIR = re.compile(r"\btirm\b")
_T1_ENHANCED = re.compile(r"\bt1 ?w?i? ?(ce|c|gd|gad\w*|post\w*|contrast|enh\w*|km|c\+|\+c?)(?!\w)|\bct1w?\b")
_T1 = re.compile(r"\bt1(?![\d*])")
_T1_NATIVE = re.compile(r"\bt1n\b")
_T1_FAMILY = re.compile(r"\b(mp2?rage|i?r?f?spgr|bravo|vibe|tfl|tfl3d|3d ?tfe|flash|fl[23]d)")
_T2 = re.compile(r"\bt2(?![\d*])")
_CONTRAST = re.compile(
    r"\b(ce|c|gd|gad\w*|contrast|post\w*|enh\w*|km|kontrast\w*|gbca|dotarem|gadavist|magnevist|prohance|multihance)\b|\+"
)
_NO_CONTRAST = re.compile(
    r"\b(pre|native|nativ|plain|precontrast|unenhanced|noncontrast|(non|no|without|w o|wo|ohne) ?(c|ce|gd|gad\w*|contrast|km))\b"
)
_NUMBERED = re.compile(r"(?:^|\D)000([0-3])$")


def from_name(name: str) -> Guess:
    """The sequence that a file name, node name or series description speaks of.

    Args:
        name: with or without folder and suffix ("BraTS20_Training_001_t1ce.nii.gz").
    """
    words = _words(name)
    if _OTHER.search(words):
        return NOTHING
    called = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    sequence, confidence = _of_words(words)
    return Guess(sequence, confidence, f"its name “{called}”") if sequence else NOTHING


def from_dicom(tags: Mapping[str, str]) -> Guess:
    """The sequence that a DICOM header speaks of.

    Args:
        tags: by keyword, as text; what is missing is not used: SeriesDescription, ProtocolName, ContrastBolusAgent,
            InversionTime, EchoTime, RepetitionTime (ms), ScanningSequence, ImageType.
    """
    if "EP" in tags.get("ScanningSequence", "").split("\\") or "DERIVED" in tags.get("ImageType", "").split("\\")[:1]:
        words = _words(tags.get("SeriesDescription", ""))
        if not _FLAIR.search(words) and not _T1.search(words):
            return NOTHING
    told = [from_name(tags[key]) for key in ("SeriesDescription", "ProtocolName") if tags.get(key)]
    if any(_OTHER.search(_words(tags.get(key, ""))) for key in ("SeriesDescription", "ProtocolName")):
        return NOTHING
    weighting, sure = _weighting(tags)
    named = next((guess for guess in told if guess.sequence), NOTHING)
    enhanced = _agent(tags)
    if not named.sequence:
        sequence = "t1ce" if weighting == "t1" and enhanced else weighting
        return Guess(sequence, sure, "its echo, repetition and inversion times") if sequence else NOTHING
    sequence, confidence = named.sequence, named.confidence
    if sequence == "t1" and enhanced and not _NO_CONTRAST.search(_words(tags.get("SeriesDescription", ""))):
        return Guess("t1ce", 0.9, "its description and its contrast agent")
    if weighting and weighting != sequence.removesuffix("ce"):
        confidence = min(confidence, 0.5)
    return Guess(sequence, confidence, f"its description “{tags.get('SeriesDescription') or tags.get('ProtocolName')}”")


def guess(name: str, tags: Mapping[str, str] | None = None) -> Guess:
    """The better of what the name and the DICOM header say."""
    found = [from_dicom(tags or {}), from_name(name)]
    return max(found, key=lambda each: each.confidence)


def assign(names: Sequence[str], tags: Sequence[Mapping[str, str]] | None = None, taken: Sequence[str] = ()) -> dict[str, int]:
    """Which of several images is which sequence; each sequence and each image at most once.

    Args:
        names: of the images. Words that all of them share ("post" in post_op_t1, post_op_flair) say nothing.
        tags: their DICOM headers, see ``from_dicom``; in the same order.
        taken: sequences that need no image any more.

    Returns:
        Sequence -> position in ``names``, the surest guess first served.
    """
    headers = tags or [{}] * len(names)
    guesses = [guess(name, header) for name, header in zip(_told_apart(names), headers, strict=True)]
    order = sorted(range(len(names)), key=lambda position: (-guesses[position].confidence, position))
    found: dict[str, int] = {}
    for position in order:
        sequence = guesses[position].sequence
        if guesses[position].confidence >= LEAST_CONFIDENCE and sequence not in found and sequence not in taken:
            found[sequence] = position
    return {sequence: found[sequence] for sequence in SEQUENCES if sequence in found}


def _words(name: str) -> str:
    """The name without folder and suffix, in lower case, its parts divided by single spaces; + and * stay."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    plain = re.sub(r"[^a-z0-9+*]+", " ", _SUFFIX.sub("", last.lower())).strip()
    return _TREATMENT.sub("", plain)


def _of_words(words: str) -> tuple[str, float]:
    numbered = _NUMBERED.search(words)
    t1, t2 = _T1.search(words) or _T1_FAMILY.search(words), _T2.search(words)
    plain = bool(_NO_CONTRAST.search(words))
    if _FLAIR.search(words):
        # A T1-weighted FLAIR is a T1: its fluid is dark because of its short inversion time.
        if not _T1.search(words):
            return "flair", 0.95
        return ("t1ce", 0.7) if _CONTRAST.search(words) and not plain else ("t1", 0.7)
    if _MAYBE_FLAIR.search(words):
        return "flair", 0.6
    if _T1_NATIVE.search(words):
        return "t1", 0.95
    if _T1_ENHANCED.search(words) and not plain:
        return "t1ce", 0.95
    if t1 and t2:
        return "", 0.0
    if t1:
        if _CONTRAST.search(words) and not plain:
            return "t1ce", 0.85
        return "t1", 0.9 if plain else 0.8 if _T1.search(words) else 0.6
    if t2:
        return "t2", 0.9
    # nnU-Net's numbers, in the order of its BraTS sets; other sets count otherwise.
    return (SEQUENCES[int(numbered[1])], 0.5) if numbered else ("", 0.0)


def _weighting(tags: Mapping[str, str]) -> tuple[str, float]:
    """T1, T2 or FLAIR from the times of the pulse sequence, in ms."""
    echo, repetition, inversion = (_number(tags.get(key)) for key in ("EchoTime", "RepetitionTime", "InversionTime"))
    if echo is None or repetition is None:
        return "", 0.0
    if inversion and inversion >= 1500 and echo >= 50:
        return "flair", 0.85
    if echo >= 60 and repetition >= 1800 and not (inversion and inversion < 400):
        return "t2", 0.75
    gradient = "GR" in tags.get("ScanningSequence", "").split("\\")
    if echo <= 30 and (repetition <= 1000 or (gradient and inversion and 300 <= inversion <= 1300)):
        return "t1", 0.7
    return "", 0.0


def _agent(tags: Mapping[str, str]) -> bool:
    """True if the header names a contrast agent."""
    return tags.get("ContrastBolusAgent", "").strip().lower() not in ("", "none", "no", "n", "without", "na", "n/a", "0")


def _number(text: str | None) -> float | None:
    try:
        return float(str(text).split("\\")[0]) if text not in (None, "") else None
    except ValueError:
        return None


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names without the words that all have in common; unchanged where nothing would be left to go by."""
    if len(names) < 2:
        return list(names)
    parts = [_words(name).split() for name in names]
    shared = set(parts[0]).intersection(*parts[1:])
    return [" ".join(word for word in words if word not in shared) or name for name, words in zip(names, parts, strict=True)]
