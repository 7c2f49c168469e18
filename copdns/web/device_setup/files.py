"""Files and lines for browsers, Windows, Linux and routers: how each is told of encrypted DNS, and
how it is removed again.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from copdns.web.device_setup.server import EncryptedServer

# Where Chrome and Edge look in Windows' registry; both know the same two policies.
_REGISTRY = (
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Google\Chrome",
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Edge",
)
_MODE, _TEMPLATES = "DnsOverHttpsMode", "DnsOverHttpsTemplates"


class Lines(NamedTuple):
    """Commands, one a line: those that set it up, and those that remove it."""

    begin: str
    end: str


def firefox_policies(server: EncryptedServer, *, may_fall_back: bool) -> str:
    """Return Firefox' `policies.json` (policy `DNSOverHTTPS`).

    may_fall_back: Firefox asks the system's resolver where copdns does not answer.  It is not
    locked, so that whoever uses the browser can see and change it.
    """
    policy = {
        "Enabled": True,
        "ProviderURL": server.https_url,
        "Locked": False,
        "Fallback": may_fall_back,
    }
    return _as_json({"policies": {"DNSOverHTTPS": policy}})


def chromium_policies(server: EncryptedServer, *, may_fall_back: bool) -> str:
    """Return a file of managed policies for Chrome, Chromium and Edge on Linux.

    may_fall_back: as for Firefox; the mode is `automatic` then, else `secure`.
    """
    return _as_json(_chromium(server, may_fall_back=may_fall_back))


def chromium_registry(server: EncryptedServer, *, may_fall_back: bool) -> str:
    """Return a `.reg` file with these policies for Chrome and Edge on Windows."""
    values = _chromium(server, may_fall_back=may_fall_back)
    return _registry(f'"{key}"="{_escape(value)}"' for key, value in values.items())


def chromium_registry_end() -> str:
    """Return the `.reg` file that removes these policies."""
    return _registry(f'"{key}"=-' for key in (_MODE, _TEMPLATES))


def netsh_lines(server: EncryptedServer, *, may_fall_back: bool) -> Lines:
    """Return what makes Windows 11 encrypt queries to copdns' addresses; for an administrator, in
    either of its shells, which both run netsh.

    The network goes on naming the resolver: where it names another one than copdns, nothing
    changes.  may_fall_back: in clear text where the encrypted way fails.
    """
    fallback = "yes" if may_fall_back else "no"
    begin = (
        f"netsh dns add encryption server={each} dohtemplate={server.https_url} "
        f"autoupgrade=yes udpfallback={fallback}"
        for each in server.addresses
    )
    end = (f"netsh dns delete encryption server={each}" for each in server.addresses)
    return _lines(begin, end)


def resolved_lines(server: EncryptedServer, *, may_fall_back: bool) -> Lines:
    """Return what makes systemd-resolved on Linux ask over TLS (`resolved.conf`); for root.

    may_fall_back: it tries port 853 of the resolver that the network names, and checks no
    certificate, so that another network changes nothing.  Otherwise it asks copdns alone, in every
    network: for a domain without a server of its own, resolved asks all that it knows.
    """
    file = "/etc/systemd/resolved.conf.d/copdns.conf"
    at = " ".join(f"{_at(each, server.tls_port)}#{server.tls_name}" for each in server.addresses)
    chosen = (
        "DNSOverTLS=opportunistic" if may_fall_back else rf"DNS={at}\nDNSOverTLS=yes\nDomains=~."
    )
    restart = "systemctl restart systemd-resolved"
    return _lines(
        (
            f"mkdir -p {file.rpartition('/')[0]}",
            rf"printf '[Resolve]\n{chosen}\n' > {file}",
            restart,
        ),
        (f"rm -f {file}", restart),
    )


def openwrt_lines(server: EncryptedServer) -> Lines:
    """Return what makes a router with OpenWrt in another home ask copdns (package
    https-dns-proxy); for its shell.

    The servers that the package comes with are removed, since it asks all that it has.  The
    resolvers of the router's provider find the address of copdns; one of a link is left out, whose
    zone means nothing to the package.  Newer versions of OpenWrt have apk, older ones opkg.
    """
    package = "https-dns-proxy"
    section = f"{package}.copdns"
    found = "sed -n '/%/!s/^nameserver //p' /tmp/resolv.conf.d/resolv.conf.auto | xargs | tr ' ' ,"
    return _lines(
        (
            f"apk --update-cache add {package} || {{ opkg update && opkg install {package}; }}",
            f"while uci -q delete {package}.@{package}[0]; do :; done",
            f"uci set {section}={package}",
            f"uci set {section}.resolver_url='{server.https_url}'",
            f'uci set {section}.bootstrap_dns="$({found})"',
            f"uci commit {package}",
            f"service {package} restart",
        ),
        (
            f"service {package} stop",
            f"apk del {package} || opkg remove {package}",
            f"rm -f /etc/config/{package}",
        ),
    )


def _chromium(server: EncryptedServer, *, may_fall_back: bool) -> dict[str, str]:
    return {
        _MODE: "automatic" if may_fall_back else "secure",
        _TEMPLATES: server.https_url,
    }


def _registry(values: Iterable[str]) -> str:
    """Return a file for regedit, which wants CRLF."""
    lines = tuple(values)
    parts = [f"[{key}]\r\n" + "".join(f"{line}\r\n" for line in lines) for key in _REGISTRY]
    return "\r\n".join(("Windows Registry Editor Version 5.00\r\n", *parts))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _as_json(values: object) -> str:
    return json.dumps(values, indent=2) + "\n"


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _lines(begin: Iterable[str], end: Iterable[str]) -> Lines:
    return Lines("\n".join(begin), "\n".join(end))
