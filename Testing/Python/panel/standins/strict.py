"""Qt objects as PythonQt shows them: properties are attributes, only what Slicer offers exists, anything else raises.

A strict object holds the PySide6 object that does the work in `_real`. Strict classes mirror the C++ class tree, so
isinstance and subclassing work; `strict_class` makes them on demand from the facts.
"""

from __future__ import annotations

import functools
import types

import shiboken6
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLayoutItem

from . import facts, signals

IMPLEMENTATIONS: dict[str, type[QObject]] = {}  # Slicer or CTK class name -> PySide6 class that behaves like it
PYTHONQT_METHODS = ("className", "inherits", "delete", "connect", "disconnect", "emit", "help")


def implements(cls: type[QObject]) -> type[QObject]:
    """Class decorator: the class stands in for the Slicer or CTK class of the same name."""
    IMPLEMENTATIONS[cls.__name__] = cls
    return cls


def wrap(value):
    """The strict object for a Qt object; lists become tuples as in PythonQt; anything else as it is."""
    if isinstance(value, QObject):
        strict = value.__dict__.get("_strict") if hasattr(value, "__dict__") else None
        if strict is None:
            strict = object.__new__(strict_class(facts.class_name(value)))
            strict._adopt(value)
        return strict
    if type(value) in (list, tuple):
        return tuple(wrap(item) for item in value)
    return LayoutItem(value) if isinstance(value, QLayoutItem) else value


def unwrap(value):
    """The PySide6 object behind a strict object; Python functions are guarded so that what they raise is not lost."""
    if isinstance(value, (StrictObject, LayoutItem)):
        return value._real
    if type(value) in (list, tuple):
        return type(value)(unwrap(item) for item in value)
    if isinstance(value, (types.FunctionType, types.MethodType, functools.partial, BoundMethod)):
        return signals.guarded(value)
    return value


class BoundMethod:
    """A method of a strict object, or a static one of its class."""

    def __init__(self, function, owner, name: str):
        self._function, self._owner, self.__name__ = function, owner, name

    def __call__(self, *arguments, **keywords):
        return wrap(self._function(*(unwrap(a) for a in arguments), **{k: unwrap(v) for k, v in keywords.items()}))

    def __eq__(self, other) -> bool:
        return isinstance(other, BoundMethod) and (self._owner, self.__name__) == (other._owner, other.__name__)

    def __hash__(self) -> int:
        return hash((id(self._owner), self.__name__))


class LayoutItem:
    """An item of a layout, which is no QObject: its methods hand out strict widgets."""

    def __init__(self, real: QLayoutItem):
        self._real = real

    def __getattr__(self, name: str):
        return BoundMethod(getattr(self._real, name), self, name)


class Method:
    """Descriptor of a method that the real class has or, for Slicer and CTK classes, that its stand-in may lack."""

    def __init__(self, real_class: type[QObject], name: str):
        self._real_class, self._name = real_class, name

    def __get__(self, instance, owner):
        if instance is None:
            if isinstance(vars(self._real_class).get(self._name), (staticmethod, classmethod)):
                return BoundMethod(getattr(self._real_class, self._name), owner, self._name)
            return lambda strict, *arguments: self.__get__(strict, owner)(*arguments)
        real = instance._real
        function = getattr(real, self._name, None)
        if function is None:
            message = f"Slicer has {owner._slicer_name}.{self._name}, but this stand-in cannot do it: implement it in standins/"
            raise NotImplementedError(message)
        if hasattr(getattr(type(real), self._name, None), "_calls_python"):  # asked for through super(): the C++ method
            function = functools.partial(getattr(self._real_class, self._name), real)
        return BoundMethod(function, instance, self._name)


class Property:
    """Descriptor of a property. It hides a method of the same name, as in PythonQt."""

    def __init__(self, real_class: type[QObject], property_facts: facts.PropertyFacts):
        self._real_class, self._facts = real_class, property_facts
        self._in_qt = real_class.staticMetaObject.indexOfProperty(property_facts.name) >= 0
        self._setter = f"set{property_facts.name[0].upper()}{property_facts.name[1:]}"

    def __get__(self, instance, owner):
        name = self._facts.name
        if instance is None:
            method = getattr(self._real_class, name, None)  # qt.QTimer.singleShot is both
            return BoundMethod(method, owner, name) if callable(method) else self
        real = instance._real
        if self._in_qt:
            return wrap(real.property(name))
        if callable(getattr(real, name, None)):
            return wrap(getattr(real, name)())
        stored = real.property(f"_{name}")
        return wrap(facts.EMPTY_VALUES.get(self._facts.type_name) if stored is None else stored)

    def __set__(self, instance, value):
        name, real = self._facts.name, instance._real
        if not self._facts.writable:
            raise AttributeError(f"property '{name}' of {type(instance)._slicer_name} is read-only")
        value = unwrap(value)
        if not self._in_qt and callable(getattr(real, self._setter, None)):
            getattr(real, self._setter)(value)
        elif not self._in_qt:
            real.setProperty(f"_{name}", value)
        elif not real.setProperty(name, value):
            raise TypeError(f"property '{name}' of {type(instance)._slicer_name} is {self._facts.type_name}, not {value!r}")


class Signal:
    """Descriptor of a signal."""

    def __init__(self, name: str):
        self._name = name

    def __get__(self, instance, owner):
        return self if instance is None else signals.StrictSignal(instance, self._name)

    def __set__(self, instance, value):
        raise AttributeError(f"'{self._name}' of {type(instance)._slicer_name} is a signal and not a property: it cannot be assigned")


def python_override(name: str):
    """A C++ virtual method that calls the method of the Python subclass."""

    def call(real, *arguments):
        try:
            return unwrap(getattr(type(real._strict), name)(real._strict, *(wrap(a) for a in arguments)))
        except Exception as error:
            signals.slot_errors.record(error)
            return None

    call._calls_python = True
    return call


class StrictMeta(type):
    def __new__(meta, name, bases, namespace, *, generated=False, **keywords):
        cls = super().__new__(meta, name, bases, namespace, **keywords)
        if not generated and hasattr(cls, "_real_class"):  # a Python subclass of a Qt class
            real_class = cls._real_class
            overridden = [n for n, v in namespace.items() if isinstance(v, types.FunctionType) and not n.startswith("__")]
            overrides = {n: python_override(n) for n in overridden if n in dir(real_class)}
            cls._real_class = type(real_class)(cls.__name__, (real_class,), overrides)
            cls._is_python_class = True
        return cls

    def __getattr__(cls, name):
        """Enums and their values, on the class as on its objects."""
        for ancestor in () if name.startswith("_") else facts.lineage(cls._slicer_name):
            if ancestor in facts.CLASSES:
                found = facts.own_enums(ancestor).get(name, facts.own_enum_values(ancestor).get(name))
            else:
                found = getattr(facts.qt_class(ancestor), name, None)
                found = None if callable(found) and not isinstance(found, type) else found
            if found is not None:
                return found
        raise AttributeError(f"{cls.__name__} has no '{name}'")


class StrictObject(metaclass=StrictMeta):
    """Base of all strict classes. Attributes that are not of the class: dynamic properties, then named children."""

    _is_python_class = False

    def __init__(self, *arguments):
        self._adopt(self._real_class(*(unwrap(a) for a in arguments)))

    def _adopt(self, real: QObject) -> None:
        object.__setattr__(self, "_real_object", real)
        real._strict = self

    @property
    def _real(self) -> QObject:
        try:
            real = object.__getattribute__(self, "_real_object")
        except AttributeError:
            raise RuntimeError(f"{type(self).__name__}.__init__ did not call the __init__ of its Qt class") from None
        if not shiboken6.isValid(real):
            raise ValueError(f"this {type(self)._slicer_name} was already destroyed")
        return real

    @property
    def name(self) -> str:
        return self._real.objectName()

    @name.setter
    def name(self, value: str) -> None:
        self._real.setObjectName(value)

    def className(self) -> str:
        return type(self)._slicer_name

    def inherits(self, name: str) -> bool:
        return name in facts.lineage(type(self)._slicer_name)

    def delete(self) -> None:
        shiboken6.delete(self._real)

    def connect(self, *arguments) -> bool:
        """connect("signal(type)", function), or (sender, "signal(type)", function) on QObject itself."""
        signal, function, *slot = arguments
        if slot:
            function = getattr(function, facts.method_name(slot[0]))
        return signals.connect(self._real, signals.checked_signature(type(self)._slicer_name, signal), function)

    def disconnect(self, signal: str, function=None, slot: str = "") -> bool:
        if slot:
            function = getattr(function, facts.method_name(slot))
        return signals.disconnect(self._real, signals.checked_signature(type(self)._slicer_name, signal), function)

    def emit(self, signal: str, *arguments) -> None:
        signature = signals.checked_signature(type(self)._slicer_name, signal)
        signals.StrictSignal(self, facts.method_name(signature)).emit(*arguments)

    def property(self, name: str):
        if name in facts.properties(type(self)._slicer_name):
            return getattr(self, name)
        return wrap(self._real.property(name))

    def setProperty(self, name: str, value) -> bool:
        if name in facts.properties(type(self)._slicer_name):
            setattr(self, name, value)
            return True
        return self._real.setProperty(name, unwrap(value))

    def findChild(self, cls, name: str = ""):
        found = self.findChildren(cls, name)
        return found[0] if found else None

    def findChildren(self, cls, name: str = "") -> tuple:
        children = [wrap(child) for child in self._real.findChildren(QObject) if not name or child.objectName() == name]
        return tuple(child for child in children if isinstance(child, cls))

    def __getattr__(self, name):
        if name == "_real_object" or name.startswith("__"):
            raise AttributeError(name)
        real, slicer_name = self._real, type(self)._slicer_name
        if name.encode() in [bytes(n) for n in real.dynamicPropertyNames()] and not name.startswith("_"):
            return wrap(real.property(name))
        child = real.findChild(QObject, name) if name in facts.ui_children(slicer_name) else None
        child = child or next((c for c in real.children() if c.objectName() == name), None)
        if child is not None:
            return wrap(child)
        try:
            return getattr(type(self), name)  # an enum or its value
        except AttributeError:
            pass
        if name.endswith("_") and name[:-1] in facts.members(slicer_name):
            return getattr(self, name[:-1])
        hint = facts.suggestion(name, facts.members(slicer_name))
        as_property = name[3:4].lower() + name[4:]
        if name.startswith("set") and as_property in facts.properties(slicer_name):
            hint = f"; assign the property '{as_property}'"
        raise AttributeError(f"{slicer_name} has no '{name}' that Python can use{hint}")

    def __setattr__(self, name, value):
        descriptor = next((vars(c)[name] for c in type(self).__mro__ if name in vars(c)), None)
        if hasattr(type(descriptor), "__set__") or type(self)._is_python_class:
            object.__setattr__(self, name, value)
        elif name.encode() in [bytes(n) for n in self._real.dynamicPropertyNames()]:
            self._real.setProperty(name, unwrap(value))
        else:
            slicer_name = type(self)._slicer_name
            hint = facts.suggestion(name, facts.properties(slicer_name))
            raise AttributeError(f"'{name}' is not a property of {slicer_name} and cannot be assigned{hint}")

    def __repr__(self):
        return f"{type(self).__name__} ({type(self)._slicer_name})"


def real_class(name: str) -> type[QObject]:
    if name not in facts.CLASSES:
        return facts.qt_class(name)
    if name not in IMPLEMENTATIONS:  # a class that only has to look like itself: its base class under its own name
        base = real_class(facts.base_name(name))
        IMPLEMENTATIONS[name] = type(base)(name, (base,), {})
    return IMPLEMENTATIONS[name]


@functools.cache
def strict_class(name: str) -> type[StrictObject]:
    """The strict class of a Qt, CTK or Slicer class that is a QObject."""
    base = facts.base_name(name)
    bases = (strict_class(base),) if base else (StrictObject,)
    real = real_class(name)
    all_properties = facts.properties(name)
    if name in facts.CLASSES:
        methods = facts.own_methods(name)
    else:
        methods = {n for n, v in vars(real).items() if callable(v) and not isinstance(v, type) and not n.startswith("__")}
        methods -= set(PYTHONQT_METHODS) | {"property", "setProperty", "findChild", "findChildren"}
    namespace = {n: Method(real, n) for n in methods if n not in all_properties}
    namespace.update({facts.method_name(s): Signal(facts.method_name(s)) for s in facts.own_signatures(name, "signals")})
    namespace.update({n: Property(real, p) for n, p in facts.own_properties(name).items()})
    namespace.update(_slicer_name=name, _real_class=real, __doc__=None)
    return StrictMeta(name, bases, namespace, generated=True)
