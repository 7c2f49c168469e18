"""Changes to the names that a household answers or forwards itself, in the manner of `edits.py`:
local names, rewrites and split upstreams.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.household.check import KnownIds, is_protected
from copdns.household.edit_checks import parse_field, remove_one, validate
from copdns.model.addresses import (
    UpstreamAddress,
    domain,
    is_address,
)
from copdns.model.broad_names import is_broad
from copdns.model.encrypted_addresses import server_address, split_address
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, LocalName, NameRewrite, SplitUpstream
from copdns.model.local_records import local_value, scoped_local_domain, split_values
from copdns.model.matchers import parse_matcher
from copdns.model.scoped_names import EVERY_NAME, read_scoped_name


def set_local_name(
    household: Household, name: str, addresses: Iterable[str], known: KnownIds
) -> Household:
    """Give a name of this house its addresses and records, in place of those it had.

    name: for everyone or some, as `model/local_records.py` reads it.
    HouseholdError for a name that is protected or too broad (`broad_names.py`).
    """
    values = split_values(parse_field(local_value, text) for text in addresses)
    found = parse_field(scoped_local_domain, name)
    local = LocalName(found.name, *values, found.scope)
    _refuse_name(household, local.domain, known)
    others = tuple(each for each in household.local_names if each.key != local.key)
    return validate(replace(household, local_names=(*others, local)))


def remove_local_name(household: Household, name: str) -> Household:
    """Remove a local name, spelt in any way; HouseholdError where there is none."""
    key = str(parse_field(scoped_local_domain, name))
    names = remove_one(household.local_names, "key", key, "local name")
    return replace(household, local_names=names)


def set_rewrite(household: Household, text: str, target_name: str, known: KnownIds) -> Household:
    """Answer a name (or `*.name`, `=name`) with another name's data.

    HouseholdError for a name that is protected or too broad (`broad_names.py`), and for an address
    in place of the other name.
    """
    matcher = parse_matcher(text)
    if is_address(target_name):
        raise HouseholdError(
            "%(address)s is an IP address, and a rewrite points to a domain; to give %(domain)s an "
            "address, add a local DNS record (copdns local add %(domain)s %(address)s)",
            name="target",
            address=target_name.strip(),
            domain=matcher.name,
        )
    rewrite = NameRewrite(matcher, parse_field(domain, target_name))
    _refuse_name(household, rewrite.matcher.name, known)
    others = tuple(each for each in household.rewrites if each.matcher != rewrite.matcher)
    return validate(replace(household, rewrites=(*others, rewrite)))


def remove_rewrite(household: Household, text: str) -> Household:
    """Remove the rewrite of a name, written as in a rule; HouseholdError where there is none."""
    rewrites = remove_one(household.rewrites, "matcher", parse_matcher(text), "rewrite of")
    return replace(household, rewrites=rewrites)


def set_split_upstream(
    household: Household, name: str, upstreams: Iterable[str], known: KnownIds
) -> Household:
    """Ask other upstreams for a domain and all below it, for everyone or some (`scoped_names.py`).

    HouseholdError for a domain that is protected or too broad (`broad_names.py`), and for an
    upstream that could never answer.
    """
    servers = _read_upstreams(upstreams, known)
    found = parse_field(read_scoped_name, name)
    split = SplitUpstream(found.name, servers, found.scope)
    if split.name:
        _refuse_name(household, split.name, known)
    others = tuple(each for each in household.split_upstreams if each.key != split.key)
    return validate(replace(household, split_upstreams=(*others, split)))


def remove_split_upstream(household: Household, name: str) -> Household:
    """Forward a domain to the usual upstreams again; HouseholdError where it is not forwarded."""
    key = str(parse_field(read_scoped_name, name))
    splits = remove_one(household.split_upstreams, "key", key, "conditional forwarding for")
    return replace(household, split_upstreams=splits)


def set_usual_upstreams(
    household: Household, upstreams: Iterable[str], known: KnownIds
) -> Household:
    """Ask these upstreams for all names, unless the settings name some; raise HouseholdError."""
    split = SplitUpstream("", _read_upstreams(upstreams, known))
    others = tuple(each for each in household.split_upstreams if each.key != split.key)
    return validate(replace(household, split_upstreams=(*others, split)))


def remove_usual_upstreams(household: Household) -> Household:
    """Ask the DNS servers of the settings again; nothing changes where no others were chosen."""
    kept = tuple(each for each in household.split_upstreams if each.key != EVERY_NAME)
    return replace(household, split_upstreams=kept)


def _read_upstreams(texts: Iterable[str], known: KnownIds) -> tuple[str, ...]:
    """Return upstreams in normal form, each once; raise HouseholdError for one that could never
    answer, and for those that filter beside others: what is blocked would be up to chance."""
    servers = tuple(dict.fromkeys(parse_field(split_address, text) for text in texts))
    filters = []
    for server in servers:
        found = server_address(server)
        _refuse_upstream(found, known)
        filters.append(known.filters(found))
    if any(filters) and not all(filters):
        raise HouseholdError(
            "%(filtering)s blocks some sites on its own and %(other)s does not, so what is blocked"
            " would be up to chance; choose servers of one kind",
            name="upstreams",
            filtering=servers[filters.index(True)],
            other=servers[filters.index(False)],
        )
    return servers


def _refuse_upstream(upstream: UpstreamAddress, known: KnownIds) -> None:
    """Raise HouseholdError for an upstream that could never answer."""
    if known.is_copdns(upstream):
        raise HouseholdError(
            "%(upstream)s is this filter itself, so queries would go round in circles; write the "
            "address of another DNS server",
            name="upstreams",
            upstream=str(upstream),
        )
    if upstream.lacks_interface:
        raise HouseholdError(
            "%(upstream)s is valid on one link only; add the interface, such as %(example)s",
            name="upstreams",
            upstream=str(upstream),
            example="[fe80::1%eth0]:53",
        )


def _refuse_name(household: Household, name: str, known: KnownIds) -> None:
    """Raise HouseholdError for a name that a household may not answer or forward itself."""
    if is_broad(name):
        raise HouseholdError(
            "this would cover every site ending in .%(domain)s, which is too many; enter a "
            "single site, such as office.%(domain)s",
            name="name",
            domain=name,
        )
    if is_protected(household, known, name):
        raise HouseholdError(
            "%(domain)s is protected: it is always answered by the usual DNS servers, so this "
            "would have no effect",
            name="name",
            domain=name,
        )
