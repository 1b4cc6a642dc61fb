"""The scene, application logic and module logics of slicer-core, put where Slicer's Python expects them."""

from __future__ import annotations

import slicer
import vtk

# Module name as in slicer.modules -> its logic class in slicer-core.
LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Units": "vtkSlicerUnitsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Volumes": "vtkSlicerVolumesLogic",
}
SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Scene:
    """A scene with the logics around it. One per process, cleared between tests, as in Slicer."""

    def __init__(self):
        self.mrml_scene = slicer.vtkMRMLScene()
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetMRMLScene(self.mrml_scene)
        vtk.vtkObject.GlobalWarningDisplayOff()  # the logics miss the color and terminology files that Slicer ships
        self.module_logics = {name: self._logic(name, class_name) for name, class_name in LOGICS.items()}
        vtk.vtkObject.GlobalWarningDisplayOn()
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.mrml_scene)
        self.slice_logics = {name: self._slice_logic(name, orientation) for name, orientation in SLICE_VIEWS.items()}
        self.slice_logic_collection = vtk.vtkCollection()
        for logic in self.slice_logics.values():
            self.slice_logic_collection.AddItem(logic)
        self.application_logic.SetSliceLogics(self.slice_logic_collection)
        self.view_node = self._singleton("vtkMRMLViewNode", "1")

    def _logic(self, name: str, class_name: str):
        logic = getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(self.application_logic)
        logic.SetMRMLScene(self.mrml_scene)
        self.application_logic.SetModuleLogic(name, logic)
        if name == "Colors":
            self.application_logic.SetColorLogic(logic)
        return logic

    def _slice_logic(self, name: str, orientation: str):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self.application_logic)
        logic.SetMRMLScene(self.mrml_scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        node.SetLayoutLabel(name[0])
        node.SetDimensions(256, 256, 1)
        return logic

    def _singleton(self, class_name: str, tag: str):
        node = self.mrml_scene.CreateNodeByClass(class_name)
        node.UnRegister(None)
        node.SetSingletonTag(tag)
        node.SetLayoutName(tag)
        return self.mrml_scene.AddNode(node)

    def clear(self) -> None:
        """Close the scene as File > Close does."""
        self.mrml_scene.Clear(0)

    def close(self) -> None:
        """At exit: the logics let go of the scene before they are destroyed in whatever order."""
        self.clear()
        vtk.vtkObject.GlobalWarningDisplayOff()
        for logic in (*self.slice_logics.values(), *reversed(self.module_logics.values()), self.application_logic):
            logic.SetMRMLScene(None)
