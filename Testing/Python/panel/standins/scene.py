"""The scene of DeepVolumetryLib.host with slice and 3D views in it, as Slicer's main window has them."""

from __future__ import annotations

import slicer
import vtk

from DeepVolumetryLib import host

SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Scene:
    """One per process, cleared between tests, as Slicer's is."""

    def __init__(self):
        self.mrml_scene = host.start()
        self.application_logic = slicer.app.applicationLogic()
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.mrml_scene)  # Slicer always has one
        self.slice_logics = {name: self._slice_logic(name, orientation) for name, orientation in SLICE_VIEWS.items()}
        self.slice_logic_collection = vtk.vtkCollection()
        for logic in self.slice_logics.values():
            self.slice_logic_collection.AddItem(logic)
        self.application_logic.SetSliceLogics(self.slice_logic_collection)
        self.view_node = self._view_node()

    def _slice_logic(self, name: str, orientation: str):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self.application_logic)
        logic.SetMRMLScene(self.mrml_scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        node.SetLayoutLabel(name[0])
        node.SetDimensions(256, 256, 1)
        return logic

    def _view_node(self):
        node = self.mrml_scene.CreateNodeByClass("vtkMRMLViewNode")
        node.UnRegister(None)
        node.SetSingletonTag("1")
        node.SetLayoutName("1")
        return self.mrml_scene.AddNode(node)

    def clear(self) -> None:
        """Close the scene as File > Close does."""
        self.mrml_scene.Clear(0)

    def close(self) -> None:
        """At exit: the logics let go of the scene before they are destroyed in whatever order."""
        self.clear()
        vtk.vtkObject.GlobalWarningDisplayOff()
        module_logics = [module.logic() for module in vars(slicer.modules).values() if hasattr(module, "logic")]
        for logic in (*self.slice_logics.values(), *module_logics, self.application_logic):
            if logic is not None:
                logic.SetMRMLScene(None)
