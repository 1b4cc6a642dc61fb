"""Python packages that the models need: asked for once, at first use, never when Slicer starts."""

from __future__ import annotations

from importlib import metadata, util
from pathlib import Path
from subprocess import CalledProcessError

import slicer
from slicer.i18n import tr as _

from ..errors import InputError

TORCH_REQUIREMENT = ">=2.4"
REPORT_REQUIREMENTS = Path(__file__).resolve().parent.parent / "report" / "requirements.txt"


def ensure(requirements: Path, requester: str) -> None:
    """Install what is missing, with the user's consent.

    Args:
        requirements: requirements.txt of the module; PyTorch is not listed in it.
        requester: name of the module, for the question.

    Raises:
        InputError: if something is still missing; the sentence says what to do.
    """
    _ensureTorch(requester)
    ensurePackages(requirements, requester, _("Segment"))


def ensurePackages(requirements: Path, requester: str, button: str) -> None:
    """As `ensure`, without PyTorch.

    Args:
        button: what to press again when something went wrong.
    """
    try:
        if hasattr(slicer, "packaging") or util.find_spec("slicer.packaging"):
            import slicer.packaging as packaging  # panel-check: ignore

            packaging.pip_ensure(packaging.load_requirements(requirements), requester=requester)
        else:
            _ensureWithPip(requirements, requester)
    except CalledProcessError as error:
        failed = _("Installing Python packages failed (code {code}). Check the internet connection and press {button} again.")
        raise InputError(failed.format(code=error.returncode, button=button)) from error
    except RuntimeError as error:
        declined = _("{module} needs Python packages that were not installed. Press {button} again to install them.")
        raise InputError(declined.format(module=requester, button=button)) from error


def _ensureTorch(requester: str) -> None:
    """PyTorch comes from the PyTorch extension, which picks the build for this computer's graphics card."""
    if util.find_spec("torch"):
        return
    try:
        import PyTorchUtils
    except ImportError:
        missing = _("{module} needs PyTorch. Install the extension “PyTorch” in the Extensions Manager and restart Slicer.")
        raise InputError(missing.format(module=requester)) from None
    if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=TORCH_REQUIREMENT) is None:
        raise InputError(_("{module} needs PyTorch. Press Segment again to install it.").format(module=requester))


def _ensureWithPip(requirements: Path, requester: str) -> None:
    """For Slicer before 5.11, which has no slicer.packaging."""
    missing = [line for line in _requirementLines(requirements) if not _isSatisfied(line)]
    if not missing:
        return
    question = _("{module} needs these Python packages:\n\n{packages}\n\nInstall them now?")
    if not slicer.util.confirmOkCancelDisplay(question.format(module=requester, packages="\n".join(missing)), requester):
        raise RuntimeError("declined")
    slicer.util.pip_install(missing)


def _requirementLines(path: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _isSatisfied(line: str) -> bool:
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return metadata.version(requirement.name) in requirement.specifier
    except metadata.PackageNotFoundError:
        return False
