"""FollowUp: a result against earlier studies, from files or from the scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer

from ..errors import InputError
from .words import tr as _

if TYPE_CHECKING:
    from ..measure.measurement import Measurement
    from ..result import Result


class FollowUp:
    """What a `ResultLogic` knows about change.

    Attributes:
        changeThreshold: percentage of change that is asked for unless the user wants another one; 0 for none.
    """

    changeThreshold = 0.0
    result: Result | None
    inputNode: Any

    def displayNames(self) -> dict[str, str]:
        """What to call segments, and measured things that are none."""
        raise NotImplementedError

    def priorTables(self) -> dict[str, str]:
        """Results of this module on other volumes of the scene, to compare with: ID of their table -> name of the volume."""
        if self.result is None or self.inputNode is None:
            return {}
        from ..mrml.nodes import input_of
        from ..mrml.tables import other_tables

        found = other_tables(self.inputNode, self.result.provenance.module)
        return {table.GetID(): source.GetName() if (source := input_of(table)) else table.GetName() for table in found}

    def priorMeasurements(self, tableId: str) -> list[Measurement]:
        """The measurements of one of `priorTables`."""
        from ..mrml.tables import measurements_of

        keys = {name: key for key, name in self.displayNames().items()}
        return measurements_of(slicer.mrmlScene.GetNodeByID(tableId), keys)

    def changesSince(self, prior: Path | Sequence[Measurement], percent: float = 0) -> list[str]:
        """What changed since an earlier study, in sentences; empty if they have nothing in common.

        Args:
            prior: its report.json, or its measurements.
            percent: tell how likely the true volumes changed by more than this; 0 for no threshold.

        Raises:
            InputError: if the file is no report.
        """
        from .measurementTable import changes

        return changes(prior, self.result.measurements, self.displayNames(), percent)

    def showHistory(self, priors: Sequence[Path] = ()) -> Any:
        """Plot the volumes of earlier reports, of the other results in the scene and of this one, in that order; returns the chart.

        Raises:
            InputError: if a file is no report, or there is nothing to compare with.
        """
        from ..mrml.history import show_history
        from .measurementTable import measurements_of

        studies = [(prior.parent.name, measurements_of(prior)) for prior in priors]
        studies += [(name, self.priorMeasurements(table)) for table, name in self.priorTables().items()]
        if not studies:
            raise InputError(_("There is no earlier study to plot. Choose a prior report, or segment another volume of this scene."))
        studies.append((self.inputNode.GetName(), self.result.measurements))
        colors = {spec.key: spec.color for spec in self.result.specs}
        return show_history(studies, self.inputNode, self.result.provenance.module, self.displayNames(), colors)
