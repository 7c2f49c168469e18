"""Compare what copdns makes for each query: plain classes, which compare by identity."""

from __future__ import annotations


def fields_of(value: object) -> object:
    """Return the fields of a value by name, and those of the values in them."""
    if not type(value).__module__.startswith("copdns.") or isinstance(value, tuple | str | int):
        return value
    names = [name for name in dir(value) if name[0] != "_" and not callable(getattr(value, name))]
    return {name: fields_of(getattr(value, name)) for name in names}
