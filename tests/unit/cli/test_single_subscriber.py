"""No setting, role, command or generated configuration records, copies or redirects one subscriber.

Each list here is closed: whoever adds to what it is about reads this, and adds it with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import click
import pytest

from copdns.cli import main
from copdns.cli.operator_edits import check_operator_edit
from copdns.model.errors import HouseholdError
from copdns.model.household import (
    Band,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import Matcher
from copdns.provider.law.events import KeptRecord
from copdns.provider.plane.dnsdist import dnsdist_config
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.plane.unbound import unbound_config
from copdns.provider.staff.duties import DUTIES, Duty
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from tests.unit.provider.plane.test_configs import NODE, RESOLVER, code

FULL_NODE = replace(
    NODE,
    tls_listen=("192.0.2.53:853",),
    https_listen=("192.0.2.53:443",),
    certificate="/c",
    key="/k",
    dnstap="/run/dnstap",
    source="192.0.2.53",
    is_public=True,
)
# No TeeAction (a copy), no LogAction, DnstapLogAction or RemoteLogAction (a record of queries).
DNSDIST = {
    *("addLocal", "addTLSLocal", "addDOHLocal", "addAction", "addResponseAction"),
    *("addSelfAnsweredResponseAction", "addCacheHitResponseAction"),
    "setDropEmptyQueries",  # what has no question gets no answer
    *("setACL", "setSecurityPollSuffix", "setRingBuffersOptions", "setVerbose"),
    *("setVerboseHealthChecks", "newServer", "newPacketCache", "newLMDBKVStore"),
    "newFrameStreamUnixLogger",  # blocks by security, below
    *(
        "setCache",
        "setTag",
        "AndRule",
        "AllRule",
        "EDNSOptionRule",
        "TagRule",
        "PoolAvailableRule",
        "NotRule",
        "RCodeRule",
    ),
    *("OrRule", "TCPRule", "HTTPPathRegexRule"),  # what came with a token, whoever's
    *("HTTPStatusAction", "DropAction"),  # a token that is nobody's gets no answer
    "SetEDNSOptionAction",  # a MAC address that no listed router told says nothing
    "NetmaskGroupRule",  # this machine, below, and the networks of all subscribers
    *("LuaFFIPerThreadAction", "SetTagAction", "PoolAction", "NegativeAndSOAAction"),
    *("LuaResponseAction", "SetExtendedDNSErrorResponseAction", "LimitTTLResponseAction"),
    *("SetEDNSOptionResponseAction", "DnstapLogResponseAction"),
    # Lists of hashes, of the law: an answer loses its records, and is not kept.
    *("ClearRecordTypesResponseAction", "SetSkipCacheResponseAction"),
    # Whose records an answer has is looked up there, too, and kept nowhere; and it is not signed.
    *("newDNSPacketOverlay", "setAD"),
    # A response that leads to a listed name is one block in its place, and nothing else.
    *("RecordsTypeCountRule", "QTypeRule", "setContent"),
    # How many connections any address may open.
    *("setMaxTCPConnectionsPerClient", "setTCPConnectionsMaskV6", "setTCPConnectionRateInterval"),
    *("setMaxTCPConnectionRatePerClient", "setMaxTLSNewSessionRatePerClient"),
    "setBanDurationForExceedingTCPTLSRate",
}
UNBOUND = {  # sections and options, but for those that only harden, limit or keep quiet
    *("server", "view", "rpz", "interface", "access-control", "access-control-view", "name"),
    *("view-first", "local-zone", "local-data", "zonefile", "module-config", "include"),
    *("client-subnet-zone", "auto-trust-anchor-file", "private-address", "private-domain"),
}
HARMLESS = re.compile(
    r"log-|val-|harden-|iter-scrub-|hide-|qname-|aggressive-|use-caps|unwanted-|edns-buffer|deny-"
    r"|minimal-|num-queries|outgoing-range|jostle|discard-|ip-ratelimit|wait-limit|ratelimit|so-"
    r"|ede$|prefetch|serve-expired|client-subnet-always|max-client-subnet|verbosity"
)
NODE_SETTINGS = {
    *("site", "name", "canary", "folder", "listen", "tls_listen", "https_listen", "certificate"),
    *("key", "resolvers", "unbound_control", "safe_source", "copdns", "root_key", "zone_limit"),
    "hashed_lists",  # of the law: what nobody is answered
    "networks",  # of all subscribers: who is answered
    "tenants",  # of all whose line is not known: whether security lists hold for them
    "other_networks",  # answered too, without the layer of families: it takes filters away alone
    "dnstap",  # what security lists blocked, of all
    "subnet_zones",
    "encrypted_name",  # below which the names of tokens are
    "public",  # whether tokens, of all, count in every network
    "mac_networks",  # of routers, whose families' devices have rules of their own
    "subnet_source",  # an address of this machine
    *("radius_listen", "radius", "radius_line", "bindings_listen", "bindings_token", "kept_for"),
}
PROVIDER_SETTINGS = {
    *("database", "kept", "rollouts"),
    "pages",  # the address of all families' pages
    "show_pages",  # whether any family has some here
    "household",  # which one commands are about, and what they may change is below
}
# Words in names of what commands take; a household is named where its tenant is noted.
OF_ONE = {"subscriber", "line", "household", "address", "client", "ip", "profile", "device"}
COMMANDS = {("provider tenant assign", "household"), ("provider serve", "client")}  # of OpenID


def test_dnsdist_has_no_line_that_copies_or_records_queries() -> None:
    text = dnsdist_config(FULL_NODE)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    called = r"\b((?:add|set|new)[A-Z]\w*|[A-Z]\w*(?:Action|Rule))\s*[({]"
    found = set(re.findall(called, "\n".join(lines)))
    assert found <= DNSDIST, found - DNSDIST
    told = [line for line in lines if "DnstapLogResponseAction" in line]
    ours = 'NotRule(NetmaskGroupRule({"127.0.0.1/32", "::1/128"}))'
    away = 'NotRule(TagRule("away", "1"))'
    for tag, line in zip(("done", "inside"), told, strict=True):
        assert f'AndRule{{TagRule("{tag}", "security"), {ours}, {away}}}' in line
    everyone = '{"198.51.100.0/24", "2001:db8::/32", "127.0.0.1/32", "::1/128"}'
    assert f"local elsewhere = NotRule(NetmaskGroupRule({everyone}))" in lines
    assert text.count("NetmaskGroupRule") == 3


def test_no_line_is_about_some_subscribers_but_who_is_answered_and_the_strangers_group() -> None:
    text = dnsdist_config(FULL_NODE)
    about = [line for line in text.splitlines() if re.search(r"198\.51\.100|198, 51, 100", line)]
    assert [line.split("(")[0].strip() for line in about] == [
        '{{198, 51, 100, 0}, 24, "007-"},',
        '{{198, 51, 100, 0}, 24, "007-"},',  # again, for responses
        '{{198, 51, 100, 0}, 24, "007-"},',  # again, for what comes with a token
        "local elsewhere = NotRule",  # where it is needed, as `is_public` says; else:
    ]
    text = dnsdist_config(replace(FULL_NODE, is_public=False))
    about = [line for line in text.splitlines() if "198.51.100" in line]
    assert [line.split("(")[0].strip() for line in about] == ["setACL"]


def test_unbound_has_no_line_about_who_asks_but_dnsdists_two_addresses() -> None:
    chosen = replace(RESOLVER, rules="/rules", anchors="/anchors", subnet_zones=("cdn.example",))
    lines = [line for line in code(unbound_config(chosen, SpecialNames())) if line[0] != "#"]
    options = {line.partition(":")[0] for line in lines}
    assert {each for each in options - UNBOUND if not HARMLESS.match(each)} == set()
    asking = [line for line in lines if line.startswith("access-control") and "allow" in line]
    assert asking == [f"access-control: 127.0.0.{last}/32 allow" for last in (1, 2)]
    assert not [line for line in lines if re.match(r"(log-|val-log).*: (yes|[1-9])", line)]


def test_each_setting_of_a_node_and_of_a_provider_is_about_all() -> None:
    assert set(NodeSection.model_fields) == NODE_SETTINGS
    assert set(ProviderSettings.model_fields) == PROVIDER_SETTINGS


def test_no_duty_of_the_staff_is_about_what_somebody_looks_up() -> None:
    assert set(Duty) == {
        *(Duty.SEE_STATUS, Duty.SEE_REGISTER, Duty.SEE_CONFIDENTIAL, Duty.KEEP_REGISTER),
        *(Duty.DECIDE_HOLDS, Duty.MANAGE_STAFF, Duty.SEE_DESK, Duty.DECIDE_DESK, Duty.SEE_FIGURES),
    }
    assert frozenset().union(*DUTIES.values()) <= set(Duty)
    assert set(KeptRecord) == {KeptRecord.BINDINGS, KeptRecord.ORDERS, KeptRecord.DECISIONS}


def test_no_command_of_a_provider_takes_a_subscriber() -> None:
    found = {
        (path, str(each.name))
        for path, command in _commands()
        for each in command.params
        if set(re.split(r"[_-]", str(each.name))) & OF_ONE
    }
    assert found == COMMANDS


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(main)
    waiting = [(name, main.get_command(context, name)) for name in ("provider", "node")]
    while waiting:
        path, command = waiting.pop()
        assert command is not None
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            waiting += [(f"{path} {name}", command.get_command(context, name)) for name in names]
        else:
            yield path, command


# --- what a shell could do to one household -------------------------------------------------------

MIA = Profile("mia", "Mia", Band.TO_9, privacy=PrivacyMode.COUNTS)
FAMILY = Household("ada", "Example family", profiles=(MIA,))
REWRITE = NameRewrite(Matcher("mail.example"), "post.example")
LOCAL = LocalName("mail.example", ("192.0.2.66",))
SPLIT = SplitUpstream("mail.example", ("192.0.2.66",))
WEEK = FullLogSpan(1_000, 2_000)


def with_profile(**chosen: object) -> Household:
    return replace(FAMILY, profiles=(replace(MIA, **chosen),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "key"),
    [
        (replace(FAMILY, rewrites=(REWRITE,)), "rewrites"),
        (replace(FAMILY, local_names=(LOCAL,)), "local_names"),
        (replace(FAMILY, split_upstreams=(SPLIT,)), "split_upstreams"),
        (with_profile(privacy=PrivacyMode.BLOCKED), "profiles.mia.privacy"),
        (with_profile(full_log=WEEK), "profiles.mia.full_log"),
        (with_profile(bypass_signs=True), "profiles.mia.bypass_signs"),
    ],
)
def test_a_command_at_a_provider_neither_redirects_nor_records(after: Household, key: str) -> None:
    with pytest.raises(HouseholdError, match=rf"the family alone decides this.*{key}"):
        check_operator_edit(FAMILY, after)
    assert check_operator_edit(after, FAMILY) is FAMILY  # what is there, it may take away
    assert check_operator_edit(after, after) is after


def test_what_blocks_or_opens_for_all_of_the_family_is_no_such_thing() -> None:
    after = with_profile(categories=frozenset({"dating"}), privacy=PrivacyMode.OFF)
    assert check_operator_edit(FAMILY, after) is after
