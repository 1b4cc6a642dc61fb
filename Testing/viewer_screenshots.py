"""Pictures of the viewer for the documentation: python Testing/viewer_screenshots.py RESULT [FOLDER] [--name NAME].

Opens a result folder, such as “deepvolumetry demo renal --out RESULT” writes, in headless Chromium and goes through the page. Writes
docs/screenshots/viewer-*.png, or into FOLDER.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SETTLE_S = 8.0
"""Without a graphics card the views need a while."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "screenshots")
    parser.add_argument("--name", default="", help="put before the names of the pictures, for another module")
    options = parser.parse_args()
    command = [sys.executable, "-m", "DeepVolumetryLib.app", "view", str(options.result), "--no-browser", "--close-after", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as viewer, sync_playwright() as playwright:
        url = viewer.stdout.readline().strip()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url)
        page.wait_for_selector("#measurements", timeout=120_000)
        _go_through(page, options.folder, options.name)
        browser.close()


def _go_through(page: Page, folder: Path, name: str) -> None:
    def keep(what: str) -> None:
        time.sleep(SETTLE_S)
        page.screenshot(path=str(folder / f"viewer-{name}{what}.png"))

    keep("open")
    page.click("#next")
    time.sleep(2)
    page.click("#looks-right")
    keep("review")
    page.click("#tool-paint")
    box = page.locator(".layout-grid-item").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    time.sleep(1)
    page.mouse.down()
    for step in range(10):
        page.mouse.move(x + 4 * step, y + 3 * step)
        time.sleep(0.2)
    page.mouse.up()
    keep("paint")
    page.click("text=Export")
    page.locator("#save").scroll_into_view_if_needed()
    keep("numbers")


if __name__ == "__main__":
    main()
