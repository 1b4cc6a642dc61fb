"""What someone gets who installs the package, and what keeps its parts apart."""

from __future__ import annotations

import ast
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.parent.name for path in ROOT.glob("*/*.py") if path.stem == path.parent.name)
PACKAGES = [ROOT / "DeepVolumetryLib", *(ROOT / module / f"{module}Lib" for module in MODULES)]

# Imported name -> name of the distribution, where they differ. What is None comes with Slicer or from this repository.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "SimpleITK": "simpleitk",
    "vtkmodules": "vtk",
    "mrml": "slicer-core",
    "slicer": "slicer-core",
    "skimage": "scikit-image",
    "undo_stack": "py-undo-stack",
    **dict.fromkeys(("qt", "ctk", "PyTorchUtils", "SampleData", "DICOMLib", "sitkUtils", "packaging", "DeepVolumetryLib")),
    **dict.fromkeys(path.name for path in PACKAGES),
}


@pytest.fixture(scope="module")
def the_project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def canonical(requirement: str) -> str:
    """Name of the distribution that a requirement asks for."""
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def imports(folder: Path) -> set[str]:
    """Top-level names that the files of a folder import, anywhere in them."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_every_import_is_a_declared_dependency(the_project, folder):
    extras = the_project["project"]["optional-dependencies"]
    declared = the_project["project"]["dependencies"] + extras["scene"] + extras["training"] + extras["batch"] + extras["viewer"]
    needed = {DISTRIBUTIONS.get(name, name.lower().replace("_", "-")) for name in imports(folder)} - {None}
    assert needed <= {canonical(requirement) for requirement in declared}


def test_every_dependency_is_pinned_for_the_tests(the_project):
    extras = the_project["project"]["optional-dependencies"].values()
    wanted = {canonical(requirement) for requirement in the_project["project"]["dependencies"] + [r for extra in extras for r in extra]}
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert all("==" in pin for pin in pins)
    assert wanted <= {canonical(pin) for pin in pins}
    assert "torch==2.13.0" in pins


@pytest.mark.parametrize("module", MODULES)
def test_slicer_is_asked_for_no_torch_and_no_exact_versions(module):
    """The PyTorch extension brings torch; an exact version would fight with other extensions in the same Python."""
    lines = (ROOT / module / "Resources" / module / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [line.partition("#")[0].strip() for line in lines]
    assert not [line for line in requirements if canonical(line) == "torch" or "==" in line]


def test_package_installs_the_library_of_every_module():
    listed = re.search(r"^MODULES = (\(.*?\))$", (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(ast.literal_eval(listed.group(1))) == MODULES


def test_a_wheel_holds_models_codes_and_colors_where_the_libraries_look(tmp_path):
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    shared = [ROOT / "Resources" / name for name in ("ColorTables", "Terminologies")]
    own = [ROOT / module / "Resources" / name for module in MODULES for name in ("Models", module)]
    wanted = {
        path.relative_to(next(p for p in path.parents if p.name == "Resources")) for top in [*shared, *own] for path in top.rglob("*.*")
    }
    built = {path.relative_to(tmp_path / "Resources") for path in (tmp_path / "Resources").rglob("*")}
    assert wanted - built == set()


def test_no_layer_is_without_import_rules(the_project):
    """Only what has no rule by design is missing: the panel may import everything, `modules` is a table."""
    ruled = {name for contract in the_project["tool"]["importlinter"]["contracts"] for name in contract["source_modules"]}
    parts = {f"DeepVolumetryLib.{path.stem}" for path in (ROOT / "DeepVolumetryLib").iterdir() if path.suffix == ".py" or path.is_dir()}
    libraries = {path.name for path in PACKAGES[1:]}
    free = {f"DeepVolumetryLib.{name}" for name in ("__init__", "__pycache__", "modules", "panel")}
    assert ruled >= (parts | libraries) - free


def test_extension_index_entry_has_what_the_index_asks_for():
    entry = json.loads((ROOT / "DeepVolumetry.json").read_text(encoding="utf-8"))
    known = {"$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert set(entry) <= known | {"dicom_support_rule"}
    assert entry["category"] == "Quantification"
    assert entry["build_dependencies"] == ["PyTorch"]
    assert Path(entry["scm_url"]).name.startswith("Slicer")


def test_extension_icon_is_a_square_png():
    header = (ROOT / "DeepVolumetry.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:]) == (128, 128)
