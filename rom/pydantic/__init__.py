"""Types that travel: models as pydantic types, and pydantic classes made of models.

Programs reach this by :meth:`rom.Model.pydantic`, and by naming a model where pydantic or FastAPI
takes a type. Needs the extra ``rom-redis[pydantic]``; nothing else of rom imports it before that.
"""

try:
    import pydantic  # this is the library: imports are absolute
except ModuleNotFoundError as error:
    if error.name not in ('pydantic', 'pydantic_core'):
        raise
    raise ModuleNotFoundError(
        "models as pydantic types need the library pydantic: pip install 'rom-redis[pydantic]'",
        name=error.name,
    ) from None
