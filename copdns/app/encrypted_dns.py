"""Encrypted DNS, where the settings want it: its certificate, its ports, and what went wrong.

A failure is logged and shown as a warning.  Plain DNS and the pages work without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from copdns.dns.service_params import OpenPort
from copdns.model.errors import CopdnsError
from copdns.policy.snapshot import Snapshot
from copdns.server.answer import Resolver
from copdns.server.connection import ClientConnection, StreamLimits
from copdns.server.places import Places
from copdns.server.secure_listeners import SecureListeners
from copdns.server.tls import Handshakes, SecurePort, harden, speak_dns
from copdns.server.tokens import DeviceTokens
from copdns.settings.config import Settings
from copdns.time.clock import Moment
from copdns.web.certificate import Certificate
from copdns.web.https import own_names

if TYPE_CHECKING:
    from copdns.server.quic import QuicPort

log = structlog.get_logger("copdns")


class EncryptedDns:
    """The encrypted listeners, and the renewal of their certificate."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        resolver: Resolver,
        clock: Callable[[], Moment],
        is_clock_wrong: Callable[[], bool],
    ) -> None:
        """is_clock_wrong: tells whether the clock certainly does not show the time."""
        self._chosen = chosen = settings.encrypted
        self._limits = StreamLimits(chosen.idle, chosen.connections, settings.dns.tcp_in_flight)
        self._certificate = Certificate(folder, settings.encrypted_files, with_authority=False)
        self._resolver = resolver
        self._clock = clock
        self._is_clock_wrong = is_clock_wrong
        self._places: Places[ClientConnection] = Places(
            chosen.connections, chosen.client_connections
        )
        self._handshakes = Handshakes(chosen.handshakes)
        self._tokens = DeviceTokens(chosen.name, chosen.public)
        resolver.on_snapshot = self._drop_revoked
        self._listeners: SecureListeners | None = None  # None: no certificate yet, or it is off
        self._trouble = ""
        self._names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names and addresses that the certificate in use is for."""
        return self._names

    def ports_at(self, address: str) -> Sequence[OpenPort]:
        """Return what is open at an address of this machine for devices without a token.

        A device that is told of a port where it gets no answer would go on asking there.
        """
        if self._tokens.only:
            return ()
        return self._listeners.ports_at(address) if self._listeners else ()

    @property
    def warning(self) -> str:
        """Return what is wrong, as a sentence for people; "" for nothing."""
        return self._trouble or (self._listeners.warning if self._listeners else "")

    def count_handshakes(self) -> Mapping[str, int]:
        """Return how many handshakes ended since the start, by how they ended."""
        return self._handshakes.counts if self._chosen.is_on else {}

    def count_connections(self) -> Mapping[str, int]:
        """Return how many encrypted connections are open, by transport."""
        return self._listeners.count_connections() if self._listeners else {}

    async def follow(self, addresses: Iterable[str]) -> None:
        """Listen at these addresses and at no others, with the certificate as it is now."""
        if not self._chosen.is_on:
            return
        try:
            if self._listeners is None:
                ports = await asyncio.to_thread(self._begin)
                self._listeners = SecureListeners(
                    self._resolver, self._clock, ports, self._places, self._handshakes
                )
                changed = True
            else:
                changed = await asyncio.to_thread(self._refresh)
        except (CopdnsError, OSError) as error:
            self._warn(str(error))
        else:
            self._trouble = "" if changed else self._trouble
            if changed:
                self._names = await asyncio.to_thread(self._certificate.read_names)
                log.info("encrypted DNS has a certificate", sha256=self._certificate.fingerprint)
        if self._listeners is not None:
            await self._listeners.follow(addresses)

    def _begin(self) -> list[SecurePort | QuicPort]:
        now, is_wrong = self._clock().wall, self._is_clock_wrong()
        self._certificate.begin(own_names(), now, is_clock_wrong=is_wrong)
        return [*self._make_ports()]

    def _make_ports(self) -> Iterator[SecurePort | QuicPort]:
        chosen, limits = self._chosen, self._limits
        if chosen.tls_port:
            context = self._certificate.context_for(("dot",), harden)
            setting = "encrypted.tls_port"
            yield SecurePort(
                "tls",
                "DNS over TLS",
                chosen.tls_port,
                setting,
                context,
                limits,
                speak_dns,
                tokens=self._tokens,
            )
        if chosen.https_port:
            doh = import_module("copdns.server.doh")  # most do without, and it takes 7 MB
            context = self._certificate.context_for(("h2", "http/1.1"), harden)
            setting = "encrypted.https_port"
            yield SecurePort(
                "https",
                "DNS over HTTPS",
                chosen.https_port,
                setting,
                context,
                limits,
                doh.speak_http,
                doh.READ_SIZE,
                self._tokens,
            )

        if chosen.quic_port:
            yield self._make_quic_port()

    def _make_quic_port(self) -> QuicPort:
        quic = import_module("copdns.server.quic")  # as above, and 12 MB
        idle = self._limits.idle

        def configure(certificate: Path, key: Path) -> Any:
            return quic.make_configuration(certificate, key, idle)

        made: QuicPort = quic.QuicPort(
            "quic",
            "DNS over QUIC",
            self._chosen.quic_port,
            "encrypted.quic_port",
            self._certificate.follow(configure),
            self._limits,
            self._tokens,
        )
        return made

    def _refresh(self) -> bool:
        now, is_wrong = self._clock().wall, self._is_clock_wrong()
        return self._certificate.refresh(own_names(), now, is_clock_wrong=is_wrong)

    def _warn(self, text: str) -> None:
        if self._trouble != f"encrypted DNS: {text}":
            self._trouble = f"encrypted DNS: {text}"
            log.warning("encrypted DNS has no new certificate, or none", error=text)

    def _drop_revoked(self, snapshot: Snapshot) -> None:
        if self._listeners is not None:
            self._listeners.drop_revoked(snapshot)

    def close(self) -> None:
        """Stop listening, and drop all connections."""
        if self._listeners is not None:
            self._listeners.close()
