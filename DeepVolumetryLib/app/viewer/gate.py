"""Who may talk to the viewer: the browser that opened its address, on this computer, and nobody else."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_NAMES = (LOOPBACK, "localhost")


class Answer(Enum):
    """What becomes of a request."""

    LET_IN = "let in"
    GIVE_KEY = "give key"
    REFUSE = "refuse"


@dataclass
class Gate:
    """Lets in who has the key, and gives the key once, to who has the token of the address.

    The token stands in the address that the user opens. It is worth one visit: the browser gets the key as a cookie, which scripts of
    other pages cannot read, and from then on the token opens nothing, so that a history or a proxy log that keeps it gives nothing away.

    Attributes:
        port: of the server, known once it listens; 0 before.
    """

    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookie: str = field(default_factory=lambda: f"deepvolumetry_{secrets.token_hex(4)}")
    _is_spent: bool = False

    @property
    def url(self) -> str:
        """What the user opens."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str], cookies: Mapping[str, str]) -> Answer:
        """What becomes of a request.

        Args:
            path: of the request, "/" for the page.
            query: its parameters.
            headers: Host, and Origin where the browser says from which page the request comes.
            cookies: what the browser sent along.

        A Host other than this computer's own names is refused, though it leads here: a page elsewhere could have its name lead here and
        then read the answers. So is a request from a page that is not the viewer's own.
        """
        if not self._is_own(f"//{headers.get('Host', '')}"):
            return Answer.REFUSE
        origin = headers.get("Origin")
        if origin is not None and not self._is_own(origin):
            return Answer.REFUSE
        if hmac.compare_digest(cookies.get(self.cookie, "").encode(), self.key.encode()):
            return Answer.LET_IN
        has_token = hmac.compare_digest(query.get("token", "").encode(), self.token.encode())
        if path not in ("/", "/index.html") or not has_token or self._is_spent:
            return Answer.REFUSE
        self._is_spent = True
        return Answer.GIVE_KEY

    def _is_own(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
            return parts.scheme in ("", "http") and parts.hostname in _NAMES and parts.port == self.port
        except ValueError:
            return False
