"""Fixtures of several files: servers of DNS over TCP and over TLS, with clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from copdns.server.forwarders import NO_FORWARDERS, Forwarders
from tests.encrypted_server import make_certificate
from tests.unit.streams import Desk, Open, turn


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, in PEM form."""
    return make_certificate(tmp_path_factory.mktemp("certificate")).path


@pytest.fixture
async def desk() -> AsyncIterator[Open]:
    """Opens servers of DNS over TCP, or over TLS for a `certificate`."""
    opened: list[Desk] = []

    async def opener(forwarders: Forwarders = NO_FORWARDERS, **more: Any) -> Desk:
        opened.append(Desk(forwarders, **more))
        await opened[-1].open()
        return opened[-1]

    yield opener
    for each in opened:
        each.server.close()
        for client in each.clients:
            client.writer.close()
    await turn()


@pytest.fixture(params=["tcp", "tls"])
def either(desk: Open, certificate: Path, request: pytest.FixtureRequest) -> Open:
    """Opens servers of either."""
    return partial(desk, certificate=certificate) if request.param == "tls" else desk
