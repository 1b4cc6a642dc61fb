"""How values are kept in a vtkMRMLScriptedModuleNode: the same names and texts as Slicer writes into scene files."""

from __future__ import annotations

import enum
import pathlib

import slicer

from .annotations import splitAnnotations, unionMembers
from .validators import IsInstance, NotNone, Validator

PATH_TYPES = (pathlib.Path, pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath)


class Storage:
    """Reads and writes values of one type; `validators` say what may be written."""

    supported: tuple[type, ...] = ()

    def __init__(self, type_, validators: list[Validator]):
        self.type = type_
        self.validators = [*self.own_validators(), *validators]

    @classmethod
    def can_store(cls, type_) -> bool:
        return type_ in cls.supported

    def own_validators(self) -> list[Validator]:
        return [NotNone(), IsInstance(self.type)]

    def validate(self, value) -> None:
        for validator in self.validators:
            validator.validate(value)

    def default(self):
        return self.type()

    def text(self, value) -> str:
        return str(value)

    def value(self, text: str):
        return self.type(text)

    def is_in(self, node, name: str) -> bool:
        return node.HasParameter(name)

    def write(self, node, name: str, value) -> None:
        self.validate(value)
        node.SetParameter(name, self.text(value))

    def read(self, node, name: str):
        return self.value(node.GetParameter(name))

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)


class NumberStorage(Storage):
    supported = (int, float)

    def own_validators(self):
        return [NotNone(), IsInstance((int, float) if self.type is float else int)]


class TextStorage(Storage):
    supported = (str, *PATH_TYPES)


class BoolStorage(Storage):
    supported = (bool,)

    def value(self, text: str) -> bool:
        return text == "True"


class EnumStorage(Storage):
    """Stores the name, so that values may change between versions."""

    @classmethod
    def can_store(cls, type_) -> bool:
        return isinstance(type_, type) and issubclass(type_, enum.Enum)

    def own_validators(self):
        return [IsInstance(self.type)]

    def default(self):
        return next(iter(self.type))

    def text(self, value) -> str:
        return value.name

    def value(self, text: str):
        if text not in self.type.__members__:
            raise ValueError(f"the parameter node has {text!r}, which is not a name of {self.type!r}")
        return self.type[text]


class NodeStorage(Storage):
    """A node is kept as a node reference, so that it survives saving and follows renumbered IDs."""

    @classmethod
    def can_store(cls, type_) -> bool:
        return isinstance(type_, type) and issubclass(type_, slicer.vtkMRMLNode)

    def own_validators(self):
        return [IsInstance(self.type)]

    def default(self):
        return None

    def write(self, node, name: str, value) -> None:
        self.validate(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node, name: str):
        return node.GetNodeReference(name)

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class NoneStorage(Storage):
    supported = (type(None),)

    def own_validators(self):
        return []

    def default(self):
        return None

    def value(self, text: str):
        return None


class UnionStorage(Storage):
    """Tries the members in order; the one that fits is stored under its number."""

    def __init__(self, type_, validators: list[Validator]):
        super().__init__(type_, validators)
        self._members = [storage_for(member) for member in unionMembers(type_)]

    @classmethod
    def can_store(cls, type_) -> bool:
        return bool(unionMembers(type_))

    def own_validators(self):
        return []

    def default(self):
        optional = len(self._members) == 2 and isinstance(self._members[1], NoneStorage)
        return None if optional else self._members[0].default()

    def is_in(self, node, name: str) -> bool:
        return any(member.is_in(node, f"{name}.{index}") for index, member in enumerate(self._members))

    def write(self, node, name: str, value) -> None:
        self.validate(value)
        index, member = self._fitting(value)
        with slicer.util.NodeModify(node):
            self.remove(node, name)
            member.write(node, f"{name}.{index}", value)

    def _fitting(self, value):
        problem: Exception = TypeError(f"{value!r} is {type(value)}, which is none of {self.type}")
        for index, member in enumerate(self._members):
            if member.can_store(type(value)):
                try:
                    member.validate(value)
                    return index, member
                except (TypeError, ValueError) as error:
                    problem = error
        raise problem

    def read(self, node, name: str):
        for index, member in enumerate(self._members):
            if member.is_in(node, f"{name}.{index}"):
                return member.read(node, f"{name}.{index}")
        raise KeyError(name)

    def remove(self, node, name: str) -> None:
        for index, member in enumerate(self._members):
            member.remove(node, f"{name}.{index}")


STORAGES: list[type[Storage]] = [NumberStorage, TextStorage, BoolStorage, NodeStorage, EnumStorage, NoneStorage, UnionStorage]


def storage_for(annotated) -> Storage:
    """Raises NotImplementedError for a type that Slicer may store but this stand-in does not."""
    type_, annotations = splitAnnotations(annotated)
    validators = [a for a in annotations if isinstance(a, Validator)]
    for storage in STORAGES:
        if storage.can_store(type_):
            return storage(type_, validators)
    raise NotImplementedError(f"parameters of type {type_}: extend standins/parameter_node/storage.py")
