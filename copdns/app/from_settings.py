"""What the running program makes of its settings, and which of them a reload can change."""

from __future__ import annotations

from copdns.dns.cache import Cache
from copdns.dns.failures import Failures
from copdns.model.hosts import WHY_HOST, secure_url
from copdns.policy.judge import RebindingGuard
from copdns.server.limits import Limits
from copdns.settings.config import (
    CacheSettings,
    LimitSettings,
    RebindingSettings,
    Settings,
)
from copdns.web.https import HttpsOffer


def new_cache(chosen: CacheSettings) -> Cache:
    """Return an empty cache of responses."""
    return Cache(
        chosen.entries,
        chosen.megabytes << 20,
        chosen.max_ttl,
        chosen.max_negative_ttl,
        chosen.max_stale,
        chosen.refresh,
    )


def new_failures(chosen: CacheSettings) -> Failures:
    """Return an empty memory of questions that failed."""
    return Failures(chosen.failure_ttl)


def new_limits(chosen: LimitSettings) -> Limits:
    """Return the bounds of clients, of which none has used anything."""
    return Limits(chosen.client, chosen.subnet, chosen.domain)


def new_rebinding_guard(chosen: RebindingSettings) -> RebindingGuard:
    """Return what keeps outside names from pointing into the home."""
    return RebindingGuard(chosen.enabled, chosen.allow, chosen.names)


def own_lists(settings: Settings) -> frozenset[str]:
    """Return the slugs of the lists that the settings define."""
    files = {each.slug for each in settings.lists}
    return frozenset(files | {each.slug for each in settings.sources.own})


def about_responses(settings: Settings) -> object:
    """Return the settings by which responses are fetched, and by which they are stored."""
    return settings.upstreams, settings.cache


def forwards_subnets(settings: Settings) -> bool:
    """Tell whether an upstream is told from which network a device says that it asks."""
    return any(each.forward for each in settings.upstreams.client_subnet)


def secure_child_page(settings: Settings, offer: HttpsOffer) -> str:
    """Return the address of the children's page by HTTPS; "" where there is none.

    By a name for which browsers know the certificate, if there is one that the pages answer to.
    """
    if not offer.port:
        return ""
    names = (settings.encrypted.name, *settings.web.hosts, WHY_HOST)
    known = (each for each in names if each in settings.web.hosts and offer.is_trusted_for(each))
    return secure_url(next(known, WHY_HOST), offer.port)


def fixed_settings(settings: Settings) -> object:
    """Return the settings that only a restart changes."""
    dns = settings.dns
    tcp = dns.tcp_idle, dns.tcp_connections, dns.tcp_in_flight
    ours = settings.encrypted, settings.web, settings.data, settings.provider
    return dns.port, tcp, *ours, settings.node
