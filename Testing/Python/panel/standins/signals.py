"""Connecting Python functions to signals the way PythonQt does, and keeping what they raise for the test to see."""

from __future__ import annotations

import functools
import sys
import traceback
import types
from dataclasses import dataclass, field

import shiboken6
from PySide6.QtCore import SIGNAL, QObject

from . import facts


@dataclass
class SlotErrors:
    """Exceptions that left a slot or a timer. Qt swallows them; a test must not."""

    errors: list[BaseException] = field(default_factory=list)

    def record(self, error: BaseException) -> None:
        traceback.print_exception(error, file=sys.stderr)
        self.errors.append(error)

    def raise_first(self) -> None:
        errors, self.errors = self.errors, []
        if errors:
            raise errors[0]


slot_errors = SlotErrors()


def accepted_arguments(function) -> int | None:
    """How many arguments PythonQt passes at most; None if all. Parameters with a default count, as in PythonQt."""
    if isinstance(function, types.MethodType) and isinstance(function.__func__, types.FunctionType):
        code, bound = function.__func__.__code__, 1
    elif isinstance(function, types.FunctionType):
        code, bound = function.__code__, 0
    else:
        return None
    takes_any_number = bool(code.co_flags & 0x04)
    return None if takes_any_number else code.co_argcount - bound


def guarded(function):
    """The function as Qt may call it: surplus arguments dropped, Qt objects wrapped, exceptions recorded."""
    from .strict import unwrap, wrap

    limit = accepted_arguments(function)

    @functools.wraps(function, updated=())
    def call(*arguments):
        try:
            return unwrap(function(*(wrap(a) for a in arguments[:limit])))
        except Exception as error:
            slot_errors.record(error)
            return None

    return call


def _connections(real: QObject) -> dict[str, list]:
    if not hasattr(real, "_strict_connections"):
        real._strict_connections = {}
    return real._strict_connections


def _is_qt_signal(real: QObject, signature: str) -> bool:
    return facts.is_qt_signal(facts.class_name(real), signature)


def connect(real: QObject, signature: str, function) -> bool:
    if not callable(function):
        raise TypeError(f"cannot connect '{signature}' to {function!r}, which is not callable")
    call = guarded(function)
    if _is_qt_signal(real, signature):
        QObject.connect(real, SIGNAL(signature), call)
    _connections(real).setdefault(signature, []).append((function, call))
    return True


def disconnect(real: QObject, signature: str, function=None) -> bool:
    """Undo one connection of the function, or all of the signal's if no function is given."""
    known = _connections(real).get(signature, [])
    for pair in list(known):
        if function is None or pair[0] == function:
            known.remove(pair)
            if _is_qt_signal(real, signature):
                QObject.disconnect(real, SIGNAL(signature), pair[1])
            if function is not None:
                return True
    return function is None


def emit(real: QObject, signature: str, *arguments) -> None:
    """Emit a signal of a Slicer or CTK class, which its stand-in cannot declare to Qt because it carries VTK objects."""
    if not shiboken6.isValid(real) or real.signalsBlocked():
        return
    for _, call in list(_connections(real).get(signature, [])):
        call(*arguments)


class StrictSignal:
    """What `button.clicked` is: something to connect, to disconnect, or to call in order to emit."""

    def __init__(self, owner, name: str):
        self._owner = owner
        self._name = name
        class_name = type(owner)._slicer_name
        self._signatures = [s for s in facts.signatures(class_name, "signals") if facts.method_name(s) == name]

    def connect(self, function) -> bool:
        return connect(self._owner._real, self._signatures[0], function)

    def disconnect(self, function=None) -> bool:
        return disconnect(self._owner._real, self._signatures[0], function)

    def emit(self, *arguments) -> None:
        from .strict import unwrap

        real = self._owner._real
        fitting = [s for s in self._signatures if _count_arguments(s) == len(arguments)]
        if not fitting:
            raise TypeError(f"signal '{self._name}' has no overload with {len(arguments)} arguments: {', '.join(self._signatures)}")
        if _is_qt_signal(real, fitting[0]):
            real.emit(SIGNAL(fitting[0]), *(unwrap(a) for a in arguments))
        else:
            emit(real, fitting[0], *arguments)

    __call__ = emit


def _count_arguments(signature: str) -> int:
    inside = signature[signature.index("(") + 1 : -1]
    return 0 if not inside else inside.count(",") + 1


def checked_signature(class_name: str, text: str) -> str:
    """The signal of the class that the text names, or ValueError."""
    signature, known = facts.normalized(text), facts.signatures(class_name, "signals")
    if signature not in known:
        raise ValueError(f"{class_name} has no signal '{text}'" + facts.suggestion(signature, known))
    return signature
