"""Active records with the interface of repocket; they read and write the data that it stored.

>>> from rom.repocket import ActiveRecord, attributes
>>> class Project(ActiveRecord):
...     name = attributes.Unicode()
>>> project = Project.create(name='rom')
>>> Project.objects.get(id=project.id).name
'rom'
"""

from rom.repocket import attributes, errors
from rom.repocket.connection import configure
from rom.repocket.manager import ResultSet
from rom.repocket.record import ActiveRecord
from rom.repocket.registry import MODELS

__all__ = ['ActiveRecord', 'MODELS', 'ResultSet', 'attributes', 'configure', 'errors']
