"""Say which system libraries the scene and panel tests lack, and install them where that is possible without asking.

Usage: python Testing/check_system_libraries.py [--install]

Qt and VTK load a few libraries (EGL, OpenGL, xkbcommon, fontconfig) and a font from the system. The packages that bring them
to Debian and Ubuntu are listed in Testing/apt-packages.txt. With --install they are installed by apt-get if this runs as
root; otherwise one sentence says what to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE_LIST = Path(__file__).parent / "apt-packages.txt"

# Each runs in a process of its own: a missing library may end the process instead of raising.
PROBES = {
    "Qt": (
        "from PySide6.QtGui import QFontDatabase\n"
        "from PySide6.QtWidgets import QApplication\n"
        "application = QApplication([])\n"
        "assert QFontDatabase.families(), 'no font is installed'\n"
    ),
    "VTK": (
        "from vtkmodules import vtkRenderingOpenGL2\n"
        "from vtkmodules.vtkRenderingCore import vtkRenderWindow\n"
        "window = vtkRenderWindow()\n"
        "window.SetOffScreenRendering(1)\n"
        "window.Render()\n"
    ),
}


def problems() -> dict[str, str]:
    """What keeps Qt or VTK from working here: name -> the error that it reports."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    found = {}
    for name, code in PROBES.items():
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
        if run.returncode:
            lines = [line for line in run.stderr.splitlines() if "Error" in line]
            found[name] = lines[-1] if lines else f"the process ended with {run.returncode}"
    return found


def packages() -> list[str]:
    """Names of the Debian packages, without comments."""
    lines = (line.partition("#")[0] for line in PACKAGE_LIST.read_text(encoding="utf-8").splitlines())
    return [name for line in lines for name in line.split()]


def may_install() -> bool:
    """Root on a machine with apt-get."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing system libraries for the tests: {' '.join(packages())}", flush=True)
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=True, stdin=subprocess.DEVNULL)
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages()]
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)


def main() -> int | str:
    missing = problems()
    if missing and "--install" in sys.argv[1:] and may_install():
        install()
        missing = problems()
    if not missing:
        return 0
    reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    return (
        f"System libraries that the tests need are missing ({reasons}). On Debian or Ubuntu run\n"
        f"  sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages())}\n"
        f"and try again; on other systems install Mesa (EGL and OpenGL), libxkbcommon, fontconfig and a font."
    )


if __name__ == "__main__":
    sys.exit(main())
