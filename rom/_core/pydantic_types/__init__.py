"""Models as pydantic types, and pydantic classes made of models.

Call :meth:`rom.Model.pydantic`, or use a model as a type in pydantic or FastAPI. Needs the extra
``rom-redis[pydantic]``; rom imports this package only then.
"""

try:
    import pydantic  # the library, not this package, because imports are absolute
except ModuleNotFoundError as error:
    if error.name not in ('pydantic', 'pydantic_core'):
        raise
    raise ModuleNotFoundError(
        "models as pydantic types need the library pydantic: pip install 'rom-redis[pydantic]'",
        name=error.name,
    ) from None
