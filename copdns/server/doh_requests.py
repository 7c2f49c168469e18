"""DNS over HTTPS (RFC 8484), whatever the version of HTTP: what is asked, and how it is answered.

Every DNS reply is an HTTP success, a block or an error included (section 4.2.1); other statuses say
that no DNS message came.  Pure.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from copdns.dns.records import COUNTS_FORMAT, HEADER_SIZE, QUESTION_TAIL, read_records, skip_name
from copdns.dns.stream_options import PADDING
from copdns.model.device_tokens import token_in_path
from copdns.model.errors import CopdnsError, WireError

TYPE: Final = b"application/dns-message"
MAX_MESSAGE: Final = 65_535  # octets
GRANTED: Final = PADDING  # a time to keep connections is for HTTP to tell
METHODS: Final = b"GET, POST"

OK: Final = 200
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
METHOD_NOT_ALLOWED: Final = 405
LENGTH_REQUIRED: Final = 411
TOO_LARGE: Final = 413
UNSUPPORTED_TYPE: Final = 415
HEAD_TOO_LARGE: Final = 431
SERVER_ERROR: Final = 500

NOT_STORED: Final = b"no-store"
_RCODE_AT: Final = 3
_FAILURES: Final = frozenset({1, 2, 4, 5})  # rcodes of what may soon be otherwise, and has no TTL


class RequestError(CopdnsError):
    """A request without a DNS message that can be answered.  status: of its response."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class Request(NamedTuple):
    """What a request says before its body.

    target: path and query, as they came.  content_type: b"" for none.
    """

    method: bytes
    target: bytes
    content_type: bytes


def read_shown(request: Request) -> str | None:
    """Return what a request shows as its device's token; None for nothing.

    Raises RequestError for a path that is not ours.
    """
    try:
        return token_in_path(request.target.partition(b"?")[0])
    except ValueError:
        raise RequestError(NOT_FOUND) from None


def check_head(request: Request) -> None:
    """Raise RequestError for a request that is wrong whatever its body is."""
    read_shown(request)
    if request.method == b"POST":
        if request.content_type.partition(b";")[0].strip().lower() != TYPE:
            raise RequestError(UNSUPPORTED_TYPE)
    elif request.method != b"GET":
        raise RequestError(METHOD_NOT_ALLOWED)


def read_message(request: Request, body: bytes) -> bytes:
    """Return the DNS message in a request; raise RequestError."""
    check_head(request)
    message = body if request.method == b"POST" else _from_query(request.target)
    if len(message) > MAX_MESSAGE:
        raise RequestError(TOO_LARGE)
    if len(message) < HEADER_SIZE:
        raise RequestError(BAD_REQUEST)
    return message


def _from_query(target: bytes) -> bytes:
    """Return the message of a GET: base64url, without padding (section 6) or with it."""
    _, _, query = target.partition(b"?")
    given = [each[4:] for each in query.split(b"&") if each.startswith(b"dns=")]
    if len(given) != 1:
        raise RequestError(BAD_REQUEST)
    text = unquote_to_bytes(given[0]).rstrip(b"=")
    if text.translate(None, _BASE64URL):
        raise RequestError(BAD_REQUEST)  # else Python drops what it does not know
    try:
        return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise RequestError(BAD_REQUEST) from error


_BASE64URL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def cache_control(reply: bytes) -> bytes:
    """Return for how long a reply may be kept, and by whom: whoever asked (section 5.1).

    The replies to two people differ, so nobody may share one.
    """
    if reply[_RCODE_AT] & 0xF in _FAILURES:
        return NOT_STORED
    _, questions, answers, authorities, _ = COUNTS_FORMAT.unpack_from(reply, 2)
    at = HEADER_SIZE
    try:
        for _ in range(questions):
            at = skip_name(reply, at) + QUESTION_TAIL
        # Without an answer there is an SOA record, whose TTL is that of "there is none".
        records = read_records(reply, at, answers or authorities)
    except WireError:
        return NOT_STORED
    if not records:
        return NOT_STORED
    return b"private, max-age=%d" % min(each.ttl for each in records)
