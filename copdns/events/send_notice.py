"""python -m copdns.events.send_notice: send one notice, and end.

A process of its own, so that what apprise is made of weighs nothing in the one that answers, and
holds it up by nothing.  Standard input has JSON: url, title, body.  The exit code says how it went;
nothing is printed, since an address holds passwords.
"""

from __future__ import annotations

import json
import logging
import sys

SENT, REFUSED, UNKNOWN, MISSING = 0, 3, 4, 5
TROUBLE = {
    REFUSED: "the service did not accept it; check the address and the password in it",
    UNKNOWN: "apprise does not recognise this address; docs/events.md shows examples",
    MISSING: "apprise is not installed; docs/events.md explains how to install it",
}


def send(url: str, title: str, body: str) -> int:
    """Send one notice, and return how it went: SENT, REFUSED, UNKNOWN or MISSING.

    url: as apprise writes them; it may hold a password.
    """
    try:
        import apprise
    except ImportError:
        return MISSING
    logging.disable(logging.CRITICAL)
    sender = apprise.Apprise()
    if not sender.add(url):
        return UNKNOWN
    taken = sender.notify(body, title, body_format=apprise.NotifyFormat.TEXT)
    return SENT if taken else REFUSED


if __name__ == "__main__":
    sys.exit(send(**json.load(sys.stdin)))
