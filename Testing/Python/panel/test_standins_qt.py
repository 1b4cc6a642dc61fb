"""qt.* behaves as PythonQt does in Slicer, and refuses what Slicer would refuse."""

from __future__ import annotations

import pytest


@pytest.fixture
def qt(a_scene):
    import qt

    return qt


@pytest.fixture
def a_button(qt):
    return qt.QPushButton("Apply")


def test_a_property_is_an_attribute_and_hides_its_method(a_button):
    a_button.enabled = False
    assert a_button.enabled is False
    assert a_button.text == "Apply"
    with pytest.raises(TypeError):
        a_button.text()


def test_a_misspelled_property_raises_with_the_right_name(a_button):
    with pytest.raises(AttributeError, match="did you mean 'enabled'"):
        a_button.enabledd = False
    with pytest.raises(AttributeError, match=r"QPushButton has no 'textt'.*'text'"):
        _ = a_button.textt


def test_a_read_only_property_a_signal_and_a_wrong_type_cannot_be_assigned(qt, a_button):
    with pytest.raises(AttributeError, match="'width' of QPushButton is read-only"):
        a_button.width = 3
    with pytest.raises(AttributeError, match="is a signal"):
        a_button.clicked = True
    with pytest.raises(TypeError, match="'value' of QSpinBox is int"):
        qt.QSpinBox().value = "many"


def test_slots_and_other_methods_keep_their_names(a_button):
    a_button.setText("Cancel")
    a_button.setToolTip("Stops")
    assert (a_button.text, a_button.toolTip, a_button.isEnabled()) == ("Cancel", "Stops", True)


@pytest.mark.parametrize("signature", ["clicked(bool)", "clicked()"])
def test_connect_by_signature_calls_with_as_many_arguments_as_the_function_takes(a_button, signature):
    calls = []
    a_button.connect(signature, lambda: calls.append("none"))
    a_button.connect("clicked(bool)", lambda checked: calls.append(checked))
    a_button.click()
    assert calls == ["none", False]


def test_connect_by_signal_and_disconnect(a_button):
    calls = []

    def clicked(*arguments):
        calls.append(arguments)

    a_button.clicked.connect(clicked)
    a_button.click()
    a_button.clicked.disconnect(clicked)
    a_button.click()
    assert calls == [(False,)]


@pytest.mark.parametrize("wrong", ["clicked", "clicked(int)", "pushed()"])
def test_connecting_a_signal_that_is_not_there_raises(a_button, wrong):
    with pytest.raises(ValueError, match=r"QPushButton has no signal"):
        a_button.connect(wrong, print)


def test_what_a_slot_raises_is_kept_for_the_test(a_button, slot_errors):
    a_button.clicked.connect(lambda: 1 / 0)
    a_button.click()
    assert [type(error) for error in slot_errors] == [ZeroDivisionError]
    slot_errors.clear()


def test_enums_modules_and_missing_names(qt):
    assert qt.QMessageBox.Yes != qt.QMessageBox.No
    assert int(qt.Qt.AlignLeft | qt.Qt.AlignTop) == 33
    with pytest.raises(AttributeError):
        _ = qt.QMessageBox.Yess  # panel-check: ignore
    with pytest.raises(AttributeError, match="qt has no 'QPushButtn'"):
        _ = qt.QPushButtn  # panel-check: ignore
    with pytest.raises(AttributeError, match="QTextCodec"):
        _ = qt.QTextCodec  # panel-check: ignore


def test_a_timer_calls_once_and_its_property_of_the_same_name_works(qt, process_events):
    calls = []
    qt.QTimer.singleShot(0, lambda: calls.append(1))
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: calls.append(2))
    timer.start(1)
    process_events(lambda: len(calls) == 2, timeout=5)
    assert timer.singleShot is True


def test_objects_in_a_layout_are_the_same_objects(qt, a_button):
    panel = qt.QWidget()
    layout = qt.QVBoxLayout(panel)
    layout.addWidget(a_button)
    assert panel.layout() is layout
    assert a_button in panel.findChildren(qt.QPushButton)
    assert isinstance(layout.itemAt(0).widget(), object)


def test_a_python_subclass_overrides_virtual_methods(qt):
    class Overlay(qt.QWidget):
        def __init__(self):
            super().__init__()
            self.resized = 0

        def resizeEvent(self, event):
            self.resized += 1
            super().resizeEvent(event)

        def sizeHint(self):
            return qt.QSize(70, 30)

    overlay = Overlay()
    overlay.resize(90, 40)
    overlay.show()
    overlay.adjustSize()
    assert overlay.resized > 0
    assert (overlay.width, overlay.height) == (70, 30)


def test_a_deleted_widget_raises_instead_of_crashing(slicer_app, a_button):
    a_button.deleteLater()
    slicer_app.processEvents()
    with pytest.raises(ValueError, match="already destroyed"):
        _ = a_button.text


def test_a_dialog_that_nobody_expects_raises(qt, dialogs):
    from standins.dialogs import UnexpectedDialog

    with pytest.raises(UnexpectedDialog, match="Really"):
        qt.QMessageBox.question(None, "Delete", "Really?")


def test_dialogs_answer_as_the_test_said(qt, dialogs, tmp_path):
    import slicer

    dialogs.answer(qt.QMessageBox.Yes, str(tmp_path), qt.QMessageBox.Cancel)
    assert qt.QMessageBox.question(None, "Delete", "Really?") == qt.QMessageBox.Yes
    assert qt.QFileDialog.getExistingDirectory(None, "Folder") == str(tmp_path)
    assert slicer.util.confirmOkCancelDisplay("Install?") is False
    assert [shown.text for shown in dialogs.shown] == ["Really?", "", "Install?"]


def test_settings_stay_in_this_process(qt, slicer_app):
    qt.QSettings().setValue("DeepVolumetry/asked", "yes")
    assert slicer_app.userSettings().value("DeepVolumetry/asked") == "yes"
    assert "slicer_standins" in qt.QSettings().fileName()


def test_what_slicer_has_but_the_stand_in_lacks_says_so(slicer_app):
    with pytest.raises(NotImplementedError, match=r"Slicer has qSlicerApplication\.ioManager"):
        slicer_app.ioManager()
    with pytest.raises(AttributeError, match="did you mean 'layoutManager'"):
        slicer_app.layoutManger()
