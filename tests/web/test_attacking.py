"""What outside tools find wrong is told: with an API that breaks its own word, and with pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.web.attacking import breaches, findings
from tests.web.proxy import serving

pytestmark = pytest.mark.whole  # it is about the tests themselves

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Small", "version": "1"},
    "paths": {
        "/half/{number}": {
            "get": {
                "parameters": [
                    {
                        "name": "number",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "minimum": 0},
                    }
                ],
                "responses": {
                    "200": {
                        "description": "Its half.",
                        "content": {"application/json": {"schema": {"type": "number"}}},
                    },
                    "404": {"description": "No number."},
                },
            }
        }
    },
}


class _Half(BaseHTTPRequestHandler):
    """Halves numbers, as its document says; /liar fails on those that are large."""

    lies = False

    def do_GET(self) -> None:
        number = self.path.rpartition("/")[2]
        if self.path == "/openapi.json":
            self._send(200, DOCUMENT)
        elif not (number.isascii() and number.isdigit()):
            self._send(404, None)
        elif self.lies and int(number) > 0:
            self._send(500, None)
        else:
            self._send(200, int(number) / 2 if len(number) < 300 else 0)

    def _send(self, status: int, value: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def _no(self) -> None:
        self.send_response(405)
        self.send_header("Allow", "GET")
        self.end_headers()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_QUERY = _no  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Liar(_Half):
    lies = True


@pytest.fixture(params=[_Half, _Liar])
def api(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), request.param)) as port:
        yield port, request.param.lies


def test_what_an_api_does_against_its_document_is_told(api: tuple[int, bool]) -> None:
    port, lies = api
    found = breaches(f"http://127.0.0.1:{port}/openapi.json", examples=10)
    assert ("Server error" in found) is lies, found
    assert bool(found) is lies, found


FOUND = {"method": "GET", "path": "/ask", "info": "It can be sent from elsewhere"}


def report(pages: int, *found: object) -> dict[str, object]:
    return {
        "infos": {"crawled_pages_nbr": pages},
        "vulnerabilities": {"Forged requests": found, "Scripts": []},
        "anomalies": {},
    }


def test_what_wapiti_finds_is_a_line_each() -> None:
    assert list(findings(report(3))) == []
    assert list(findings(report(3, FOUND))) == [
        "Forged requests: GET /ask: It can be sent from elsewhere"
    ]


def test_a_wapiti_that_saw_nothing_has_not_found_nothing() -> None:
    with pytest.raises(ValueError, match="no page"):
        list(findings(report(0)))
