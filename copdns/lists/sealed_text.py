"""The text of a small file with its checksum, so that damage to it is seen.  Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_CHECKSUM: Final = "checksum"


def seal(values: Mapping[str, Any]) -> str:
    """Return values as the text of a file, with their checksum (SHA-256, in hex)."""
    found = {**values, _CHECKSUM: _checksum(values)}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def unseal(text: str) -> dict[str, Any]:
    """Return the values of a text; raise ValueError where it is damaged.

    One without a checksum is taken as it is: copdns wrote such files before they had one.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    if found.pop(_CHECKSUM, None) not in (None, _checksum(found)):
        raise ValueError("its checksum is another")
    return found


def _checksum(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True)  # ASCII: halves of characters have a form too
    return hashlib.sha256(text.encode()).hexdigest()
