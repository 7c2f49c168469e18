"""Which addresses names had lately, so that a connection outlives a change of them.

A help site that moves to another address while somebody chats must not end that chat.  The help
names have one entry for all, and what is in it says nothing of who asked.  Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from math import inf
from typing import Final

from copdns.model.addresses import Network
from copdns.model.errors import FirewallError

HELP: Final = ""  # stands for all help names
KEPT_FOR: Final = 86_400  # seconds after an address was seen last
FETCH_AFTER: Final = 300  # seconds for which a name is not asked for again
MOST_ADDRESSES: Final = 4096  # of a name


@dataclass
class SeenAddresses:
    """Addresses by name, each with when it was seen last, in epoch seconds."""

    _seen: dict[str, dict[Network, int]] = field(default_factory=dict)

    def is_due(self, name: str, now: int) -> bool:
        """Tell whether a name is to be asked for: it is not known, or was not seen lately."""
        last = max(self._seen.get(name, {}).values(), default=-inf)
        return not 0 <= now - last < FETCH_AFTER

    def see(self, name: str, addresses: Iterable[Network], now: int) -> None:
        """Note the addresses that a name has now."""
        before = self._seen.get(name, {})
        kept = {each: at for each, at in before.items() if 0 <= now - at <= KEPT_FOR}
        kept |= dict.fromkeys(addresses, now)
        newest = sorted(kept, key=lambda each: (-kept[each], str(each)))[:MOST_ADDRESSES]
        self._seen[name] = {each: kept[each] for each in newest}

    def of(self, name: str, now: int) -> tuple[Network, ...]:
        """Return the addresses that a name had lately."""
        return tuple(e for e, at in self._seen.get(name, {}).items() if 0 <= now - at <= KEPT_FOR)

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all other names."""
        kept = set(names)
        self._seen = {name: found for name, found in self._seen.items() if name in kept}

    def dump(self) -> str:
        """Return all as JSON, for `read_seen`."""
        found = {
            name: {str(each): at for each, at in seen.items()} for name, seen in self._seen.items()
        }
        return json.dumps({"seen": found})


def read_seen(text: str) -> SeenAddresses:
    """Read what `dump` wrote; raise FirewallError for anything else."""
    try:
        found: Mapping[str, Mapping[str, int]] = json.loads(text)["seen"]
        return SeenAddresses(
            {
                name: {ip_network(each): int(at) for each, at in seen.items()}
                for name, seen in found.items()
            }
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FirewallError("it is not what copdns wrote") from error
