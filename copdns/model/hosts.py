"""Where the pages are: the names that this machine has for every device, and their addresses.

The ports are those of the settings, since an address that leaves out an unusual one leads nowhere.
Pure.
"""

from __future__ import annotations

from typing import Final

DESK_HOST: Final = "copdns.home.arpa"
WHY_HOST: Final = "why.home.arpa"  # the children's: to be read aloud
OWN_HOSTS: Final = frozenset({DESK_HOST, WHY_HOST})

_HTTP: Final = 80
_HTTPS: Final = 443


def child_page_url(port: int) -> str:
    """Return the address of the children's page.  port: that of the pages without TLS."""
    return f"http://{WHY_HOST}{_colon(port, _HTTP)}/"


def secure_url(host: str, port: int) -> str:
    """Return the address of the pages on a host by HTTPS."""
    return f"https://{host}{_colon(port, _HTTPS)}/"


def desk_url(port: int, tls_port: int | None, host: str = DESK_HOST) -> str:
    """Return the address of the guardians' pages: with TLS, where it is not turned off.

    host: another name of this machine, or its address.
    """
    host = f"[{host}]" if ":" in host else host
    if tls_port:
        return f"https://{host}{_colon(tls_port, _HTTPS)}/guardian/"
    return f"http://{host}{_colon(port, _HTTP)}/guardian/"


def _colon(port: int, usual: int) -> str:
    return "" if port == usual else f":{port}"
