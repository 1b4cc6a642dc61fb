"""Modal dialogs without a user: the test says beforehand what is answered; a dialog that nobody expects raises."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtWidgets import QDialog, QMessageBox


class UnexpectedDialog(AssertionError):
    """A modal dialog opened although the test did not say how to answer it."""


@dataclass
class ShownDialog:
    kind: str  # class or function that showed it, e.g. "QMessageBox.question"
    title: str
    text: str


@dataclass
class DialogScript:
    """The answers that a test gives, in order, and the dialogs that were shown.

    An answer is what the function returns (a button, a path, None); if it is callable it is called with the dialog, may
    fill it in, and returns that value.
    """

    answers: list = field(default_factory=list)
    shown: list[ShownDialog] = field(default_factory=list)

    def answer(self, *answers) -> None:
        self.answers += answers

    def ask(self, kind: str, title: str, text: str, dialog=None):
        self.shown.append(ShownDialog(kind, title, text))
        if not self.answers:
            raise UnexpectedDialog(f"{kind} opened: {title!r}: {text!r}")
        answer = self.answers.pop(0)
        return answer(dialog) if callable(answer) else answer

    def reset(self) -> None:
        self.answers, self.shown = [], []


script = DialogScript()


def _static(kind: str):
    def ask(parent=None, title: str = "", text: str = "", *_others, **_keywords):
        return script.ask(kind, title, text)

    return staticmethod(ask)


def _exec(real: QDialog):
    from .strict import wrap

    strict = wrap(real)
    text = real.text() if isinstance(real, QMessageBox) else ""
    answer = script.ask(strict.className(), real.windowTitle(), text, strict)
    if not isinstance(real, QMessageBox):
        real.done(int(answer))
    return answer


# Functions and methods that would wait for a user, by Qt class.
MODAL_FUNCTIONS = {
    "QMessageBox": ("question", "information", "warning", "critical", "about"),
    "QFileDialog": ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    "QInputDialog": ("getText", "getInt", "getDouble", "getItem", "getMultiLineText"),
    "QColorDialog": ("getColor",),
    "QFontDialog": ("getFont",),
}


def install(strict_class) -> None:
    """Replace what would block, in the strict classes."""
    for class_name, names in MODAL_FUNCTIONS.items():
        for name in names:
            type.__setattr__(strict_class(class_name), name, _static(f"{class_name}.{name}"))
    for name in ("exec", "exec_"):
        type.__setattr__(strict_class("QDialog"), name, lambda self: _exec(self._real))
    for class_name in ("QFileDialog", "QInputDialog", "QMessageBox", "QColorDialog", "QMenu"):
        for name in ("exec", "exec_"):
            type.__setattr__(strict_class(class_name), name, lambda self, *_position: _exec_any(self._real))


def _exec_any(real):
    from .strict import wrap

    if isinstance(real, QDialog):
        return _exec(real)
    strict = wrap(real)
    return script.ask(strict.className(), real.windowTitle(), "", strict)
