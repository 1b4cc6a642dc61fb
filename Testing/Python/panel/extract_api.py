"""Writes slicer_api.json: the part of Slicer's GUI description that the stand-ins need.

Usage: python extract_api.py SLICER_GUI_API_JSON

The input lists properties, signals, slots, invokables and enums of Slicer's and CTK's classes, read by a program from
their sources. Kept are the classes named in WANTED, what they derive from, what they are built of and what they return.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

WANTED = re.compile(
    r"""ctk(CheckBox|CheckableComboBox|CheckablePushButton|CollapsibleButton|CollapsibleGroupBox|ColorPickerButton|ComboBox|DICOMDatabase
    |CoordinatesWidget|DirectoryButton|DoubleRangeSlider|DoubleSlider|DoubleSpinBox|DynamicSpacer|ExpandButton|FileDialog
    |FittedTextBrowser|MenuButton|MessageBox|PathLineEdit|PopupWidget|PushButton|RangeSlider|RangeWidget|SearchBox|SliderWidget)
    |qMRML(CheckableNodeComboBox|CollapsibleButton|ColorTableComboBox|CoordinatesWidget|LayoutManager|NodeComboBox|PlotView
    |PlotWidget|RangeWidget|SegmentEditorWidget|SegmentSelectorWidget|SegmentationShow3DButton|SegmentsTableView|SliceControllerWidget
    |SliceView|SliceWidget|SliderWidget|SpinBox|SubjectHierarchyComboBox|SubjectHierarchyTreeView|TableView|TableWidget|ThreeDView
    |ThreeDWidget|VolumeThresholdWidget|Widget|WindowLevelWidget)
    |qSlicer(AbstractModuleWidget|Application|CoreIOManager|IOManager|LayoutManager|MainWindow|MarkupsPlaceWidget|ModuleManager
    |ScriptedLoadableModule|ScriptedLoadableModuleWidget|SegmentEditorScriptedEffect|SimpleMarkupsWidget|Widget)""",
    re.VERBOSE,
)
KEPT_KEYS = ("base", "in_python", "properties", "signals", "slots", "invokables", "decorators", "enums", "ui_children")
PYTHON_MODULES = ("slicer.packaging", "slicer.i18n", "slicer.ScriptedLoadableModule", "slicer.parameterNodeWrapper", "SampleData")


def closure(classes: dict) -> list[str]:
    """Wanted classes and every class that they need, sorted."""
    waiting, found = [name for name in classes if WANTED.fullmatch(name)], set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in classes:
            continue
        found.add(name)
        waiting += [classes[name]["base"], *classes[name].get("ui_children", {}).values()]
    return sorted(found)


def compact(entry: dict) -> dict:
    """One class without what no stand-in looks at."""
    kept = {key: entry[key] for key in KEPT_KEYS if key in entry}
    kept["properties"] = {name: {"type": p["type"], "writable": p["writable"]} for name, p in entry.get("properties", {}).items()}
    for kind in ("signals", "slots", "invokables"):
        kept[kind] = sorted(entry.get(kind, {}))
    return kept


def main() -> None:
    full = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    subset = {
        "sources": full["sources"],
        "class_names": sorted({*full["classes"], *full["registered_python_only"]}),
        "classes": {name: compact(full["classes"][name]) for name in closure(full["classes"])},
        "python": {name: full["python"][name] for name in PYTHON_MODULES},
        "parameter_connectors": {
            name: {key: facts[key] for key in ("widgets", "datatypes")}
            for name, facts in full["parameterNodeWrapper"]["gui_connectors"].items()
        },
    }
    target = Path(__file__).with_name("slicer_api.json")
    target.write_text(json.dumps(subset, indent=1) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(subset['classes'])} classes")


if __name__ == "__main__":
    main()
