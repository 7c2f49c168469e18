"""Read what a browser sends: the forms of our own pages, and URLs.

Fields of a form are in UTF-8; any other form is refused.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from multidict import MultiDictProxy

Fields = MultiDictProxy[Any]

# Of a request: how many octets its form may have where that is more than usual, which a handler
# sets once it knows who asks; and the fields, once they are read.
MOST = web.RequestKey("MOST", int)
FIELDS = web.RequestKey("FIELDS", MultiDictProxy)

_UTF_8 = frozenset({"utf-8", "utf8"})


async def fields_of(request: web.Request) -> Fields:
    """Return the fields of a form; none where the body is not a form.

    Raises HTTPUnsupportedMediaType or HTTPBadRequest for what no page of ours makes a browser send.
    A handler that takes a file reads it part by part instead.
    """
    if request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType
    # Checked first, since aiohttp decodes with any codec of Python's.
    if (request.charset or "utf-8").lower() not in _UTF_8:
        raise web.HTTPUnsupportedMediaType
    if FIELDS not in request:
        request[FIELDS] = await _read_fields(request)
    fields: Fields = request[FIELDS]
    return fields


async def _read_fields(request: web.Request) -> Fields:
    found = request.clone(client_max_size=request[MOST]) if MOST in request else request
    try:
        (await found.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise web.HTTPBadRequest from None
    return await found.post()


def whole_number(text: str, digits: int) -> int | None:
    """Return the number in a text of at most so many digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def parts_of_link(address: str) -> SplitResult:
    """Return the parts of a URL that anybody may have written, in a header or behind `?next=`.

    They are empty for one that is invalid, such as "http://[".
    """
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def host_without_port(host: str) -> str:
    """Return the name or address of a Host header: "[::1]:80" gives "::1"."""
    name, _, port = host.rpartition(":")
    if port.isdigit() and (":" not in name or name.endswith("]")):
        host = name
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return host.lower()


def label_of(request: web.Request) -> str:
    """Return the browser's name, by which people tell their own apart."""
    return browser_name(request.headers.get("User-Agent", ""))


def browser_name(user_agent: str) -> str:
    """Return a short name, such as "Firefox, Android"; "" for an unknown browser.

    It is read from the User-Agent header: good for a label, never for a proof.
    """
    found = (_first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent))
    return ", ".join(filter(None, found))


def _first(names: dict[str, str], text: str) -> str:
    return next((name for sign, name in names.items() if sign in text), "")


# The first match counts: browsers also claim to be one of those further down.
_BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
