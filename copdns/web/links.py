"""Split URLs that anybody may have written, in a header or behind `?next=`."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def parts_of_link(address: str) -> SplitResult:
    """Return the parts of a URL; empty parts for one that is invalid, such as "http://["."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
