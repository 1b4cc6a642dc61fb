"""Shapes of spleens: real ones, and generated ones that are warped from them."""

from .generator import Shape, ShapeGenerator
from .slices import Cut, cut_views
from .templates import Template, load_templates

__all__ = ["Cut", "Shape", "ShapeGenerator", "Template", "cut_views", "load_templates"]
