"""Designer files load with their properties and connections, or say what is wrong with them."""

from __future__ import annotations

import pytest

UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0">
 <class>Panel</class>
 <widget class="qMRMLWidget" name="Panel">
  <layout class="QVBoxLayout" name="layout">
   <property name="leftMargin"><number>0</number></property>
   <item>
    <widget class="ctkCollapsibleButton" name="section">
     <property name="text"><string>Inputs</string></property>
     <property name="collapsed"><bool>true</bool></property>
     <layout class="QFormLayout" name="form">
      <item row="0" column="1">
       <widget class="qMRMLNodeComboBox" name="selector">
        <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
        <property name="noneEnabled"><bool>true</bool></property>
        <property name="SlicerParameterName" stdset="0"><string>inputVolume</string></property>
       </widget>
      </item>
     </layout>
    </widget>
   </item>
   <item>
    <widget class="ctkPathLineEdit" name="path">
     <property name="filters"><set>ctkPathLineEdit::Dirs|ctkPathLineEdit::Writable</set></property>
    </widget>
   </item>
   <item><widget class="QCheckBox" name="check"/></item>
   <item>
    <widget class="QPushButton" name="button">
     <property name="enabled"><bool>false</bool></property>
     <property name="text"><string>Apply</string></property>
    </widget>
   </item>
  </layout>
 </widget>
 <customwidgets>
  <customwidget><class>qMRMLWidget</class><extends>QWidget</extends></customwidget>
  <customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget>
  <customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends></customwidget>
  <customwidget><class>ctkPathLineEdit</class><extends>QWidget</extends></customwidget>
 </customwidgets>
 <connections>
  <connection>
   <sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>selector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot>
  </connection>
  <connection>
   <sender>check</sender><signal>toggled(bool)</signal>
   <receiver>button</receiver><slot>setEnabled(bool)</slot>
  </connection>
 </connections>
</ui>
"""


@pytest.fixture
def load_ui(a_scene, tmp_path):
    import slicer

    def load(text: str = UI):
        path = tmp_path / "Panel.ui"
        path.write_text(text, encoding="utf-8")
        widget = slicer.util.loadUI(str(path))
        return widget, slicer.util.childWidgetVariables(widget)

    return load


def test_children_properties_and_dynamic_properties_arrive(load_ui):
    widget, ui = load_ui()
    assert widget.className() == "qMRMLWidget"
    assert (ui.section.collapsed, ui.selector.nodeTypes, ui.button.enabled) == (True, ("vtkMRMLScalarVolumeNode",), False)
    assert ui.selector.SlicerParameterName == "inputVolume"
    assert ui.path.filters == 1 | 32


def test_connections_of_the_file_work_for_mrml_and_qt_signals(load_ui):
    import slicer

    widget, ui = load_ui()
    widget.setMRMLScene(slicer.mrmlScene)
    ui.check.checked = True
    assert ui.selector.mrmlScene() is slicer.mrmlScene
    assert ui.button.enabled is True


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('name="noneEnabled"', 'name="noneEnable"', "has no property 'noneEnable'; did you mean 'noneEnabled'"),
        ('class="QCheckBox"', 'class="QChekBox"', "unknown widget class QChekBox"),
        ("<class>ctkPathLineEdit</class>", "<class>ctkComboBox</class>", "ctkPathLineEdit is not declared"),
        ("<signal>toggled(bool)</signal>", "<signal>toggled(int)</signal>", "QCheckBox 'check' has no signal 'toggled"),
        ("<slot>setEnabled(bool)</slot>", "<slot>enable(bool)</slot>", "QPushButton 'button' has no slot 'enable"),
        ("<receiver>button</receiver>", "<receiver>buton</receiver>", "'buton', which is not an object"),
        ('name="check"', 'name="button"', "'button' is used twice"),
        ("ctkPathLineEdit::Dirs", "ctkPathLineEdit::Folders", "no enum value ctkPathLineEdit::Folders"),
        ("</layout>", "", "not well-formed"),
    ],
)
def test_a_mistake_in_the_file_is_named(load_ui, right, wrong, message):
    from standins.ui_loader import UiError

    with pytest.raises(UiError, match=message):
        load_ui(UI.replace(right, wrong, 1))


def test_a_name_that_is_not_in_the_file_raises(load_ui):
    _, ui = load_ui()
    with pytest.raises(AttributeError, match="buton"):
        _ = ui.buton
