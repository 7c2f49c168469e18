"""Somebody who opens pages of the running program from an address of theirs, without a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import urlencode

from tests.running import PATIENCE, Program

PASSWORD = "seven green bottles"


class Page(NamedTuple):
    """location: where it leads, "" for a page itself."""

    status: int
    text: str
    location: str


@dataclass
class Visitor:
    """cookies: kept from page to page, and from one start of the program to the next."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, program: Program, path: str) -> Page:
        return self._ask(program, "GET", path)

    def send(self, program: Program, path: str, **fields: str) -> Page:
        return self._ask(program, "POST", path, fields)

    def _ask(
        self, program: Program, method: str, path: str, fields: Mapping[str, str] | None = None
    ) -> Page:
        with closing(self.begin(program, method, path, fields)) as connection:
            return self._read(connection.getresponse())

    def begin(
        self, program: Program, method: str, path: str, fields: Mapping[str, str] | None = None
    ) -> HTTPConnection:
        """Send a request and wait for nothing."""
        connection = HTTPConnection(
            "127.0.0.1", program.web_port, timeout=PATIENCE, source_address=(self.address, 0)
        )
        headers = {
            "Accept": "text/html",
            "Cookie": "; ".join(f"{key}={value}" for key, value in self.cookies.items()),
            "Origin": f"http://127.0.0.1:{program.web_port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(fields or {}) if method == "POST" else None
        connection.request(method, path, body, headers)
        return connection

    def _read(self, reply: HTTPResponse) -> Page:
        for each in reply.headers.get_all("Set-Cookie", []):
            self.cookies |= {key: found.value for key, found in SimpleCookie(each).items()}
        return Page(reply.status, reply.read().decode(), reply.headers.get("Location", ""))


def set_up(program: Program, guardian: Visitor, name: str = "Ada") -> None:
    """Make the first account with the code from the console, and log in."""
    code = json.loads(program.command("account", "code", "--json").stdout)["code"]
    fields = {"code": code, "name": name, "password": PASSWORD, "again": PASSWORD}
    page = guardian.send(program, "/guardian/setup", **fields)
    assert page.status == 303, page.text
