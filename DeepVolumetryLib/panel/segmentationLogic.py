"""SegmentationLogic as Slicer's modules have it: the logic of a study, which Slicer gives a parameter node. No Qt."""

from __future__ import annotations

from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from ..study.segmentationLogic import SegmentationLogic as StudyLogic


class SegmentationLogic(StudyLogic, ScriptedLoadableModuleLogic):
    """Runs one module's pipeline on nodes of the scene and keeps its result; see `study.segmentationLogic`."""
