"""A panel as a test drives it, and what a user does in the scene meanwhile."""

from __future__ import annotations

from dataclasses import replace


class PanelDriver:
    """The panel of a loaded module.

    Args:
        module: what `load_module` gave.
        wait: the fixture `process_events`.
    """

    def __init__(self, module, wait):
        self.module, self.wait = module, wait
        self.ui, self.widget, self.logic = module.ui, module.widget, module.logic

    def run(self):
        """Press Segment and wait for the end, good or bad."""
        self.ui.runButton.click()
        self.wait(lambda: not self.widget.runSection.isRunning, 60)
        self.wait()

    @property
    def message(self):
        return self.widget.runSection.message.text

    @property
    def segmentation(self):
        return self.logic.segmentationNode

    def value(self, segment, name="Volume"):
        return next(m for m in self.logic.result.measurements if (m.segment, m.name) == (segment, name))

    def cell(self, title, column):
        """Text of the measurement table, e.g. cell("Kidney/Volume", "Left")."""
        group, name = title.split("/")
        table, heading = self.ui.measurementsTable, ""
        number = [table.horizontalHeaderItem(c).text() for c in range(table.columnCount)].index(column)
        for row in range(table.rowCount):
            text = table.item(row, 0).text()
            heading = text if table.item(row, 1) is None else heading
            if heading == group and text.startswith(name):
                return table.item(row, number).text()
        raise AssertionError(f"no {title} in the table")


def node_ids():
    """IDs of all nodes of the scene."""
    import slicer

    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def erase(panel, segment, k=slice(None)):
    """What an eraser does: set voxels of the segment to 0 in the scene."""
    import slicer

    labels = slicer.util.arrayFromSegmentBinaryLabelmap(panel.segmentation, segment)
    labels[k] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, panel.segmentation, segment)


def tag(panel, segment, name="DICOM.SegmentAlgorithmType"):
    """A tag of a segment in the scene."""
    from DeepVolumetryLib.mrml.segmentation import tag as tag_of

    return tag_of(panel.segmentation.GetSegmentation().GetSegment(segment), name)


def say_it_was_dicom(node, folder, modality="CT"):
    """Put files of the volume into Slicer's DICOM database, as if it had been loaded from there; returns the files.

    Args:
        node: a volume node.
        folder: for the files.
        modality: CT, MR or US.
    """
    import dicom_series
    import pydicom
    import slicer
    from standins.strict import unwrap

    from DeepVolumetryLib.mrml.volumes import image_from_node, local_matrix

    image = replace(image_from_node(node), ijk_to_ras=local_matrix(node), modality=modality)
    if modality == "US":
        spacing = image.spacing
        paths = [dicom_series.write_ultrasound(folder / f"{node.GetName()}.dcm", image.voxels[0], (spacing[0], spacing[1]))]
    else:
        paths = dicom_series.write_series(folder / node.GetName(), image, series=node.GetName())
    files = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID: str(path) for path in paths}
    unwrap(slicer.app.dicomDatabase()).files.update(files)
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    return paths
