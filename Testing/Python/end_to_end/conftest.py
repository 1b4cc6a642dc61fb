"""A command line whose renal module is a toy without networks, and files to give to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The last line on stderr: what went wrong."""
        return self.err.strip().splitlines()[-1]


@pytest.fixture
def a_toy_module(monkeypatch):
    """The renal module replaced by one that needs no networks."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setitem(modules.MODULES, "renal", modules.ModuleEntry("renal", "RenalParenchyma", "toy_kidney"))


@pytest.fixture
def deepvolumetry(a_toy_module, capsys, monkeypatch, tmp_path):
    """Runs a command line in this process."""
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))

    def run(*arguments) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def deepvolumetry_process(tmp_path):
    """Runs a command line in a process of its own, as a user does; presses Ctrl-C when a file appears."""
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell's background jobs ignore it
        "import sys; from DeepVolumetryLib import modules; from DeepVolumetryLib.app.main import main;"
        "modules.MODULES['renal'] = modules.ModuleEntry('renal', 'RenalParenchyma', 'toy_kidney'); sys.exit(main())"
    )
    path = os.pathsep.join(map(str, (ROOT, ROOT / "RenalParenchyma", HERE)))

    def run(*arguments, interrupt_when: Path | None = None, **environment) -> Answer:
        variables = {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "DEEPVOLUMETRY_HOME": str(tmp_path / "home"), **environment}
        command = [sys.executable, "-c", start, *map(str, arguments)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=variables, cwd=tmp_path
        ) as process:
            deadline = time.monotonic() + 60
            while interrupt_when is not None and not interrupt_when.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            if interrupt_when is not None:
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        return Answer(process.returncode, out, err)

    return run


@pytest.fixture
def a_kidney_phantom(a_toy_module) -> Image:
    """A small CT with two kidneys of about 108 mL each."""
    from toy_kidney import demo

    return demo.study()["volume"]


@pytest.fixture
def a_kidney_file(a_kidney_phantom, tmp_path) -> Path:
    path = tmp_path / "ct.nrrd"
    write_volume(path, a_kidney_phantom)
    return path


@pytest.fixture
def a_reference_file(a_toy_module, tmp_path) -> Path:
    """Labels of the phantom: 1 left and 11 right parenchyma."""
    from toy_kidney import demo

    path = tmp_path / "reference.nrrd"
    write_volume(path, demo.reference()[0])
    return path


@pytest.fixture(scope="session")
def a_scheduler():
    """Address of a Dask scheduler with two workers in this process: quick to start, and what they load stays loaded from test to test."""
    import batch_toys
    import distributed

    from DeepVolumetryLib.app.batch import runner

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "protocol": "tcp", "host": "127.0.0.1"}
    with (
        pytest.MonkeyPatch.context() as patch,
        distributed.LocalCluster(**options, dashboard_address=":0") as cluster,
    ):
        patch.setenv("PYTHONPATH", batch_toys.PYTHONPATH)
        yield cluster.scheduler_address
        runner.close()


@pytest.fixture
def batch(a_scheduler, capsys, monkeypatch, tmp_path):
    """Runs ``deepvolumetry batch`` on that scheduler, with a toy that makes trouble; gives exit code, stdout and stderr."""
    import batch_toys

    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setitem(modules.MODULES, "renal", modules.ModuleEntry("renal", "RenalParenchyma", "toy_trouble"))
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", batch_toys.PYTHONPATH)

    def run(cohort, *arguments, out: Path = tmp_path / "out", scheduler: str = a_scheduler):
        capsys.readouterr()
        line = ["batch", str(cohort), "--out", str(out), "--scheduler", scheduler, *map(str, arguments)]
        code = main(line)
        return code, *capsys.readouterr()

    return run
