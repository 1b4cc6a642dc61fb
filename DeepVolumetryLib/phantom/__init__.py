"""Procedural patients with exact ground truth. Needs numpy and scipy only."""
