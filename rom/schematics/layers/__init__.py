"""Layers: the layouts of objects in Redis."""

from rom.schematics.layers.base import Layer, Plan, Primitive, Raw, Task
from rom.schematics.layers.fields import FieldHashLayer, FieldLayer, ObjectHashLayer
from rom.schematics.layers.indexed import IndexedLayer
from rom.schematics.layers.whole import HashLayer, SimpleLayer
