"""The web server of the viewer: on the loopback address only, behind the gate, and gone when nobody looks any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ...errors import ResourceError
from .gate import LOOPBACK, Answer, Gate

if TYPE_CHECKING:
    from aiohttp import web

_REFUSED = "This address works once, in the browser that it was opened with. Start “deepvolumetry view” again for a new one.\n"
# Vue compiles the page's templates in the browser, which needs eval; nothing may be loaded from, or sent to, another machine.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; worker-src 'self' blob:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'none'"
)


def make_server() -> Any:
    """A trame server that listens to nobody yet.

    Raises:
        ResourceError: if the packages of the viewer are not installed.
    """
    try:
        import trame_slicer  # noqa: F401
        from trame.app import get_server
    except ImportError as error:
        raise ResourceError("The viewer needs trame-slicer. Install it with: pip install 'deepvolumetry[viewer]'") from error
    # trame and wslink read the command line and the environment on their own; a host from there would open the viewer to the network.
    sys.argv[1:] = []
    for name in [name for name in os.environ if name.startswith(("TRAME_", "WSLINK_"))]:
        del os.environ[name]
    os.environ["WSLINK_READY_MSG"] = ""  # what it prints goes to stdout, which is for results
    return get_server("deepvolumetry-viewer", client_type="vue3")


def run(server: Any, gate: Gate, port: int, close_after_s: int, on_ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, until the page says so, or until no browser has been there for a while.

    Args:
        server: from `make_server`, with a page.
        gate: who gets in.
        port: 0 for any free one.
        close_after_s: seconds without a browser.
        on_ready: called with the address once it can be opened.

    Raises:
        ResourceError: if the port is taken.
    """

    def bind(wslink_server: Any) -> None:
        wslink_server.config["host"] = LOOPBACK
        wslink_server.app.middlewares.append(guard(gate, wslink_server.get_port))

    def ready(**_state: Any) -> None:
        gate.port = server.port
        on_ready(gate.url)

    server.controller.on_server_bind.add(bind)
    server.controller.on_server_ready.add(ready)
    try:
        server.start(
            port=port, host=LOOPBACK, timeout=close_after_s, open_browser=False, show_connection_info=False, disable_logging=True,
            follow_symlinks=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise ResourceError(f"Port {port} cannot be used ({error.strerror}). Leave --port out, or name another one.") from error


def guard(gate: Gate, port: Callable[[], int]) -> Any:
    """aiohttp middleware that asks the gate about every request: page, static files and websocket alike."""
    from aiohttp import web

    @web.middleware
    async def ask(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        gate.port = gate.port or port()
        answer = gate.answer(request.path, request.query, request.headers, request.cookies)
        if answer is Answer.REFUSE:
            return web.Response(status=403, text=_REFUSED, headers={"Cache-Control": "no-store"})
        if answer is Answer.GIVE_KEY:
            response: web.StreamResponse = web.Response(status=303, headers={"Location": "/index.html", "Cache-Control": "no-store"})
            response.set_cookie(gate.cookie, gate.key, httponly=True, samesite="Lax", path="/")
            return response
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY.format(port=gate.port)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return ask
