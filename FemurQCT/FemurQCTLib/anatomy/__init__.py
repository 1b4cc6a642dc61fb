"""Femora and hips as continuous functions: shapes, the bone inside them and what lies around."""
