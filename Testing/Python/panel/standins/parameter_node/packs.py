"""@parameterPack: several parameters under one name, and FloatRange."""

from __future__ import annotations

import typing

import slicer

from .annotations import Default, findFirstAnnotation, splitAnnotations, splitDotted, unannotatedType
from .storage import STORAGES, Storage, storage_for
from .validators import IsInstance, NotNone


class ParameterInfo:
    """What is known of one parameter of a class."""

    def __init__(self, owner: type, name: str, annotated):
        self.basename, self.unalteredType, self.storage = name, annotated, storage_for(annotated)
        default = findFirstAnnotation(splitAnnotations(annotated)[1], Default)
        default = Default(vars(owner)[name]) if name in vars(owner) else default
        self.default = default or Default(generator=self.storage.default)


def parameters_of(cls: type) -> dict[str, ParameterInfo]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: ParameterInfo(cls, name, annotated) for name, annotated in hints.items()}


def isParameterPack(obj) -> bool:
    return getattr(obj, "_is_parameterPack", False)


def data_type(parameters: dict[str, ParameterInfo], name: str):
    """Annotated type of a possibly dotted parameter name; ValueError if there is none."""
    top, rest = splitDotted(name)
    if top not in parameters:
        raise ValueError(f"no parameter '{name}'; there are {', '.join(parameters)}")
    annotated = parameters[top].unalteredType
    return data_type(unannotatedType(annotated).allParameters, rest) if rest else annotated


def _value_property(info: ParameterInfo) -> property:
    key = f"_{info.basename}_value"

    def setter(self, value):
        info.storage.validate(value)
        setattr(self, key, value)
        if getattr(self, "_save", None):
            self._save()

    return property(lambda self: getattr(self, key), setter)


def _initialize(self, *values, **named) -> None:
    infos = list(self.allParameters.values())
    given = {info.basename: value for info, value in zip(infos, values, strict=False)}
    unknown = (set(named) - set(self.allParameters)) | (set(named) & set(given))
    if unknown or len(values) > len(infos):
        raise TypeError(f"{type(self).__name__}: unexpected or repeated arguments {sorted(unknown)}")
    given.update(named)
    for info in infos:
        setattr(self, info.basename, given.get(info.basename, info.default.value))


def parameterPack(cls=None):
    """Class decorator."""
    if cls is None:
        return parameterPack
    cls.allParameters = parameters_of(cls)
    if not cls.allParameters:
        raise ValueError("a parameterPack needs at least one member")
    for info in cls.allParameters.values():
        info.storage.validate(info.default.value)
        setattr(cls, info.basename, _value_property(info))
    own_init = vars(cls).get("__init__")

    def __init__(self, *values, **named):
        _initialize(self, *(() if own_init else values), **({} if own_init else named))
        if own_init:
            own_init(self, *values, **named)

    def get_value(self, name: str):
        top, rest = splitDotted(name)
        return getattr(self, top).getValue(rest) if rest else getattr(self, top)

    def set_value(self, name: str, value) -> None:
        top, rest = splitDotted(name)
        getattr(self, top).setValue(rest, value) if rest else setattr(self, top, value)

    cls.__init__, cls.getValue, cls.setValue, cls._is_parameterPack = __init__, get_value, set_value, True
    cls.dataType = staticmethod(lambda name: data_type(cls.allParameters, name))
    cls.__eq__ = lambda self, other: isinstance(other, cls) and all(getattr(self, n) == getattr(other, n) for n in cls.allParameters)
    return cls


class PackStorage(Storage):
    """Members are stored as name.member; what is read writes itself back when a member is set."""

    @classmethod
    def can_store(cls, type_) -> bool:
        return isParameterPack(type_)

    def own_validators(self):
        return [NotNone(), IsInstance(self.type)]

    def is_in(self, node, name: str) -> bool:
        return all(info.storage.is_in(node, f"{name}.{key}") for key, info in self.type.allParameters.items())

    def write(self, node, name: str, value) -> None:
        self.validate(value)
        with slicer.util.NodeModify(node):
            for key, info in self.type.allParameters.items():
                info.storage.write(node, f"{name}.{key}", getattr(value, key))

    def read(self, node, name: str):
        pack = self.type()
        for key, info in self.type.allParameters.items():
            setattr(pack, f"_{key}_value", info.storage.read(node, f"{name}.{key}"))
        pack._save = lambda: self.write(node, name, pack)
        return pack

    def remove(self, node, name: str) -> None:
        for key, info in self.type.allParameters.items():
            info.storage.remove(node, f"{name}.{key}")


STORAGES.append(PackStorage)


@parameterPack
class FloatRange:
    """Two numbers, minimum <= maximum."""

    _minimum: float
    _maximum: float

    def __init__(self, minimum=0, maximum=0):
        self.setRange(minimum, maximum)

    def setRange(self, minimum, maximum) -> None:
        if not minimum <= maximum:
            raise ValueError(f"the minimum {minimum} is above the maximum {maximum}")
        self._minimum, self._maximum = minimum, maximum

    @property
    def minimum(self) -> float:
        return self._minimum

    @minimum.setter
    def minimum(self, value: float) -> None:
        self.setRange(value, self._maximum)

    @property
    def maximum(self) -> float:
        return self._maximum

    @maximum.setter
    def maximum(self, value: float) -> None:
        self.setRange(self._minimum, value)
