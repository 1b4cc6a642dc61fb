"""The texts say what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HIDDEN = re.compile(r"^[._]|^(build|dist|runs|demo-output|node_modules|venv)$")
TEXTS = sorted(path for path in ROOT.rglob("*.md") if not any(HIDDEN.match(part) for part in path.relative_to(ROOT).parts))


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(text):
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text.read_text(encoding="utf-8"))
    local = [target for pair in targets for target in pair if target and not re.match(r"[a-z]+:|#", target)]
    missing = [target for target in local if not (text.parent / target.partition("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("text", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_in_the_text_exist(text):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    mentioned = set(re.findall(r"(?:`|^)make ([a-z][\w-]*)", (ROOT / text).read_text(encoding="utf-8"), re.MULTILINE))
    assert mentioned and mentioned <= targets


def test_readme_names_both_commands_for_a_fresh_machine():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme and "make test" in readme
