"""The staff's pages: which operation is shown how, and what their forms send.

A page shows what its operation answers, so that the table of operations decides who sees it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from aiohttp import BodyPartReader, web

from copdns.model.errors import RegisterError
from copdns.time.moments import parse_moment
from copdns.web.browser_input import parts_of_link

HOME: Final = "/staff/me"
# What a form had, as text, for a page that shows it again.
WRITTEN: web.RequestKey[dict[str, str]] = web.RequestKey("what was written", dict)

_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_MOMENTS: Final = frozenset({"begins", "ends", "since", "through"})
_LISTS: Final = frozenset({"names", "records"})
_TRUTHS: Final = frozenset({"is_confidential", "is_blocked", "again"})
_MOST_FIELD: Final = 3 << 20  # octets


class StaffPage(NamedTuple):
    """template: of `templates/staff`.  picture: its icon in the menu; "" where it is not there."""

    template: str
    picture: str = ""


# By the path of the operation, in the order of the menu.
PAGES: Final[Mapping[str, StaffPage]] = {
    HOME: StaffPage("home", "todo"),
    "/staff/desk": StaffPage("desk", "requests"),
    "/staff/orders": StaffPage("orders", "book"),
    "/staff/security": StaffPage("security", "bug"),
    "/staff/preservations": StaffPage("preservations", "lock"),
    "/staff/rollouts": StaffPage("rollouts", "refresh"),
    "/staff/statement": StaffPage("statement", "globe"),
    "/staff/entries": StaffPage("entries", "log"),
    "/staff/people": StaffPage("people", "people"),
    "/staff/checklist": StaffPage("checklist", "yes"),
    "/staff/desk/{number}": StaffPage("case"),
    "/staff/desk/{number}/text": StaffPage("text"),
    "/staff/orders/{number}": StaffPage("order"),
    "/staff/orders/{number}/names": StaffPage("names"),
    "/staff/report/{text}": StaffPage("report"),
}


def page_after(path: str, *, is_made: bool) -> str:
    """Return the path of the page to show after an operation, with the places of its parts.

    path: of the operation.  is_made: it made something that has a number.
    """
    if is_made and f"{path}/{{number}}" in PAGES:
        return f"{path}/{{number}}"
    while path not in PAGES:
        path = path.rpartition("/")[0]
    return path


def is_form(content_type: str) -> bool:
    """Tell whether a browser's form was sent."""
    return content_type in _FORMS


def safe_path(text: str) -> str:
    """Return a path of the staff's pages; "" for any other text."""
    found = parts_of_link(text)
    is_ours = not (found.scheme or found.netloc) and found.path.startswith("/staff/")
    return text if is_ours and len(text) <= 200 and text.isascii() and text.isprintable() else ""


def came_from(request: web.Request) -> str:
    """Return the page of ours that a form was sent from; "" where the browser does not say."""
    came = parts_of_link(request.headers.get("Referer", ""))
    return came.path if came.netloc.lower() == request.host.lower() else ""


async def read_form(request: web.Request, now: int) -> dict[str, Any]:
    """Return what a form sent, as JSON would have it; raise RegisterError and TextError.

    Of a file there is its SHA-256 only: nothing of it is stored, not even for a moment.
    """
    pairs = await _pairs(request)
    request[WRITTEN] = {key: text for key, text in pairs if key != "document"}
    texts = dict(pairs)
    body: dict[str, Any] = {key: text for key, text in texts.items() if key not in _MOMENTS}
    for key in _LISTS & texts.keys():
        body[key] = [word for name, text in pairs if name == key for word in text.split()]
    for key in _MOMENTS & texts.keys():
        body[key] = int(parse_moment(texts[key], "UTC", now)) if texts[key] else now
    for key in _TRUTHS & texts.keys():
        body[key] = texts[key] == "yes"
    if checksum := texts.get("checksum"):
        body.setdefault("document", checksum.strip().lower())
    if hours := texts.get("decide_hours"):
        body["decide_within"] = _whole(hours) * 3600
    if days := texts.get("days"):
        body["ends"] = now + _whole(days) * 86_400
    return body


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise RegisterError("write a whole number")
    return int(text)


async def _pairs(request: web.Request) -> list[tuple[str, str]]:
    try:
        if request.content_type != "multipart/form-data":
            sent = await request.post()
            return [(key, each) for key, each in sent.items() if isinstance(each, str)]
        return await _parts(request)
    except (ValueError, LookupError) as error:
        raise RegisterError("the form cannot be read; send it again") from error


async def _parts(request: web.Request) -> list[tuple[str, str]]:
    pairs, size = [], 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        digest, octets = sha256(), b""
        while chunk := await part.read_chunk():
            size += len(chunk)
            if size > _MOST_FIELD:
                raise RegisterError("the document is larger than 3 MB; give its checksum instead")
            digest.update(chunk)
            octets = octets + chunk if part.filename is None else b"."
        if part.filename is None:
            pairs.append((part.name or "", octets.decode()))
        elif octets:
            pairs.append(("document", digest.hexdigest()))
    return pairs
