"""Who has how many connections, and whose ends where there are too many.  Pure.

A client with few connections never loses one to a client with thousands.  A device with IPv6 has
many addresses, so those of one /64 count as one client.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

AS_STRANGER = ""  # as whose all connections count on which no token was shown, where one must be
NETWORK_OCTETS = 8  # of an IPv6 address: the network of a household

T = TypeVar("T")


class Places(Generic[T]):
    """Connections that are open.

    by_client: how many each client has; `client_of` says what a client is.
    """

    def __init__(self, limit: int, client_limit: int = 0) -> None:
        """limit: of all connections.  client_limit: of one client's; 0 for none of its own."""
        self._limit = limit
        self._client_limit = client_limit
        self._clients: dict[T, str] = {}  # the longest silent first
        self.by_client: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, connection: object) -> bool:
        return connection in self._clients

    @property
    def all(self) -> list[T]:
        """Return all connections, the longest silent first."""
        return [*self._clients]

    def add(self, connection: T, address: str) -> T | None:
        """Take in a new connection; return the one that has to end for it, or None.

        That is the longest silent one of the client itself, or of the client with the most; of all
        such clients where several have as many, so that who has many networks ends nobody's that is
        in use.
        """
        client = client_of(address)
        self._clients[connection] = client
        count = self.by_client[client] = self.by_client.get(client, 0) + 1
        if self._client_limit and count > self._client_limit:
            return self._longest_silent(client)
        if len(self._clients) > self._limit:
            most = max(self.by_client.values())
            return next(e for e, whose in self._clients.items() if self.by_client[whose] == most)
        return None

    def note_use(self, connection: T) -> None:
        """Note that a connection was not silent."""
        client = self._clients.pop(connection, None)
        if client is not None:
            self._clients[connection] = client

    def remove(self, connection: T) -> None:
        """Forget a connection; one that was forgotten already is no mistake."""
        client = self._clients.pop(connection, None)
        if client is not None:
            self.by_client[client] -= 1
            if not self.by_client[client]:
                del self.by_client[client]

    def _longest_silent(self, client: str) -> T:
        return next(each for each, whose in self._clients.items() if whose == client)


def client_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 one."""
    if ":" not in address:
        return address
    found = ip_address(address.partition("%")[0])
    if not isinstance(found, IPv6Address) or found.ipv4_mapped:
        return str(found)
    return found.packed[:NETWORK_OCTETS].hex()
