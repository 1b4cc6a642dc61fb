"""slicer.packaging without the network: the test says which packages are missing, installing only writes that down."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import slicer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass
class PackageState:
    """What a test sets and looks at."""

    missing: set[str] = field(default_factory=set)
    installed: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.missing, self.installed = set(), []

    def install(self, requirements: list[str]) -> None:
        self.installed += requirements
        self.missing -= {canonicalize_name(Requirement(text).name) for text in requirements if not text.startswith("-")}


state = PackageState()


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def _to_requirements(requirements) -> list[Requirement]:
    if isinstance(requirements, str):
        requirements = requirements.split()
    elif isinstance(requirements, Requirement):
        requirements = [requirements]
    return [item if isinstance(item, Requirement) else Requirement(item) for item in requirements]


def pip_check(req) -> bool:
    return not any(canonicalize_name(r.name) in state.missing for r in _to_requirements(req))


def pip_install(
    requirements,
    constraints=None,
    no_deps_requirements=None,
    skip_packages=None,
    blocking=True,
    show_progress=True,
    requester=None,
    logCallback=None,
    completedCallback=None,
):
    state.install([str(item) for item in (requirements.split() if isinstance(requirements, str) else requirements)])
    if completedCallback:
        completedCallback(0)
    return [] if skip_packages else None


def pip_uninstall(requirements, blocking=True, logCallback=None, completedCallback=None) -> None:
    raise NotImplementedError("slicer.packaging.pip_uninstall: no panel needed it yet")


def isPipInstallInProgress() -> bool:
    return False


def pip_ensure(
    requirements,
    constraints=None,
    skip_packages=None,
    prompt_install=True,
    prompt_restart=True,
    requester=None,
    skip_in_testing=True,
    show_progress=True,
):
    """Asks once if something is missing; RuntimeError if the user declines."""
    missing = [str(r) for r in _to_requirements(requirements) if not pip_check(r)]
    if not missing:
        return None
    if prompt_install:
        title = f"{requester} - Install Python Packages" if requester else "Install Python Packages"
        text = f"{len(missing)} Python packages need to be installed.\n\nThis will modify Slicer's Python environment. Continue?"
        if not slicer.util.confirmOkCancelDisplay(text, title, detailedText="\n".join(f"- {m}" for m in missing)):
            raise RuntimeError("User declined package installation")
    return pip_install(missing, constraints=constraints, skip_packages=skip_packages, requester=requester)


def replacement_of_util_pip_install(requirements) -> None:
    """For slicer.util.pip_install, which would run pip for real."""
    state.install(requirements.split() if isinstance(requirements, str) else list(requirements))
