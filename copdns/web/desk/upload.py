"""Read the file that a form sends."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import BodyPartReader, web

from copdns.model.errors import HouseholdError
from copdns.model.sentences import Sentence

_MOST_NAME = 100  # characters


class Upload(NamedTuple):
    """A file that was sent.  name: without folders, as the browser gave it; it may be anything."""

    name: str
    octets: bytes


async def read_upload(
    request: web.Request, most: int, nothing: Sentence, too_large: Sentence
) -> Upload:
    """Return the file in the field "file"; raise HouseholdError for none, or a large one.

    most: octets.  nothing, too_large: what is said where no file came, or one that is too large.
    It is read part by part, since files may be larger than other forms.
    """
    if not request.content_type.startswith("multipart/"):
        raise HouseholdError(nothing, name="file")
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                octets = await _read_octets(part, most, too_large)
                if not octets:
                    raise HouseholdError(nothing, name="file")
                return Upload(_name_of(part), octets)
    except ValueError:  # aiohttp raises it for an incomplete form
        raise web.HTTPBadRequest from None
    raise HouseholdError(nothing, name="file")


async def _read_octets(part: BodyPartReader, most: int, too_large: Sentence) -> bytes:
    octets = bytearray()
    while chunk := await part.read_chunk():
        octets += chunk
        if len(octets) > most:
            raise HouseholdError(too_large, name="file")
    return bytes(octets)


def _name_of(part: BodyPartReader) -> str:
    name = (part.filename or "").replace("\\", "/").rpartition("/")[2][:_MOST_NAME]
    return name if name.isprintable() else ascii(name)[1:-1]
