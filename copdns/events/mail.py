"""Send one email to somebody, by the first mail address among the notices of the settings.

That address has the server, the name and the password; only who gets the email is another.
`send_notice.py` sends it, as text and as HTML.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes, send_message

_SCHEMES = ("mailto", "mailtos")
_OF_WHOM = frozenset({"to", "cc", "bcc", "format"})
NO_SERVER = "no email is set up: the settings have no mailto:// address among events.notices"


class Mail(NamedTuple):
    """An email.  html: a whole document; its text alone is sent beside it."""

    title: str
    html: str


def mail_server_of(notices: Iterable[str]) -> str:
    """Return the address by which email is sent; "" where the settings have none."""
    return next((each for each in notices if each.partition(":")[0] in _SCHEMES), "")


def address_for(server: str, recipient: str) -> str:
    """Return the address by which an email reaches one recipient, and nobody else."""
    parts = urlsplit(server)
    stays = [pair for pair in parse_qsl(parts.query, True) if pair[0].lower() not in _OF_WHOM]
    asked = urlencode([*stays, ("to", recipient), ("format", "html")], quote_via=quote)
    return parts._replace(path="", query=asked).geturl()


async def send_mail(
    notices: Iterable[str], recipient: str, mail: Mail, times: DeliveryTimes = DEFAULT_TIMES
) -> str:
    """Send an email; return what went wrong, "" for nothing.  It may be tried several times."""
    server = mail_server_of(notices)
    if not server:
        return NO_SERVER
    fields = {"url": address_for(server, recipient), "title": mail.title, "body": mail.html}
    return await send_message({**fields, "html": True}, times)
