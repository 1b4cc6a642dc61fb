"""A study in the scene: what is kept of a result while it is reviewed and corrected, for the panels and the viewer alike. No Qt."""
