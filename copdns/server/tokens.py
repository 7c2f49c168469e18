"""Who asks on an encrypted connection: a device by its token, else whoever has the address.

All transports look here, so that a token counts the same over each: as a label of the server name
(SNI), or behind the path of DNS over HTTPS, which wins.  A wrong token, a revoked one, and none
where there must be one, take the same work and end the same (docs/encrypted-dns.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from copdns.model.device_tokens import shown_token, token_in_name
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Snapshot


class DeviceTokens(NamedTuple):
    """How devices say which one they are.

    name: of the listener, below which a label is a token; "" for none.  only: nobody is answered
    for the address that they have.
    """

    name: str = ""
    only: bool = False

    def by_name(self, requestor: Requestor, asked: str | None) -> Requestor:
        """Return who asks, by the server name that was asked for; None for a client without SNI."""
        shown = token_in_name(asked, self.name)
        return replace(requestor, token=shown_token(shown, tokens_only=self.only))

    def by_path(self, requestor: Requestor, shown: str | None) -> Requestor:
        """Return who asks, by what stands behind the path; None for nothing.

        requestor: as the connection has it.
        """
        token = shown_token(shown, tokens_only=self.only)
        return requestor if shown is None else replace(requestor, token=token)


NO_TOKENS: Final = DeviceTokens()


def is_refused(snapshot: Snapshot, requestor: Requestor) -> bool:
    """Tell whether someone showed a token, or should have, and is not served for it.

    There is no answer then, not even one that says so: a device that uses encryption where it can
    would take that for one, and not go on without (Android's "automatic").
    """
    return bool(requestor.token) and not snapshot.identify(requestor).household
