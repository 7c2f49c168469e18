"""Replies as dnspython reads them, in the words that tests compare."""

from __future__ import annotations

import dns.edns
import dns.message


def ede_of(message: dns.message.Message) -> tuple[int, str] | None:
    """Return the code and the text of a message's extended DNS error (RFC 8914); None for none."""
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            return int(option.code), option.text or ""
    return None
