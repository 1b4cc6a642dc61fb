"""The sample reports of the documentation: python Testing/sample_reports.py [renal] [glioma] [spleen] [femur].

Segments the phantom of a module as `deepvolumetry demo` does, and writes docs/sample-report-<module>.pdf and a picture of its first page.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pypdfium2  # noqa: E402

from DeepVolumetryLib.app.main import main  # noqa: E402
from DeepVolumetryLib.image_io import write_volume  # noqa: E402
from DeepVolumetryLib.modules import find  # noqa: E402

FACTS = {
    "renal": ("--age", "61", "--sex", "male", "--height", "178", "--weight", "82", "--creatinine", "1.1"),
    "glioma": (),
    "spleen": ("--age", "43", "--sex", "male", "--height", "181"),
    "femur": ("--phantom", "qrm_bdc_3", "--contrast", "no", "--strength", "fall"),
}
SCALE = 1.15


def write(module: str, scratch: Path) -> None:
    """One report and the picture of its first page."""
    inputs = []
    for name, image in find(module).submodule("demo").study(0).items():
        write_volume(scratch / f"{name}.nrrd", image)
        inputs += ["--input", f"{name}={scratch / name}.nrrd"]
    label = "Sample: a synthetic patient"
    arguments = ["segment", module, *inputs, "--out", str(scratch / "out"), "--pdf", "--label", label, "--device", "cpu", *FACTS[module]]
    if main([*arguments, "--quiet"]):
        raise SystemExit(f"{module} could not be segmented")
    pdf = ROOT / "docs" / f"sample-report-{module}.pdf"
    shutil.copyfile(scratch / "out" / "report.pdf", pdf)
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=SCALE).to_pil()
    page.save(pdf.with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or list(FACTS):
        with tempfile.TemporaryDirectory() as folder:
            write(chosen, Path(folder))
