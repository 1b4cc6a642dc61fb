"""FemurLogic: what can be done with femora in the scene: calibrate anew, drag planes, show density, estimate strength. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from .segmentationLogic import SegmentationLogic

SIDES = ("left", "right")
_DENSITY = "density"
_COLORS_NAME = "DeepVolumetry Density"
_PLANE_MM = 70.0
_CALIBRATION = ("phantom", "certificate", "rods", "slope", "intercept")


class FemurLogic(SegmentationLogic):
    """Measures with `FemurQCTLib` what is in the scene.

    Attributes:
        onMeasured: called after numbers and segments changed other than by an edit, e.g. when a plane was dragged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.onMeasured: Callable[[], None] = lambda: None
        self._planeNodes: dict[tuple[str, str], Any] = {}
        self._observed: list[tuple[Any, int]] = []
        self._newPlanes: dict[str, Any] | None = None
        self._calibrated: dict[str, Any] | None = None

    def names(self):
        from FemurQCTLib.live import names

        return names()

    def forget(self) -> None:
        self._removePlanes()
        super().forget()

    def take(self, result, nodes, sources, isNew=True) -> None:
        self._removePlanes()
        super().take(result, nodes, sources, isNew)
        self._calibrated = {name: result.provenance.parameters.get(name) for name in _CALIBRATION}

    # ---- measuring

    def measure(self, result):
        from FemurQCTLib.live import measure

        return measure(result)

    def measureAgain(self, measured, changed=None, reviewed=None, parameters=None):
        from FemurQCTLib.measurements import remeasure

        result = self.result
        settings = calibration = why = None
        if parameters is not None:
            settings = self._settings(measured, parameters)
            if self._isCalibratedOtherwise(parameters):
                calibration, why = self._calibration(settings)
        measured = remeasure(result.segments, result.image, measured, reviewed, changed, settings, calibration, why, self._newPlanes)
        self._keep(measured)
        return measured

    def fittingMasks(self, masks, changed):
        """Regions follow their femur."""
        from FemurQCTLib.segments import FEMUR, key

        sides = [side for side in SIDES if key(side, FEMUR) in changed]
        return self._regionsOf(sides, masks, self._corrections[""].box)

    def _settings(self, measured, parameters):
        """Parameters after the run; what only the run itself can use stays as it was."""
        from FemurQCTLib.parameters import Parameters

        return Parameters.from_dict({**measured.parameters.to_dict(), **dict.fromkeys(_CALIBRATION), **parameters})

    def _isCalibratedOtherwise(self, parameters) -> bool:
        from FemurQCTLib.parameters import Parameters

        wanted = Parameters.from_dict(dict(parameters)).to_dict()
        now = {name: wanted[name] for name in _CALIBRATION}
        before, self._calibrated = self._calibrated, now
        return now != before

    def _calibration(self, settings):
        import numpy as np

        from FemurQCTLib.scaling import calibration_of
        from FemurQCTLib.segments import FEMUR, key

        bone = np.zeros(self.result.image.shape, bool)
        for side in SIDES:
            if key(side, FEMUR) in self.result.segments:
                bone |= self.result.segments[key(side, FEMUR)]
        return calibration_of(self.result.image, bone, settings)

    def _keep(self, measured) -> None:
        """Calibration, planes and density of the result as they are now, in the scene too."""
        from DeepVolumetryLib.mrml.overlay import show_maps
        from FemurQCTLib.live import keep

        keep(self.result, measured)
        if self.inputNode is not None:
            self.nodes.maps.update(show_maps(self.result, self.inputNode))

    # ---- density

    def hasDensity(self) -> bool:
        """True if the result is calibrated."""
        return bool(self.result and self.result.maps)

    def boneHint(self) -> str:
        """Why there is nothing to show, "" if there is."""
        if self.result is None or self.result.maps:
            return ""
        return _("No calibration, so no density: choose the phantom under Calibration.")

    def showDensity(self, isShown: bool) -> None:
        """Lay the density over the image in all slice views, or take it away."""
        if self.nodes is None or self.inputNode is None:
            return
        from DeepVolumetryLib.image_io.color_table import DENSITY
        from DeepVolumetryLib.mrml.overlay import add_legend, color_table, show_as_foreground

        node = self.nodes.maps.get(_DENSITY)
        if not isShown or node is None or node.GetScene() is None:
            node = next(iter(self.nodes.uncertainty.values()), None) if not isShown else None
            show_as_foreground(node, self.inputNode)
            return
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID(color_table(_COLORS_NAME, DENSITY).GetID())
        display.SetThreshold(1, 5000)
        display.SetApplyThreshold(True)
        display.SetWindowLevelMinMax(0, 1000)
        add_legend(node, "mg/cm³")
        show_as_foreground(node, self.inputNode, 0.8)

    # ---- planes

    def hasPlanes(self) -> bool:
        """True if the result has regions."""
        return bool(self.result and self.result.extras.get("planes"))

    def showPlanes(self, isShown: bool) -> None:
        """Planes between the regions as markups that can be dragged, or none."""
        self._removePlanes()
        if not isShown or not self.hasPlanes():
            return
        for side, planes in self.result.extras["planes"].items():
            for name, plane in planes.items():
                node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", f"{side} {name.replace('_', ' ')}")
                node.CreateDefaultDisplayNodes()
                node.SetSizeMode(slicer.vtkMRMLMarkupsPlaneNode.SizeModeAbsolute)
                node.SetSize(_PLANE_MM, _PLANE_MM)
                node.SetOriginWorld(plane["origin"])
                node.SetNormalWorld(plane["normal"])
                node.SetSaveWithScene(False)
                self._planeNodes[side, name] = node
                tag = node.AddObserver(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, lambda caller, event: self.takePlanes())
                self._observed.append((node, tag))

    def takePlanes(self) -> bool:
        """Take over planes that were dragged: regions, numbers and scene follow. True if any moved."""
        import numpy as np

        from FemurQCTLib.regions import planes_from_dict
        from FemurQCTLib.segments import FEMUR, key

        kept = self.result.extras["planes"]
        moved: dict[str, dict[str, Any]] = {}
        for (side, name), node in self._planeNodes.items():
            origin, normal = np.array(node.GetOriginWorld()), np.array(node.GetNormalWorld())
            if np.allclose(origin, kept[side][name]["origin"], atol=1e-3) and np.allclose(normal, kept[side][name]["normal"], atol=1e-4):
                continue
            moved.setdefault(side, dict(kept[side]))[name] = {"origin": origin.tolist(), "normal": normal.tolist()}
        if not moved:
            return False
        self.remeasure()
        kept.update(moved)
        corrections = self._corrections[""]
        box = corrections.box
        femora = {key(side, FEMUR): self.result.segments[key(side, FEMUR)][box] for side in moved}
        for segment, mask in self._regionsOf(list(moved), femora, box).items():
            if segment not in self.result.segments:
                self.addSegment(segment)
            corrections.replace(segment, box, mask)
        corrections.takeOver()
        self._newPlanes = {side: planes_from_dict(planes) for side, planes in moved.items()}
        try:
            self._update(())
        finally:
            self._newPlanes = None
        self.onMeasured()
        return True

    def _regionsOf(self, sides, masks, box) -> dict[str, Any]:
        """Segment key -> mask in a box, of the regions of some sides."""
        from FemurQCTLib.live import regions_of

        part = self.result.image.cropped([axis.start for axis in box], [axis.stop for axis in box])
        return regions_of(self.result, sides, masks, part)

    def _removePlanes(self) -> None:
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        for node in self._planeNodes.values():
            if node.GetScene() is not None:
                slicer.mrmlScene.RemoveNode(node)
        self._observed, self._planeNodes = [], {}

    # ---- rods and strength

    def pointsOf(self, node) -> list[list[float]]:
        """Places of the points of a markups node, R, A, S in mm."""
        points = []
        for index in range(node.GetNumberOfControlPoints()):
            place = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, place)
            points.append(list(place))
        return points

    def loads(self) -> dict[str, str]:
        """What a femur can be loaded by: key -> title."""
        return {"fall": _("Fall on the side"), "stance": _("Standing on one leg")}

    def estimateStrength(self, load: str) -> str:
        """Add stiffness and failure load of each femur to the table; returns a sentence about them.

        Raises:
            DeepVolumetryError: if the femora cannot be modelled.
        """
        from FemurQCTLib.estimates import strength_rows

        self.remeasure()
        self.prepare()
        measured = self._measured
        rows, warnings = strength_rows(measured, self.result.image, measured.parameters, (load,))
        self.result.extras["strength"] = [row.to_dict() for row in (*(r for r in measured.further if not _same(r, rows)), *rows)]
        self._measured = None
        self.prepare()
        self._update(())
        self.onMeasured()
        return " ".join(warnings) or _("Done. The estimates are in the table; they are of a linear model, not a measurement.")


def _same(row, rows) -> bool:
    return any(row.segment == other.segment and row.name == other.name for other in rows)
