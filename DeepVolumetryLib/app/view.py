"""``deepvolumetry view``: a study in the browser of this computer."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import typer

from ..errors import InputError
from .console import Terminal


def view(
    directory: Path = typer.Argument(Path(), metavar="[DIR]", help="Folder of a result, or one with images.", show_default=False),
    inputs: list[str] = typer.Option(
        [], "--input", "-i", metavar="NAME=PATH", help="Image of the result, where it is not in the folder.", show_default=False
    ),
    port: int = typer.Option(0, min=0, max=65535, help="Port on this computer; any free one if 0."),
    close_after: float = typer.Option(10.0, min=0.05, help="Minutes without a browser after which the viewer ends."),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the address in the browser, or only print it."),
) -> None:
    """Look at a study, review and correct it in the browser. Listens on this computer only."""
    from .viewer import server as web
    from .viewer.folder import OpenedFolder
    from .viewer.gate import Gate

    terminal = Terminal()
    folder, given = OpenedFolder(directory), named(inputs)
    server, gate = web.make_server(), Gate()
    from .viewer.page import build
    from .viewer.viewer import Viewer
    from .viewer.views import Views

    viewer = Viewer(server, Views(server), folder, given)

    @server.controller.set("close_viewer")
    async def close_viewer() -> None:
        viewer.close()
        await server.stop()

    @server.controller.set("export_file")
    def export_file(kind: str) -> object:
        content = viewer.export(kind)
        return None if content is None else server.protocol.addAttachment(content)

    build(viewer)
    if "." in folder.results():
        viewer.open_result(".", may_leave=True)
        if server.state.problem:
            raise InputError(server.state.problem)
        if server.state.message:
            terminal.note(server.state.message)

    def ready(url: str) -> None:
        print(url, flush=True)
        terminal.warn(["The address works once. End with Ctrl-C."])
        if browser:
            webbrowser.open(url)

    try:
        web.run(server, gate, port, max(1, round(60 * close_after)), ready)
    finally:
        viewer.close()


def named(texts: list[str]) -> dict[str, Path]:
    """Input -> file from ``NAME=PATH``.

    Raises:
        InputError: if a text is written differently, or there is no such file.
    """
    found = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not name:
            raise InputError(f"--input must look like volume=ct.nrrd, not “{text}”.")
        if not Path(path).exists():
            raise InputError(f"{name}: {path} was not found. Check the path.")
        found[name] = Path(path)
    return found
