"""Read what a program sends, strictly: each parameter, and the body, or every mistake at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from copdns.model.validation_messages import describe_errors
from copdns.web.api.operation import Sent
from copdns.web.problem import Mistake, Refused

JSON = "application/json"
Model = TypeVar("Model", bound=Sent)

_INTEGER = re.compile(r"(-?(?:0|[1-9][0-9]{0,17}))(?:\.0+)?", re.ASCII)
_SWITCH = {"true": True, "false": False}


def query_of(request: web.Request, model: type[Model]) -> Model:
    """Return the parameters behind the ?; raise Refused (400)."""
    twice = sorted({key for key in request.query if len(request.query.getall(key)) > 1})
    if twice:
        raise Refused(400, "A parameter stands twice", [Mistake(each, "twice") for each in twice])
    values = {key: _typed(model, key, text) for key, text in request.query.items()}
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        mistakes = _mistakes(error.errors(include_url=False), model, values, "")
        raise Refused(400, "The parameters are not right", mistakes) from None


def _typed(model: type[Sent], key: str, text: str) -> object:
    """Return a parameter as JSON would have it: a number or switch where one belongs."""
    kinds = _kinds(model.model_fields[key].annotation) if key in model.model_fields else ()
    if bool in kinds:
        return _SWITCH.get(text, text)
    if int in kinds and (number := _INTEGER.fullmatch(text)):
        return int(number[1])
    return text


def _kinds(annotation: Any) -> Sequence[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return [each for each in get_args(annotation) if each is not NoneType]
    return [annotation]


async def body_of(request: web.Request, model: type[Model], most: int) -> Model:
    """Return the body, of `most` octets; raise Refused (400, 415, 422) or
    HTTPRequestEntityTooLarge."""
    if request.content_type != JSON:
        raise Refused(415, f"Send the body as {JSON}")
    octets = await request.clone(client_max_size=most).read()
    try:
        return model.model_validate_json(octets)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        raise Refused(400, f"The body is not JSON: {errors[0]['ctx']['error']}")
    mistakes = _mistakes(errors, model, json.loads(octets), "/")
    raise Refused(422, "The body is not as the operation takes it", mistakes)


def _mistakes(
    errors: list[ErrorDetails], model: type[Sent], value: object, before: str
) -> list[Mistake]:
    """before: "/" for places in a body, "" for names of parameters."""
    return [
        Mistake(_pointer(path, before), words)
        for path, words in describe_errors(errors, model, value)
    ]


def _pointer(path: Iterable[str | int], before: str) -> str:
    parts = (str(each).replace("~", "~0").replace("/", "~1") for each in path)
    return "".join(f"{before}{part}" for part in parts)
