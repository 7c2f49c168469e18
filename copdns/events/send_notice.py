"""python -m copdns.events.send_notice: send one notice, and end.

A process of its own, so that apprise takes neither memory nor time of the one that answers.
Standard input has JSON: url, title, body, and html where the body is HTML.  The exit code is the
result of `send`; nothing is printed, since a URL may hold a password.
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


def send(url: str, title: str, body: str, html: bool = False) -> int:
    """Send one notice; return SENT, REFUSED, UNKNOWN or MISSING.

    url: an address in the form of apprise; it may hold a password.  html: the body is HTML; an
        email then has the text alone beside it.
    """
    try:
        import apprise
    except ImportError:
        return MISSING
    logging.disable(logging.CRITICAL)
    sender = apprise.Apprise()
    if not sender.add(url):
        return UNKNOWN
    kind = apprise.NotifyFormat.HTML if html else apprise.NotifyFormat.TEXT
    taken = sender.notify(body, title, body_format=kind)
    return SENT if taken else REFUSED


if __name__ == "__main__":
    sys.exit(send(**json.load(sys.stdin)))
