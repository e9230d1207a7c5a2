"""Types compiled into what binds the nodes of a file to them."""

from opsctl.config.shapes.base import Report, Shape
from opsctl.config.shapes.collections import place_of
from opsctl.config.shapes.reflection import shape_of

__all__ = ["Report", "Shape", "place_of", "shape_of"]
