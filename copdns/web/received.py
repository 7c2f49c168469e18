"""What a form of ours sends: fields, in UTF-8.  Anything else that comes as a form is refused."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

Fields = MultiDictProxy[Any]

_UTF_8 = frozenset({"utf-8", "utf8"})


async def fields_of(request: web.Request) -> Fields:
    """Return the fields of a form; none of what is no form.

    Raises HTTPUnsupportedMediaType or HTTPBadRequest for what no page of ours makes a browser
    send.  A form with a file is for whoever expects one, and reads it part by part.
    """
    if request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType
    # Before aiohttp reads it, which takes any codec of Python's for a character set.
    if (request.charset or "utf-8").lower() not in _UTF_8:
        raise web.HTTPUnsupportedMediaType
    try:
        (await request.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise web.HTTPBadRequest from None
    return await request.post()
