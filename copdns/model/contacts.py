"""URIs by which people can be reached: what an extended error may name.  Pure."""

from __future__ import annotations

import re

MAX_CONTACT = 100  # octets

# Only these: nothing opens by itself ("Restrictions on Display" of
# draft-ietf-dnsop-structured-dns-error).
_URI = re.compile(r"tel:[-+.()0-9]+|mailto:[!-;=?-~]+@[-.A-Za-z0-9]+", re.ASCII)


def is_contact(uri: str) -> bool:
    """Tell whether a URI is one of mailto: or tel:, in ASCII and not too long."""
    return len(uri) <= MAX_CONTACT and _URI.fullmatch(uri) is not None


def contact(text: str) -> str:
    """Return a URI that people can be reached by; raise ValueError in plain words."""
    if not is_contact(text):
        raise ValueError(
            f"{text!r} is not a contact; write mailto:name@example.net, or tel: with a number"
        )
    return text
