"""Slicer's own slice and 3D views in the page, by trame-slicer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...host.render import choose_window
from ...host.session import adopt

FOUR, PICTURE = "four", "picture"
_PICTURE_VIEW = "Picture"
_FPS, _IDLE_FPS = 20.0, 5.0
_BLACK = "#000000"


class Views:
    """The scene of this process, its views and the editor that paints in them.

    Args:
        server: the trame server whose page shows them.

    Attributes:
        scene: vtkMRMLScene.
        editor: trame-slicer's segmentation editor.
        layouts: trame-slicer's layout manager.
    """

    def __init__(self, server: Any) -> None:
        choose_window()
        from trame_slicer.core import LayoutManager, SlicerApp
        from trame_slicer.rca_view import register_rca_factories
        from trame_slicer.segmentation import SegmentationOverwriteMode
        from undo_stack import UndoStack
        from vtkmodules.vtkCommonCore import vtkObject

        self._app = SlicerApp()
        self.scene = self._app.scene
        adopt(self.scene, self._app.app_logic)
        register_rca_factories(self._app.view_manager, server, target_fps=_FPS, blur_fps=_IDLE_FPS, interactive_quality=60)
        self.editor = self._app.segmentation_editor
        self.undo_stack = UndoStack(undo_limit=20)
        self.editor.set_undo_stack(self.undo_stack)
        self.editor.set_overwrite_mode(SegmentationOverwriteMode.ALLOW_OVERLAP)  # as in the panels: structures contain each other
        self.layouts = LayoutManager(self.scene, self._app.view_manager, server)
        vtkObject.GlobalWarningDisplayOff()  # VTK would tell the user about trame-slicer's use of it
        self.layouts.register_layout_dict(_layouts())
        vtkObject.GlobalWarningDisplayOn()
        for view in self._slices():
            # The image first: what is drawn over it is blended with what was drawn before.
            view._render_manager._AddSliceActorToRendererIfNeeded()
        for view in self._app.view_manager.get_views():
            # Both cost time where there is no graphics card; nothing here is seen through.
            view.render_window().SetMultiSamples(0)
            view.first_renderer().SetUseDepthPeeling(False)
        self.layouts.set_layout(FOUR)

    def show(self, image: Any, is_flat: bool, window: tuple[float, float]) -> None:
        """Let all views show an image as a whole: four of a volume, one of a picture.

        Args:
            image: the volume node.
            is_flat: True for a picture.
            window: values that are black and white.
        """
        self.layouts.set_layout(PICTURE if is_flat else FOUR)
        display = image.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(*window)
        for view in self._slices():
            view.set_background_volume_id(image.GetID())
            if is_flat:
                view.set_orientation(_facing(image))
        self.fit()

    def fit(self) -> None:
        """Show everything."""
        for view in self._app.view_manager.get_views():
            view.reset_view()
        self.draw()

    def draw(self) -> None:
        """Draw anew what changed without telling."""
        for view in self._app.view_manager.get_views():
            view.schedule_render()

    def show_legend(self) -> None:
        """Slicer shows the legend of a foreground when it notices that layers changed: let it notice."""
        for view in self._slices():
            composite = view._logic.GetSliceCompositeNode()  # trame-slicer has no other way to it
            composite.SetInteractionFlags(composite.ForegroundVolumeFlag)
            composite.Modified()
            composite.SetInteractionFlags(0)

    def on_edited(self, node: Any, call: Callable[[], None]) -> Callable[[], None]:
        """Call after every edit of a segmentation node; returns what ends that."""
        import slicer

        names = ("SourceRepresentationModified", "SegmentAdded", "SegmentRemoved")
        tags = [node.AddObserver(getattr(slicer.vtkSegmentation, name), lambda *_: call()) for name in names]

        def end() -> None:
            for tag in tags:
                node.RemoveObserver(tag)

        return end

    def _slices(self) -> list[Any]:
        return self._app.view_manager.get_slice_views()


def _layouts() -> dict[str, Any]:
    from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition

    axial, coronal, sagittal = (getattr(ViewLayoutDefinition, f"{name}_view")() for name in ("axial", "coronal", "sagittal"))
    solid = ViewLayoutDefinition.threed_view(background_color=(_BLACK, _BLACK))
    rows = [Layout(LayoutDirection.Horizontal, pair) for pair in ([axial, solid], [coronal, sagittal])]
    picture = ViewLayoutDefinition.slice_view("Axial", label=_PICTURE_VIEW, color="#888888")
    return {FOUR: Layout(LayoutDirection.Vertical, rows), PICTURE: Layout(LayoutDirection.Vertical, [picture])}


def _facing(image: Any) -> str:
    """The orientation whose slices lie as the only slice of a picture does."""
    import numpy as np

    from ...mrml.volumes import local_matrix

    thin = int(np.argmin(image.GetImageData().GetDimensions()))
    normal = local_matrix(image)[:3, thin]
    return ("Sagittal", "Coronal", "Axial")[int(np.argmax(np.abs(normal)))]
