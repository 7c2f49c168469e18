"""Put pydantic's errors into words for people: what is wrong at which key, and what to do.

pydantic speaks of types and of union members; a parent wrote keys and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


def describe_errors(
    errors: list[ErrorDetails], shape: type[BaseModel], root: object
) -> list[tuple[Path, str]]:
    """Return pydantic's errors as (path, words); the several of a union become one."""
    said: dict[Path, list[str]] = {}
    for error in errors:
        path = _path(error, root)
        if error["type"] == "too_short" and any(path == above[: len(path)] for above in said):
            continue  # only because its items are told already
        words = _words(error, shape, path)
        if words not in said.setdefault(path, []):
            said[path].append(words)
    return [(path, " or ".join(words)) for path, words in said.items()]


def shown_value(value: object) -> str:
    """Return a value as the person wrote it, as far as that can be told, and not too long."""
    if isinstance(value, dict | BaseModel):  # a model: what was left out, and so has a default
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f'{text[:56]}..."'


def _path(error: ErrorDetails, root: Any) -> Path:
    """Return the keys and indexes of pydantic's location, without its names of union members."""
    path: Path = ()
    for part in error["loc"]:
        if _has(root, part):
            root = root[part]
        elif error["type"] != "missing" or part != error["loc"][-1]:
            continue
        path = (*path, part)
    return path


def _has(value: object, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _words(error: ErrorDetails, shape: type[BaseModel], path: Path) -> str:
    context = error.get("ctx", {})
    written = shown_value(error["input"])
    match error["type"]:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return _unknown(str(path[-1]), _fields(shape, path[:-1]))
        case "value_error":
            return str(context["error"])
        case "bool_type":
            return f"is {written}; write true or false"
        case "string_type":
            return f"is {written}, which is not text; put it in quotes"
        case "int_type" | "int_from_float":
            return f"is {written}; write a whole number"
        case "float_type":
            return f"is {written}; write a number"
        case "enum" | "literal_error":
            return f"is {written}; write one of: {context['expected']}"
        case "list_type" | "tuple_type" | "set_type" | "frozen_set_type":
            return f"is {written}; write a list: [one, two]"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"is {written}; write keys with their values below it"
        case "too_short" | "string_too_short":
            return "is empty; add a value, or leave the key out"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"is {written}; {_bound(error['type'], context)}"
    return f"is {written}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _bound(kind: str, context: dict[str, Any]) -> str:
    """Return the broken bound, which pydantic keeps in the context by a short name."""
    sides = {
        "greater_than": "write more than {gt}",
        "greater_than_equal": "write at least {ge}",
        "less_than": "write less than {lt}",
        "less_than_equal": "write at most {le}",
    }
    return sides[kind].format(**context)


def _unknown(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"is not a known key; did you mean {close[0]}?"
    return f"is not a known key; the known ones are: {', '.join(known)}"


def _fields(shape: type[BaseModel], path: Path) -> list[str]:
    """Return the names of the keys that the model has at a path."""
    models = [shape]
    for part in path:
        found = [field for name, field in _keys(models) if name == part]
        if found:  # otherwise the part is a key of a dict or an index, and the models stay
            models = [model for field in found for model in _models(field.annotation)]
    return [name for name, _ in _keys(models)]


def _keys(models: Iterable[type[BaseModel]]) -> Iterator[tuple[str, FieldInfo]]:
    for model in models:
        for name, field in model.model_fields.items():
            yield field.alias or name, field


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
