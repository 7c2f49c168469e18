"""A configuration profile for iPhone, iPad and Mac: encrypted DNS that lets go where it must.

The keys are those of Apple's device management documentation: `TopLevel` (a profile) and
`com.apple.dnsSettings.managed` (its payload).  A profile names nobody: it lies open on the device.
Pure.
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, NamedTuple

from copdns.model.addresses import Transport
from copdns.model.errors import HouseholdError
from copdns.web.device_setup.server import EncryptedServer

MEDIA_TYPE = "application/x-apple-aspen-config"
PAYLOAD = "com.apple.dnsSettings.managed"
# By this name a device finds out whether a network wants a login first, so it has to get that
# network's answer.
LOGIN_CHECK = "captive.apple.com"
_DOMAINS = bytes.fromhex("6ba7b8109dad11d180b400c04fd430c8")  # RFC 9562 section 6.6
MAX_NETWORKS, MAX_NAME = 8, 32  # names of Wi-Fi networks, and octets of one (IEEE 802.11 9.4.2.2)


class ProfileTexts(NamedTuple):
    """What people read on the device, in their language.

    title: in the list of profiles.  about: below it, with how to remove it, since that can be read
    without any name.  consent: what is asked before it is installed.
    """

    title: str
    about: str
    consent: str


class ProfileWishes(NamedTuple):
    """What a family chooses.

    may_fall_back: the device asks the network's own resolver while copdns does not answer; iOS 26
    and later know it, earlier ones find no name then.  networks: names of the Wi-Fi at home.
    is_off_at_home: a profile for everywhere does not apply there, where copdns answers without it
    too.
    """

    may_fall_back: bool = True
    networks: tuple[str, ...] = ()
    is_off_at_home: bool = True


USUAL_WISHES = ProfileWishes()


def make_profile(
    server: EncryptedServer,
    transport: Transport,
    device: Sequence[str],
    texts: ProfileTexts,
    wishes: ProfileWishes = USUAL_WISHES,
) -> bytes:
    """Return a profile as an XML property list, not signed.

    transport: TLS or HTTPS; the server has to have it.  device: what tells it from all others, such
    as household and id; a profile for the same device, server and transport replaces the older one,
    whatever its token.
    """
    seed = "/".join((server.identity, transport, *device))
    whole, inner = (_identity(f"{seed}/{part}") for part in ("profile", "payload"))
    payload = {
        **inner,
        "PayloadType": PAYLOAD,
        "PayloadDisplayName": texts.title,
        "DNSSettings": _dns_settings(server, transport, wishes),
        "OnDemandRules": _rules(server, wishes),
    }
    profile = {
        **whole,
        "PayloadType": "Configuration",
        "PayloadDisplayName": texts.title,
        "PayloadDescription": texts.about,
        "PayloadRemovalDisallowed": False,
        "ConsentText": {"default": texts.consent},
        "PayloadContent": [payload],
    }
    return plistlib.dumps(profile, sort_keys=False)


def read_networks(text: str) -> tuple[str, ...]:
    """Return names of Wi-Fi networks, one a line; HouseholdError for too many, and for a name that
    no network can have: a profile without it would not do what was chosen."""
    written = filter(None, (line.strip() for line in text.splitlines()))
    names = tuple(dict.fromkeys(written))
    for each in names:
        if len(each.encode()) > MAX_NAME or not each.isprintable():
            raise HouseholdError(
                "“%(written)s” cannot be the name of a Wi-Fi network: it is too long, or has "
                "characters that nobody sees",
                name="networks",
                written=each,
            )
    if len(names) > MAX_NETWORKS:
        raise HouseholdError(
            "a profile has room for %(most)s Wi-Fi networks; these are %(count)s",
            name="networks",
            most=MAX_NETWORKS,
            count=len(names),
        )
    return names


def _identity(seed: str) -> dict[str, Any]:
    uuid = _uuid(seed)
    return {
        "PayloadIdentifier": f"arpa.home.copdns.{uuid}",
        "PayloadUUID": uuid,
        "PayloadVersion": 1,
    }


def _uuid(seed: str) -> str:
    """Return the UUID of a text, always the same: version 5 (RFC 9562 section 5.5)."""
    octets = bytearray(sha1(_DOMAINS + seed.encode(), usedforsecurity=False).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x50
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex().upper()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _dns_settings(
    server: EncryptedServer, transport: Transport, wishes: ProfileWishes
) -> dict[str, Any]:
    settings: dict[str, Any] = (
        {"DNSProtocol": "HTTPS", "ServerURL": server.https_url}
        if transport is Transport.HTTPS
        else {"DNSProtocol": "TLS", "ServerName": server.tls_name}
    )
    if server.is_home_only:  # else the name leads to the right address everywhere
        settings["ServerAddresses"] = list(server.addresses)
    return settings | {"AllowFailover": wishes.may_fall_back}


def _rules(server: EncryptedServer, wishes: ProfileWishes) -> list[dict[str, Any]]:
    """Return on which networks it applies; the first rule that fits decides."""
    names = list(wishes.networks)
    at_home = (
        {"InterfaceTypeMatch": "WiFi", "SSIDMatch": names}
        if names
        else {"DNSServerAddressMatch": list(server.addresses)}
    )
    if server.is_home_only:
        return [{"Action": "Connect", **at_home}, {"Action": "Disconnect"}]
    exception = {"DomainAction": "NeverConnect", "Domains": [LOGIN_CHECK]}
    # At home copdns answers without it, also while its certificate is out of order.
    off_at_home = [{"Action": "Disconnect", **at_home}] if wishes.is_off_at_home else []
    return [*off_at_home, {"Action": "EvaluateConnection", "ActionParameters": [exception]}]
