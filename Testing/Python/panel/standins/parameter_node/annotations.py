"""Reading the type annotations of parameters."""

from __future__ import annotations

import types
import typing

import slicer


class Default:
    """The default of a parameter: a value, or a function that makes one each time."""

    def __init__(self, value=None, *, generator=None):
        self._value, self._generator = value, generator

    @property
    def value(self):
        return self._generator() if self._generator else self._value


class Decimals:
    """Decimals of the widget of a number."""

    def __init__(self, value: int):
        self.value = value


class SingleStep:
    """Step of the widget of a number."""

    def __init__(self, value: float):
        self.value = value


def splitAnnotations(annotated):
    """(type, list of annotations) of a possibly annotated type."""
    if typing.get_origin(annotated) is typing.Annotated:
        return typing.get_args(annotated)[0], list(typing.get_args(annotated)[1:])
    return annotated, []


def unannotatedType(annotated):
    return splitAnnotations(annotated)[0]


def findFirstAnnotation(annotations, annotation_class):
    return next((a for a in annotations if isinstance(a, annotation_class)), None)


def unionMembers(datatype) -> tuple:
    """Members of a union, None's type included; empty for other types."""
    is_union = typing.get_origin(datatype) in (typing.Union, types.UnionType)
    return typing.get_args(datatype) if is_union else ()


def isNodeOrUnionOfNodes(datatype) -> bool:
    datatype = unannotatedType(datatype)
    members = [m for m in unionMembers(datatype) or (datatype,) if m is not type(None)]
    return bool(members) and all(isinstance(m, type) and issubclass(m, slicer.vtkMRMLNode) for m in members)


def getNodeTypes(datatype) -> list[str]:
    datatype = unannotatedType(datatype)
    return [m.__name__ for m in unionMembers(datatype) or (datatype,) if m is not type(None)]


def splitDotted(name: str) -> tuple[str, str | None]:
    """("limits", "low") of "limits.low"; the second is None without a dot."""
    top, _, rest = name.partition(".")
    return top, rest or None
