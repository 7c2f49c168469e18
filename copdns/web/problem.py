"""Errors for programs: application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

API_PREFIX = "/api/"
PROBLEM = "application/problem+json"


class Mistake(NamedTuple):
    """at: where in what was sent, as a JSON pointer (RFC 6901), or the name of a parameter."""

    at: str
    what: str


class Refused(Exception):  # noqa: N818 - no error of ours: a reply
    """An operation is refused with an HTTP status and a reason."""

    def __init__(
        self,
        status: int,
        detail: str,
        mistakes: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.mistakes = tuple(mistakes)
        self.headers = dict(headers or {})


def is_for_programs(request: web.Request) -> bool:
    """Tell whether a request is for the API, whose errors are JSON (RFC 9457)."""
    return request.path.startswith(API_PREFIX)


def problem(
    status: int,
    detail: str,
    mistakes: Sequence[Mistake] = (),
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the response that refuses.  detail: a sentence for people.  mistakes: all of them."""
    values: dict[str, object] = {
        "type": "about:blank",  # so the title is that of the status (RFC 9457 section 4.2.1)
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if mistakes:
        values["errors"] = [each._asdict() for each in mistakes]
    more = dict(headers or {})
    if status == web.HTTPUnauthorized.status_code:
        more["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=status, body=json.dumps(values).encode(), content_type=PROBLEM, headers=more
    )
