"""``deepvolumetry view`` in a real browser, without a window: what a colleague without Slicer does, and what nobody may do.

Runs where Chromium and the packages of the viewer are; set VIEWER_PICTURES to a folder to keep what was seen.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
pytest.importorskip("trame_slicer", reason="the viewer is not installed: pip install 'deepvolumetry[viewer]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'deepvolumetry[viewer-tests]'")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; on Debian: apt-get install chromium"),
    pytest.mark.timeout(600),
]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "import sys; from DeepVolumetryLib import modules; from DeepVolumetryLib.app.main import main;"
    "modules.MODULES['renal'] = modules.ModuleEntry('renal', 'RenalParenchyma', 'toy_kidney'); sys.exit(main())"
)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WAIT_MS = 120_000
VOLUMES = "#measurements tr:has-text('Volume')"


def start(*arguments, cwd: Path) -> subprocess.Popen:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "RenalParenchyma", HERE)))
    variables = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUTF8": "1",
        "DEEPVOLUMETRY_HOME": str(cwd / "home"),
        "TRAME_DEFAULT_HOST": "0.0.0.0",
        "TOY_WAITS": str(cwd / "wait"),
    }
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=variables, cwd=cwd)


@pytest.fixture(scope="module")
def a_result(tmp_path_factory) -> Path:
    """A folder with an image and its result, and a result beside it that nobody opened."""
    top = tmp_path_factory.mktemp("viewer")
    code = (
        f"import sys; sys.path[:0] = [{str(HERE)!r}]; from toy_kidney import demo; from DeepVolumetryLib.image_io import write_volume;"
        "from pathlib import Path; Path('study').mkdir(); write_volume(Path('study/ct.nrrd'), demo.study()['volume'])"
    )
    path = os.pathsep.join(map(str, (ROOT, ROOT / "RenalParenchyma")))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=top, env={**os.environ, "PYTHONPATH": path})
    made = start("segment", "renal", "--input", "study/ct.nrrd", "--out", "study", "--quiet", cwd=top)
    _out, err = made.communicate(timeout=120)
    assert made.returncode == 0, err
    shutil.copytree(top / "study", top / "other")
    return top / "study"


@pytest.fixture(scope="module")
def a_viewer(a_result):
    """The address of a running viewer, which ends cleanly when Ctrl-C is pressed."""
    process = start("view", a_result, "--no-browser", "--close-after", "5", cwd=a_result.parent)
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), process.stderr.read()
    yield url
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert out == ""


@pytest.fixture(scope="module")
def a_page(a_viewer):
    """The page with the result, in a browser that has used up the address."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(a_viewer)
        page.wait_for_selector("#measurements", timeout=WAIT_MS)
        page.wait_for_function("document.querySelectorAll('.display-area img, .display-area canvas').length >= 4", timeout=WAIT_MS)
        yield page
        browser.close()


def keep(page, name: str) -> None:
    folder = os.environ.get("VIEWER_PICTURES")
    if folder:
        time.sleep(3)  # let the views settle
        page.screenshot(path=str(Path(folder) / f"viewer-{name}.png"))


def volumes(page) -> list[float]:
    """Right, left and total volume of the kidneys, then of their parenchyma, as they stand in the table."""
    rows = page.locator(VOLUMES).all()
    texts = (text.split() for row in rows for text in row.locator("td").all_inner_texts()[1:])
    return [float(words[0]) for words in texts if words]


def wait_for_volumes(page, is_right) -> list[float]:
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline:
        if is_right(found := volumes(page)):
            return found
        time.sleep(0.2)
    raise AssertionError(f"the table still shows {volumes(page)}")


def ask(url: str, path: str, headers: dict[str, str] | None = None, host: str | None = None) -> tuple[int, bytes]:
    """A request as nobody's browser would make it: the path goes out as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or urlsplit(url).netloc)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read()


def unfold(page, title: str, inside: str) -> None:
    """Open a part of the page, unless it is open; one that is folding up is still to be seen, but says that it is closed."""
    heading = page.locator(f".v-expansion-panel-title:has-text('{title}')")
    if heading.get_attribute("aria-expanded") != "true":
        heading.click()
    page.wait_for_selector(inside, timeout=WAIT_MS)


def view_at(page, index: int):
    return page.locator(".layout-grid-item").nth(index).bounding_box()


def picture_of(page, index: int) -> bytes:
    return page.screenshot(clip=view_at(page, index))


def test_a_study_is_opened_scrolled_and_reviewed(a_page):
    page = a_page
    assert "study" in page.inner_text("#study")
    right, left, total = volumes(page)[:3]
    assert total == pytest.approx(right + left, abs=1.5)
    keep(page, "open")
    box = view_at(page, 0)
    before = picture_of(page, 0)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(4):
        page.mouse.wheel(0, -120)
        time.sleep(0.1)
    deadline = time.monotonic() + 60
    while picture_of(page, 0) == before and time.monotonic() < deadline:
        time.sleep(0.3)
    assert picture_of(page, 0) != before
    places = page.locator("#places tr").count()
    assert page.inner_text("#summary").startswith(f"0 of {places} places reviewed")
    page.click("#next")
    page.wait_for_selector("#places tr.dv-current", timeout=WAIT_MS)
    page.click("#looks-right")
    page.wait_for_function("document.querySelector('#summary').innerText.startsWith('1 of')", timeout=WAIT_MS)
    assert "looks right" in page.locator("#places tr").first.inner_text()
    assert page.locator("#places tr").nth(1).get_attribute("class") == "dv-current"
    page.click("#take-back")
    page.wait_for_function("document.querySelector('#summary').innerText.startsWith('0 of')", timeout=WAIT_MS)
    assert page.locator("#places tr").first.get_attribute("class") == "dv-current"
    page.click("#looks-right")
    page.wait_for_function("document.querySelector('#summary').innerText.startsWith('1 of')", timeout=WAIT_MS)
    keep(page, "review")


def test_paint_changes_the_table_and_undo_brings_it_back(a_page):
    page = a_page
    before = volumes(page)
    page.click("#tool-paint")
    box = view_at(page, 0)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    time.sleep(1)
    page.mouse.down()
    for step in range(1, 13):
        page.mouse.move(x + 8 * step, y + 6 * step)
        time.sleep(0.1)
    page.mouse.up()
    after = wait_for_volumes(page, lambda found: found != before)
    assert sum(after) > sum(before)
    keep(page, "paint")
    page.click("#undo")
    wait_for_volumes(page, lambda found: found == before)
    page.click("#redo")
    wait_for_volumes(page, lambda found: found == after)
    page.click("#tool-look")


def test_numbers_report_and_pdf_are_exported(a_page, tmp_path):
    page = a_page
    unfold(page, "Export", "#export-csv")
    files = {}
    for kind in ("csv", "json", "pdf"):
        with page.expect_download(timeout=WAIT_MS) as waiting:
            page.click(f"#export-{kind}")
        files[kind] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[kind])
    assert files["csv"].name == "measurements.csv"
    shown = volumes(page)[2]
    (row,) = [line.split(",") for line in files["csv"].read_text(encoding="utf-8").splitlines() if line.startswith("total_kidney,Volume")]
    assert float(row[2]) == pytest.approx(shown, abs=1)
    report = json.loads(files["json"].read_text(encoding="utf-8"))
    assert report["inputs"][0]["path"] == "study/ct.nrrd"
    assert report["review"][0]["reviewed"] == "looks_right"
    assert report["edited_segments"]
    pdf = files["pdf"].read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.count(b"/Height 480") >= 2  # drawn by Slicer's views; matplotlib's are not so high
    keep(page, "export")


def test_everything_is_saved_beside_the_result_which_stays(a_page, a_result):
    before = (a_result / "segmentation.seg.nrrd").read_bytes()
    a_page.click("#save")
    a_page.wait_for_selector("#message:has-text('Saved in')", timeout=WAIT_MS)
    assert json.loads((a_result / "reviewed" / "report.json").read_text(encoding="utf-8"))["edited_segments"]
    assert (a_result / "segmentation.seg.nrrd").read_bytes() == before


def test_a_path_out_of_the_folder_is_refused_whatever_the_page_says(a_page, a_result):
    assert (a_result.parent / "other" / "report.json").is_file()
    unfold(a_page, "Open and segment", "#segment")
    a_page.evaluate("window.trame.state.set('results', ['../other'])")
    a_page.click("button:has-text('../other')")
    a_page.wait_for_selector("#problem:has-text('outside of the opened folder')", timeout=WAIT_MS)
    assert a_page.locator("#measurements").count() == 1  # what was shown stays


def test_a_module_runs_on_an_image_of_the_folder(a_page):
    page = a_page
    unfold(page, "Open and segment", "#segment")
    page.evaluate("window.trame.state.set('chosen', {volume: 'ct.nrrd'})")
    page.click("#segment")
    page.wait_for_selector("#cancel", timeout=WAIT_MS)
    page.wait_for_selector("#measurements", timeout=WAIT_MS)
    assert page.inner_text("#study").startswith("ct.nrrd")
    assert page.inner_text("#summary").startswith("0 of")
    keep(page, "segment")


def test_a_run_can_be_cancelled(a_page, a_result):
    page, waits = a_page, a_result.parent / "wait"
    unfold(page, "Open and segment", "#segment")
    waits.touch()
    try:
        page.click("#segment")
        page.wait_for_selector("#cancel", timeout=WAIT_MS)
        time.sleep(1)
        assert page.locator("#measurements").count() == 0
        page.click("#cancel")
        page.wait_for_selector("#segment", timeout=WAIT_MS)
    finally:
        waits.unlink()
    assert page.locator("#problem").count() == 0
    assert "ancelled" in page.inner_text("#message")


def test_nothing_is_asked_of_another_machine(a_page, a_viewer):
    own = urlsplit(a_viewer).netloc
    assert {urlsplit(url).netloc for url in a_page.asked if not url.startswith(("data:", "blob:"))} == {own}


def test_requests_without_the_key_are_refused(a_page, a_viewer):
    token = parse_qs(urlsplit(a_viewer).query)["token"][0]
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    script = next(urlsplit(url).path for url in a_page.asked if url.endswith(".js"))
    for path, headers in (
        ("/", {}),
        ("/index.html", {}),
        (script, {}),
        ("/ws", upgrade),
        (f"/?token={token}", {}),
        (f"/ws?token={token}", upgrade),
    ):
        status, body = ask(a_viewer, path, headers)
        assert status == 403, path
        assert b"This address works once" in body


def test_with_the_key_no_path_leads_out(a_page, a_viewer):
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in a_page.context.cookies())
    assert ask(a_viewer, "/index.html", {"Cookie": cookies})[0] == 200
    assert ask(a_viewer, "/index.html", {"Cookie": cookies}, host="evil.example")[0] == 403
    assert ask(a_viewer, "/index.html", {"Cookie": cookies, "Origin": "https://evil.example"})[0] == 403
    for path in (
        "/../../../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/ct.nrrd",
    ):
        status, body = ask(a_viewer, path, {"Cookie": cookies})
        assert status in (400, 403, 404), path
        assert b"root:" not in body


def test_it_listens_on_this_computer_only(a_page, a_viewer):
    """Though the environment asks trame for every address."""
    port = urlsplit(a_viewer).port
    outward = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in outward:
        if not address.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=5).close()
    listening = Path("/proc/net/tcp").read_text(encoding="utf-8") if Path("/proc/net/tcp").exists() else ""
    bound = re.findall(rf" ([0-9A-F]{{8}}):{port:04X} 00000000:0000 0A", listening)
    assert set(bound) <= {"0100007F"}


def test_a_viewer_that_nobody_looks_at_ends(a_result):
    process = start("view", a_result, "--no-browser", "--close-after", "0.05", cwd=a_result.parent)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.startswith("http://127.0.0.1:")
