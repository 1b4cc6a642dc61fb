"""Model: which bundle is used, and importing one's own."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..bundle import import_bundle, list_bundles
from ..bundle.store import open_bundle
from ..errors import DeepVolumetryError, ModelError
from .message import Message

CONSENT_KEY = "DeepVolumetry/acceptedModels"


class ModelSection:
    """The list of bundles of one module.

    Args:
        ui: the panel's widgets.
        module: key of the module ("renal").
        ensureDependencies: installs what reading weights needs; raises `DeepVolumetryError` if it cannot.
    """

    def __init__(self, ui, module: str, ensureDependencies: Callable[[], None]) -> None:
        self.ui = ui
        self._module, self._ensureDependencies = module, ensureDependencies
        self.message = Message(ui, "model")
        ui.modelComboBox.connect("currentIndexChanged(int)", self._onChosen)
        ui.importModelButton.connect("clicked(bool)", self._onImport)
        self.refresh()

    @property
    def bundle(self) -> str | None:
        """Folder of the chosen bundle, None if none is installed."""
        index = self.ui.modelComboBox.currentIndex
        return self.ui.modelComboBox.itemData(index) if index >= 0 else None

    def refresh(self, choose: str = "") -> None:
        """Read again which bundles there are."""
        combo = self.ui.modelComboBox
        chosen = choose or self.bundle
        wasBlocked = combo.blockSignals(True)
        combo.clear()
        for path in list_bundles(self._module):
            combo.addItem(path.name, str(path))
        combo.setCurrentIndex(max(combo.findData(chosen), 0) if combo.count else -1)
        combo.blockSignals(wasBlocked)
        combo.setEnabled(combo.count > 0)
        self._onChosen()

    def confirm(self) -> bool:
        """Ask once, before the first use of weights that came from non-commercial data. True if the model may be used.

        Raises:
            ModelError: if the chosen bundle is missing or fails its check.
        """
        bundle = open_bundle(self._module, self.bundle)
        if not bundle.requires_consent or bundle.sha256 in self._accepted():
            return True
        text = _("The model {name} was made from data with a non-commercial license:\n\n{license}\n\nDo you accept it for your use?")
        answer = qt.QMessageBox.question(
            slicer.util.mainWindow(), _("License of the model"), text.format(name=bundle.name, license=bundle.license)
        )
        if answer != qt.QMessageBox.Yes:
            return False
        qt.QSettings().setValue(CONSENT_KEY, " ".join([*self._accepted(), bundle.sha256]))
        return True

    def _accepted(self) -> list[str]:
        return str(qt.QSettings().value(CONSENT_KEY) or "").split()

    def _onChosen(self) -> None:
        try:
            bundle = open_bundle(self._module, self.bundle)
        except ModelError as error:
            self.message.error(str(error))
            return
        verified = _("verified") if bundle.verified else _("not in a list of checksums")
        text = _("Version {version}, {license}, {verified}")
        self.message.hint(text.format(version=bundle.version, license=bundle.license, verified=verified))

    def _onImport(self) -> None:
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), _("Import a model"), "", _("Model bundles (*.zip)"))
        if not path:
            return
        try:
            self._ensureDependencies()
            bundle = import_bundle(path, self._module)
        except DeepVolumetryError as error:
            self.message.error(str(error))
        else:
            self.refresh(str(bundle.path))
