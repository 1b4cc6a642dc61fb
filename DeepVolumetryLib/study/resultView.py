"""ResultView: a result in the scene and how the views show it. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .followUp import FollowUp

if TYPE_CHECKING:
    from ..mrml.results import SceneNodes
    from ..result import Result


class ResultView(FollowUp):
    """Knows what the last result is in the scene, and lets the views show it.

    Attributes:
        inputTitles: name of the input -> what people call it; empty where there is only one.
        preferredBackground: name of the input that the overlay lies over, "" for the one that the result lies on.
        result: the last result with everything that was corrected since; None if there is none.
        nodes: what `result` is in the scene.
    """

    inputTitles: Mapping[str, str] = {}
    preferredBackground = ""

    def __init__(self) -> None:
        super().__init__()
        self.result: Result | None = None
        self.nodes: SceneNodes | None = None
        self._sources: dict[str, Any] = {}
        self._moved: dict[str, Any] = {}

    @property
    def segmentationNode(self):
        """The segmentation of the last result, None if there is none."""
        return self.nodes.segmentation if self.nodes else None

    @property
    def segmentationNodes(self) -> list[Any]:
        """The segmentations of all parts of the last result."""
        return [nodes.segmentation for nodes in self.nodes.parts.values()] if self.nodes else []

    @property
    def inputNode(self):
        """The volume that the last result was made from, None if it left the scene."""
        return self.inputNodeOf("")

    def inputNodeOf(self, part: str):
        """As `inputNode`, of a part of the result (`Result.parts`)."""
        from ..mrml.nodes import input_of

        return input_of(self.nodes.parts[part].segmentation) if self.nodes else None

    @property
    def isGone(self) -> bool:
        """True if a segmentation of the result left the scene."""
        return bool(self.nodes) and any(nodes.segmentation.GetScene() is None for nodes in self.nodes.parts.values())

    def names(self) -> dict[str, str]:
        """What to call measured things that are no segments ("total_kidney": "Both kidneys")."""
        return {}

    def showPlace(self, index: int, zoom: bool) -> None:
        """Let all views show a review region, by its position in `Result.places`."""
        from ..mrml.focus import jump_to, size_mm, zoom_on

        part, number = self.result.places()[index]
        result = self.result.parts[part]
        region = result.regions[number]
        if zoom:
            zoom_on(region.center_ras_mm, size_mm(region.box_kji, result.image.spacing))
        jump_to(region.center_ras_mm)

    def targets(self) -> dict[str, str]:
        """Targets that have an uncertainty map, those of companions as `part_target` calls them: target -> what people call it."""
        from ..result import part_target

        parts = self.result.parts.items() if self.result else ()
        found = [part_target(part, target) for part, result in parts for target in result.uncertainty]
        return {target: self.targetName(target) for target in found}

    def targetName(self, target: str) -> str:
        """What people call a target: as its segment if it has one."""
        specs = self.result.specs if self.result else ()
        return next((spec.name for spec in specs if spec.key == target), target.capitalize())

    def partOf(self, target: str) -> str:
        """The part of the result that a target of `targets` belongs to."""
        companions = self.result.companions if self.result else ()
        return next((part for part in companions if target.startswith(f"{part} ")), "")

    def edited(self, target: str) -> tuple[Any, Any]:
        """Segmentation and volume to correct a target on, each None if there is none."""
        part = self.partOf(target)
        return (self.nodes.parts[part].segmentation, self.inputNodeOf(part)) if self.nodes else (None, None)

    def displayNames(self) -> dict[str, str]:
        """What to call segments, and measured things that are none."""
        return {spec.key: spec.name for spec in (self.result.specs if self.result else ())} | self.names()

    def backgrounds(self) -> dict[str, str]:
        """The inputs of the last result that the overlay can lie over: name -> title."""
        if self.result is None or self.result.companions:  # those lie on other images, each over its own
            return {}
        there = (name for name, node in self._sources.items() if node.GetScene())
        return {name: self.inputTitles.get(name, name) for name in there}

    def showOverlay(self, target: str, opacity: float, threshold: float, background: str = "") -> None:
        """Uncertainty of a target, "" for none, over an input in all slice views; over that of the result's grid if not named."""
        part = self.partOf(target or background)
        image = self.inputNodeOf(part)
        if image is None:
            return
        below = self._below(background)
        from ..mrml.overlay import set_visible_from, show_as_foreground
        from ..mrml.results import show_only

        show_only(self.nodes, part)

        node = self.nodes.parts[part].uncertainty.get(target.removeprefix(f"{part} "))
        if node is not None and node.GetScene():
            set_visible_from(node, threshold)
        show_as_foreground(node, below or image, opacity)

    def _below(self, name: str) -> Any:
        """The volume of an input as the result saw it: in another place where the run moved it (`extras["motions"]`)."""
        node, motion = self._sources.get(name), self.result.extras.get("motions", {}).get(name)
        if node is None or node.GetScene() is None or motion is None:
            return node if node and node.GetScene() else None
        if name not in self._moved or self._moved[name].GetScene() is None:
            from ..mrml.moved import moved_copy

            self._moved[name] = moved_copy(node, motion)
        return self._moved[name]

    def _forgetMoved(self) -> None:
        if self._moved:
            from ..mrml.moved import remove_copy

            for name, copy in self._moved.items():
                remove_copy(copy, self._sources[name])
            self._moved = {}
