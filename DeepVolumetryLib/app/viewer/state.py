"""What the page knows, and how a problem gets there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...errors import DeepVolumetryError

STATE: dict[str, Any] = {
    "problem": "", "message": "", "study": "", "warnings": [],
    "results": [], "images": [], "modules": [], "module": "renal", "inputs": [], "chosen": {}, "spacing": "", "speed": "",
    "running": False, "phase": "", "fraction": 0.0,
    "targets": [], "target": "", "overlay": True, "opacity": 0.6, "threshold": 20.0, "backgrounds": [], "background": "",
    "places": [], "place": -1, "summary": "", "zoom": True,
    "segments": [], "segment": "", "tool": "", "brush": 8.0, "sphere": False, "cutoff": 0.5, "missing": [], "solid": True,
    "can_undo": False, "can_redo": False,
    "table": {"columns": [], "lines": [], "verdicts": [], "level": ""}, "notes": [], "edits": 0, "sections": ["open"],
}  # fmt: skip


def telling(method: Callable[..., Any]) -> Callable[..., Any]:
    """A problem becomes a sentence on the page."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        self.state.problem = self.state.message = ""
        try:
            return method(self, *args, **keywords)
        except DeepVolumetryError as error:
            self.state.problem = str(error)
        except Exception as error:
            self.state.problem = f"This should not have happened ({type(error).__name__}: {error})."
        return None

    return call
