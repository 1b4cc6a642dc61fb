"""slicer.parameterNodeWrapper, which slicer-core does not ship: the part of it that panels use, with Slicer's storage."""

from .annotations import (
    Decimals,
    Default,
    SingleStep,
    findFirstAnnotation,
    getNodeTypes,
    isNodeOrUnionOfNodes,
    splitAnnotations,
    unannotatedType,
)
from .connectors import GuiConnector, createGuiConnector
from .packs import FloatRange, isParameterPack, parameterPack
from .validators import Choice, Exclude, IsInstance, Maximum, Minimum, NotNone, RangeBounds, Validator, WithinRange
from .wrapper import SlicerParameterNamePropertyName, findChildWidgetForParameter, isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "GuiConnector",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "createGuiConnector",
    "findChildWidgetForParameter",
    "findFirstAnnotation",
    "getNodeTypes",
    "isNodeOrUnionOfNodes",
    "isParameterNodeWrapper",
    "isParameterPack",
    "parameterNodeWrapper",
    "parameterPack",
    "splitAnnotations",
    "unannotatedType",
]


def __getattr__(name: str):
    from ..facts import API

    if name in API["python"]["slicer.parameterNodeWrapper"]["exported"]:
        raise NotImplementedError(f"Slicer has slicer.parameterNodeWrapper.{name}, but this stand-in does not")
    raise AttributeError(f"slicer.parameterNodeWrapper has no '{name}'")
