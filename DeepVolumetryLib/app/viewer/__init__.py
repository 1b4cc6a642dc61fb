"""``deepvolumetry view``: a study in the browser, with Slicer's own views by trame-slicer, for this computer only."""
