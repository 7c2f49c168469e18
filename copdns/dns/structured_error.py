"""The structured text of an extended error: an I-JSON object, for clients that ask for it.

By draft-ietf-dnsop-structured-dns-error, revision 22, whose section names stand below.  A client
asks with the EDNS option 26.  What it may do with the text depends on its connection, so
`server/structured_errors.py` says where it is given.  Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple
from unicodedata import category, normalize

from copdns.model.contacts import is_contact

# "New Sub-Error Codes Definition".  There is none for a kind of site, a schedule or a limit.
MALWARE: Final = 1
PHISHING: Final = 2
DNS_OPERATOR_POLICY: Final = 6

_FORWARDED_SUB_ERRORS: Final = range(1, 5)  # those that may go with "Blocked by Upstream"
MAX_CONTACTS: Final = 2  # of an upstream
MAX_WHY: Final = 200  # octets of an upstream's text
MAX_READ: Final = 1024  # octets of an object that is looked at
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)


class StructuredText(NamedTuple):
    """What is said of a block, besides its code ("I-JSON in EXTRA-TEXT Field").

    contacts: URIs of mailto: or tel:, for people to write to or to call.
    why: the reason in plain words ("justification"), and language: its tag (RFC 5646).
    sub_error: 0 for none.  organisation: who blocks; "" where that is not said.
    """

    why: str = ""
    language: str = ""
    sub_error: int = 0
    contacts: tuple[str, ...] = ()
    organisation: str = ""


def dump_structured(text: StructuredText) -> str:
    """Return the object without spaces; "" where a client would discard it ("Client Processing
    Response", step 5)."""
    if not (text.contacts or text.why or text.sub_error):
        return ""
    found: dict[str, object] = {}
    if text.contacts:
        found["c"] = [*text.contacts]
    if text.why:
        found["j"] = normalize("NFC", text.why)  # RFC 5198 section 3
    if text.sub_error:
        found["s"] = text.sub_error
    if text.organisation:
        found["o"] = normalize("NFC", text.organisation)
    if text.why or text.organisation:
        found["l"] = text.language
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def without_words(text: StructuredText) -> StructuredText:
    """Return what stays where a reply over UDP is too long: not "j" and "o" ("Server Generating
    Response")."""
    return text._replace(why="", language="", organisation="")


def read_structured(octets: bytes) -> StructuredText | None:
    """Return what may be passed on of an upstream's object; None where there is nothing.

    That is "c", "s" and "j" ("Operational Considerations"), each within a bound, and only where it
    has the form that it must have: "j" has a language, and no letter that is not shown.
    """
    if len(octets) > MAX_READ or not octets.startswith(b"{"):
        return None
    try:
        found = json.loads(octets.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    why, language = _read_why(found)
    made = StructuredText(why, language, _read_sub_error(found), _read_contacts(found))
    return made if dump_structured(made) else None


def _read_why(found: dict[str, Any]) -> tuple[str, str]:
    why, language = found.get("j"), found.get("l")
    if not isinstance(why, str) or not isinstance(language, str) or not _TAG.fullmatch(language):
        return "", ""
    shown = "".join(each if category(each)[0] != "C" else " " for each in why)
    cut = " ".join(shown.split()).encode()[:MAX_WHY].decode(errors="ignore")
    return (cut, language) if cut else ("", "")


def _read_sub_error(found: dict[str, Any]) -> int:
    number = found.get("s")
    if not isinstance(number, int) or isinstance(number, bool):
        return 0
    return number if number in _FORWARDED_SUB_ERRORS else 0


def _read_contacts(found: dict[str, Any]) -> tuple[str, ...]:
    uris = found.get("c")
    if not isinstance(uris, list):
        return ()
    good = [each for each in uris if isinstance(each, str) and is_contact(each)]
    return tuple(good[:MAX_CONTACTS])
