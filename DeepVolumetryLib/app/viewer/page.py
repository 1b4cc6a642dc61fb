"""The page: Slicer's views on the left, on the right what the panels have, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .viewer import Viewer

_STYLE = """
html { overflow: hidden; }
.dv-table { width: 100%; border-collapse: collapse; font-size: 13px; }
.dv-table td, .dv-table th { padding: 2px 6px; text-align: right; vertical-align: top; }
.dv-table td { white-space: pre; }
.dv-table td:first-child { white-space: normal; }
.dv-places td { white-space: normal; }
.dv-table td:first-child, .dv-table th:first-child { text-align: left; }
.dv-heading td { font-weight: 600; padding-top: 8px; }
.dv-places tbody tr { cursor: pointer; }
.dv-places td { text-align: left; }
.dv-scroll { max-height: 210px; overflow-y: auto; }
.dv-current { background: rgba(33, 150, 243, .35); }
.dv-small { font-size: 12px; opacity: .8; }
.slice-slider { padding: 0 16px; }
"""
_COMPACT = {"density": "compact", "hide_details": True, "variant": "outlined"}
_SMALL = {"size": "small", "variant": "tonal"}


def build(viewer: Viewer) -> Any:
    """Make the page of a viewer; returns its layout."""
    from trame.ui.vuetify3 import VAppLayout
    from trame.widgets import client, html
    from trame.widgets import vuetify3 as v3

    server = viewer.server
    server.state.trame__title = "DeepVolumetry"
    with VAppLayout(server) as layout:
        layout.root.theme = "dark"
        client.Style(_STYLE)
        with v3.VNavigationDrawer(permanent=True, location="right", width=430):
            with html.Div(classes="pa-3"):
                html.Div("DeepVolumetry", classes="text-h6")
                html.Div("For research. Not for diagnosis. All data remain on this computer.", classes="dv-small mb-2")
                v3.VAlert("{{ problem }}", v_if=("problem",), type="error", density="compact", id="problem", classes="mb-2")
                v3.VAlert("{{ message }}", v_if=("message",), type="info", density="compact", id="message", classes="mb-2")
                html.Div("{{ study }}", v_if=("study",), id="study", classes="text-subtitle-1")
                v3.VAlert("{{ text }}", v_for="text in warnings", key="text", type="warning", density="compact", classes="mb-1 dv-small")
            with v3.VExpansionPanels(multiple=True, variant="accordion", v_model=("sections",)):
                for value, title, fill in (
                    ("open", "Open and segment", _inputs), ("review", "Review", _review), ("correct", "Correct", _correct),
                    ("numbers", "Measurements", _numbers), ("export", "Export", _export),
                ):  # fmt: skip
                    with v3.VExpansionPanel(title=title, value=value, eager=True), v3.VExpansionPanelText():
                        fill(viewer, v3, html)
            with html.Div(classes="pa-3"):
                v3.VBtn("Close the viewer", id="close", click=viewer.server.controller.close_viewer, **_SMALL)
        with v3.VMain(), html.Div(style="height: 100vh; width: 100%; display: flex;"):
            viewer.views.layouts.initialize_layout_grid(layout)
    return layout


def _inputs(viewer: Viewer, v3: Any, html: Any) -> None:
    with html.Div(v_if=("results.length",)):
        html.Div("Results in the folder", classes="dv-small")
        v3.VBtn(
            "{{ name === '.' ? 'This folder' : name }}", v_for="name in results", key="name", classes="ma-1",
            click=(viewer.open_result, "[name]"), disabled=("running",), **_SMALL,
        )  # fmt: skip
    v3.VSelect(v_model=("module",), items=("modules",), label="Module", id="module", classes="my-2", disabled=("running",), **_COMPACT)
    v3.VSelect(
        v_for="input in inputs", key="input.name", items=("images",), label=("input.name + (input.required ? '' : ' (optional)')",),
        model_value=("chosen[input.name]",), update_modelValue="chosen = {...chosen, [input.name]: $event}", clearable=True,
        classes="my-2", disabled=("running",), **_COMPACT,
    )  # fmt: skip
    v3.VTextField(
        v_model=("spacing",), v_if=("inputs.some(input => input.flat)",), label="Pixel in mm (width,height), where the file does not say",
        classes="my-2", **_COMPACT,
    )  # fmt: skip
    v3.VSelect(v_model=("speed",), items=("['', 'fast', 'standard', 'thorough']",), label="Quality", classes="my-2", **_COMPACT)
    v3.VBtn("Segment", v_if=("!running",), id="segment", click=viewer.segment, color="primary", size="small")
    v3.VBtn("Cancel", v_if=("running",), id="cancel", click=viewer.cancel, color="warning", size="small")
    with html.Div(v_if=("running",), classes="mt-2"):
        v3.VProgressLinear(model_value=("fraction",), height=6)
        html.Div("{{ phase }}", id="phase", classes="dv-small")


def _review(viewer: Viewer, v3: Any, html: Any) -> None:
    html.Div("{{ summary }}", id="summary", classes="dv-small mb-1")
    with html.Div(classes="dv-scroll"), html.Table(classes="dv-table dv-places", id="places"), html.Tbody(), html.Tr(
        v_for="(row, index) in places", key="index", click=(viewer.select, "[index]"),
        classes=("index === place ? 'dv-current' : ''",),
    ):  # fmt: skip
        for name in ("rank", "structure", "stake", "reviewed"):
            html.Td(f"{{{{ row.{name} }}}}")
    with html.Div(classes="d-flex my-2", style="gap: 6px; flex-wrap: wrap"):
        v3.VBtn("Previous", id="previous", click=lambda: viewer.step(-1), disabled=("!places.length",), **_SMALL)
        v3.VBtn("Next", id="next", click=lambda: viewer.step(1), disabled=("!places.length",), **_SMALL)
        for how, title in (("looks_right", "Looks right"), ("fixed", "Fixed")):
            name, call = how.replace("_", "-"), (viewer.decide, f"['{how}']")
            v3.VBtn(title, id=name, click=call, disabled=("!places.length",), color="success", **_SMALL)
        v3.VBtn("Take back", id="take-back", click=viewer.take_back, disabled=("!places.some(row => row.reviewed)",), **_SMALL)
    with html.Div(classes="d-flex", style="gap: 12px"):
        v3.VCheckbox(v_model=("overlay",), label="Uncertainty", density="compact", hide_details=True, id="overlay")
        v3.VCheckbox(v_model=("zoom",), label="Zoom in on places", density="compact", hide_details=True)
    v3.VSelect(v_model=("target",), items=("targets",), label="Of", classes="my-2", **_COMPACT)
    v3.VSelect(
        v_model=("background",), items=("backgrounds",), label="Over", v_if=("backgrounds.length > 1",), classes="my-2", **_COMPACT
    )  # fmt: skip
    _slider(v3, "opacity", "Opacity", 0, 1, 0.05)
    _slider(v3, "threshold", "Shown from", 0, 100, 5)


def _correct(viewer: Viewer, v3: Any, html: Any) -> None:
    v3.VSelect(v_model=("segment",), items=("segments",), label="Segment", id="segment-choice", classes="mb-2", **_COMPACT)
    with html.Div(classes="d-flex mb-2", style="gap: 6px; flex-wrap: wrap"):
        for value, title in (("", "Look"), ("paint", "Paint"), ("erase", "Erase")):
            v3.VBtn(
                title, id=f"tool-{value or 'look'}", click=f"tool = '{value}'", color=(f"tool === '{value}' ? 'primary' : ''",),
                disabled=("!segments.length",), **_SMALL,
            )  # fmt: skip
        v3.VBtn("Undo", id="undo", click=viewer.undo, disabled=("!can_undo",), **_SMALL)
        v3.VBtn("Redo", id="redo", click=viewer.redo, disabled=("!can_redo",), **_SMALL)
    _slider(v3, "brush", "Brush, mm", 1, 40, 0.5)
    v3.VCheckbox(v_model=("sphere",), label="Paint a ball instead of a disk", density="compact", hide_details=True)
    v3.VSlider(
        v_model=("cutoff",), min=0.05, max=0.95, step=0.05, label="Cut-off in this place", thumb_label=True, density="compact",
        hide_details=True, disabled=("place < 0",), end=(viewer.set_cutoff, "[$event]"), id="cutoff",
    )  # fmt: skip
    with html.Div(v_if=("missing.length",), classes="my-2"):
        html.Span("Not found, add to draw it: ", classes="dv-small")
        v3.VBtn(
            "{{ item.title }}",
            v_for="item in missing",
            key="item.value",
            classes="ma-1",
            click=(viewer.add_segment, "[item.value]"),
            **_SMALL,
        )
    v3.VCheckbox(v_model=("solid",), label="Surfaces in 3D", density="compact", hide_details=True)


def _numbers(viewer: Viewer, v3: Any, html: Any) -> None:
    del viewer, v3
    html.Div("Numbers appear here once there is a result.", v_if=("!table.lines.length",), classes="dv-small")
    with html.Table(v_if=("table.lines.length",), classes="dv-table", id="measurements"):
        with html.Thead(), html.Tr():
            html.Th("")
            html.Th("{{ column }}", v_for="column in table.columns", key="column")
        with (
            html.Tbody(),
            html.Tr(v_for="(line, index) in table.lines", key="index", classes=("line.heading ? 'dv-heading' : ''",)),
        ):
            html.Td("{{ line.heading || line.title }}", colspan=("line.heading ? table.columns.length + 1 : 1",))
            html.Td("{{ cell }}", v_for="(cell, column) in line.cells", key="column")
    html.Div("{{ table.level }}", v_if=("table.lines.length",), classes="dv-small mt-2")
    with html.Div(v_for="verdict in table.verdicts", key="verdict.subject", classes="text-body-2 mt-1"):
        html.B("{{ verdict.subject }}: ")
        html.Span("{{ verdict.text }}")
    with html.Details(v_if=("notes.length",), classes="dv-small mt-2"):
        html.Summary("Notes")
        html.Div("• {{ note }}", v_for="note in notes", key="note")


def _export(viewer: Viewer, v3: Any, html: Any) -> None:
    trigger = viewer.server.controller.trigger_name(viewer.server.controller.export_file)
    with html.Div(classes="d-flex", style="gap: 6px; flex-wrap: wrap"):
        for kind, name, mime in (
            ("csv", "measurements.csv", "text/csv"), ("json", "report.json", "application/json"), ("pdf", "report.pdf", "application/pdf"),
        ):  # fmt: skip
            v3.VBtn(
                kind.upper() if kind != "json" else "report.json", id=f"export-{kind}", disabled=("!table.lines.length",),
                click=f"utils.download('{name}', trigger('{trigger}', ['{kind}']), '{mime}')", **_SMALL,
            )  # fmt: skip
        v3.VBtn("Save all in the folder", id="save", click=viewer.save, disabled=("!table.lines.length",), **_SMALL)


def _slider(v3: Any, name: str, label: str, low: float, high: float, step: float) -> None:
    v3.VSlider(
        v_model=(name,), min=low, max=high, step=step, label=label, thumb_label=True, density="compact", hide_details=True, id=name
    )  # fmt: skip
