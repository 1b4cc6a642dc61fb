"""What the CMake lists would put into an installed extension."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.parent.name for path in ROOT.glob("*/*.py") if path.stem == path.parent.name)


def cmake() -> str:
    """The cmake of this environment (it may be newer than the system's)."""
    found = shutil.which("cmake", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        pytest.fail("cmake is missing; install the test requirements (make test does)")
    return found


@pytest.fixture(scope="module")
def an_extension_build(tmp_path_factory):
    """What the lists ask Slicer to build: kind -> name -> values."""
    record = tmp_path_factory.mktemp("cmake") / "record"
    script = Path(__file__).with_name("record_extension.cmake")
    run = subprocess.run([cmake(), "-D", f"ROOT={ROOT}", "-D", f"RECORD={record}", "-P", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    build = defaultdict(lambda: defaultdict(list))
    for line in record.read_text(encoding="utf-8").splitlines():
        kind, name, value = line.split("|", 2)
        build[kind][name].append(value)
    return build


def files_in(*folders: Path) -> set[str]:
    """Every file that an installation needs, relative to the repository."""
    paths = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    ours = (path for path in paths if path.name != "CMakeLists.txt" and "__pycache__" not in path.parts and not path.name.startswith("."))
    return {path.relative_to(ROOT).as_posix() for path in ours}


def listed(build, name: str) -> list[str]:
    return [Path(value).resolve().relative_to(ROOT).as_posix() for kind in ("script", "resource") for value in build[kind][name]]


def test_extension_is_described_and_depends_on_the_pytorch_extension(an_extension_build):
    extension = an_extension_build["extension"]
    assert list(an_extension_build["project"]) == ["DeepVolumetry"]
    assert extension["DEPENDS"] == ["PyTorch"]
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS"):
        assert extension[name], name
    assert an_extension_build["packaged"], "the extension is never packaged"


def test_every_file_of_the_shared_library_reaches_an_installed_slicer(an_extension_build):
    assert sorted(listed(an_extension_build, "DeepVolumetryLib")) == sorted(files_in(ROOT / "DeepVolumetryLib"))


def test_shared_library_is_installed_beside_the_modules_as_a_package(an_extension_build):
    assert an_extension_build["destination"]["DeepVolumetryLib"] == ["lib/Slicer/qt-scripted-modules/DeepVolumetryLib"]


def test_codes_and_colors_that_the_modules_share_are_installed_where_the_library_looks(an_extension_build):
    from DeepVolumetryLib.image_io.terminology import RESOURCES

    shared = files_in(RESOURCES)
    modules = "lib/Slicer/qt-scripted-modules"
    installed = {Path(file).relative_to(ROOT).as_posix(): folder for file, (folder,) in an_extension_build["installed"].items()}
    assert installed == {file: f"{modules}/{Path(file).parent.as_posix()}" for file in shared}
    copied = {Path(file).relative_to(ROOT).as_posix(): Path(target).as_posix() for file, (target,) in an_extension_build["copied"].items()}
    assert all(copied[file].endswith(f"{modules}/{file}") for file in shared)
    of_modules = {Path(*Path(file).parts[1:]).as_posix() for module in MODULES for file in listed(an_extension_build, module)}
    assert not shared & of_modules  # the Resources of modules are merged into the same folder


def test_every_module_is_built(an_extension_build):
    assert MODULES and sorted(an_extension_build["module"]) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_every_file_of_a_module_reaches_an_installed_slicer(an_extension_build, module):
    folder = ROOT / module
    wanted = files_in(folder / f"{module}Lib", folder / "Resources") | {f"{module}/{module}.py"}
    assert sorted(listed(an_extension_build, module)) == sorted(wanted)


def test_no_two_files_are_installed_in_the_same_place(an_extension_build):
    """The Resources of all modules are merged into one folder when installed."""
    places = [Path(*Path(file).parts[1:]) for module in MODULES for file in listed(an_extension_build, module)]
    assert len(places) == len(set(places))


def test_self_tests_inside_slicer_are_registered(an_extension_build):
    scripts = {Path(name).name for name in an_extension_build["test"]}
    expected = {f"{module}.py" for module in MODULES} | {path.name for path in (ROOT / "Testing" / "Slicer").glob("*Test.py")}
    assert scripts == expected
