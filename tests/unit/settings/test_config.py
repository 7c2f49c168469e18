"""Settings: their defaults, their limits, the environment, and the files and page about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import ConfigError
from copdns.model.events import EventKind
from copdns.settings import config
from copdns.settings.config import (
    ClientSubnet,
    LeaseFile,
    ListFile,
    OwnSource,
    Section,
    Settings,
    TrustedForwarder,
    Webhook,
    defaults_of,
    load,
    schema,
)
from copdns.settings.node import OtherNetwork, RadiusSender, TenantNetwork
from copdns.settings.provider import StaffNotice

ROOT = Path(__file__).parents[3]
FILE = "/etc/copdns/copdns.yaml"


def loaded(text: str, **environ: str) -> Settings:
    return load(text, FILE, environ)


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, **environ)
    return str(caught.value).replace(f"{FILE}:", "").splitlines()


def settings(shape: type[BaseModel] = Settings, above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting with its dotted key."""
    for name, field in shape.model_fields.items():
        if isinstance(field.default, Section):
            yield from settings(type(field.default), f"{above}{name}.")
        else:
            yield above + name, field


def test_an_empty_file_is_all_defaults() -> None:
    assert loaded("") == Settings()


def test_the_defaults_serve_a_home_and_nobody_else() -> None:
    found = Settings()
    assert (found.dns.port, found.web.port, found.data) == (53, 80, "/var/lib/copdns")
    assert found.dns.listen == found.web.listen == ("auto",)
    assert ip_network("192.168.0.0/16") in found.dns.allow
    assert not any(each.is_global for each in found.dns.allow)
    assert found.rebinding.enabled
    assert found.rebinding.allow == ()


def test_values_arrive_parsed() -> None:
    found = loaded(
        'dns: {listen: [127.0.0.1, "::0001"], allow: [192.0.2.9/24]}\n'
        'upstreams: {servers: [system, 192.0.2.1, "[2001:db8::1]:5353"]}\n'
        "rebinding: {names: [Work.Example.]}\n"
    )
    assert found.dns.listen == ("127.0.0.1", "::1")
    assert found.dns.allow == (ip_network("192.0.2.0/24"),)
    assert found.upstreams.servers == (
        "system",
        UpstreamAddress("192.0.2.1"),
        UpstreamAddress("2001:db8::1", 5353),
    )
    assert found.rebinding.names == ("work.example",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dns: {port: 0}", "1:7: dns.port: is 0; write at least 1"),
        ("dns: {port: 65536}", "1:7: dns.port: is 65536; write at most 65535"),
        ("dns: {block_ttl: 3601}", "1:7: dns.block_ttl: is 3601; write at most 3600"),
        ("dns: {listen: [eth0]}", "1:16: dns.listen.1: 'eth0' is not a valid address"),
        ("dns: {listen: []}", "1:7: dns.listen: is empty; add a value"),
        ("dns: {allow: [home]}", "1:15: dns.allow.1: 'home' is not a valid network"),
        ("upstreams: {servers: [dns.example]}", "1:23: upstreams.servers.1: 'dns.example' is no"),
        (
            "upstreams: {servers: ['192.0.2.1:0']}",
            "has no valid port; write a number from 1 to 65535",
        ),
        (
            "upstreams: {servers: ['[::1]:99999']}",
            "has no valid port; write a number from 1 to 65535",
        ),
        ("upstreams: {servers: [0.0.0.0]}", "is not the address of a single machine"),
        ("dns: {listen: [0.0.0.0]}", "is not an address to answer on"),
        ('web: {listen: ["::"]}', "is not an address to answer on"),
        (
            "upstreams: {servers: ['tls://dns.example']}",
            "nothing says where tls://dns.example is; write its address too",
        ),
        ("upstreams: {bootstrap: ['tls://192.0.2.1']}", "is not a valid address"),
        (
            "encrypted: {certificate: a.pem, key: a.pem}",
            "nothing uses this certificate, since encrypted.tls_port, encrypted.https_port and",
        ),
        (
            "encrypted: {tls_port: 853, certificate: a.pem}",
            "a certificate needs its key; write both files, or neither",
        ),
        (
            "encrypted: {tls_port: 853, https_port: 853}",
            "encrypted.tls_port is 853 too, and it does not speak HTTPS",
        ),
        (
            "encrypted: {name: dns.example}",
            "nothing uses this name, since encrypted.tls_port, encrypted.https_port and",
        ),
        ("encrypted: {tls_port: 53}", "encrypted.tls_port and dns.port are both 53 on auto"),
        ("encrypted: {https_port: 443}", "encrypted.https_port and web.tls_port are both 443"),
        ("encrypted: {tls_port: 853, public: true}", "set encrypted.name"),
        ("encrypted: {tls_port: 853, name: 'a b'}", "encrypted.name: "),
        ("encrypted: {tls_port: 853, unknown: yes}", "encrypted.unknown: "),
        ("encrypted: {quic_port: 53}", "encrypted.quic_port and dns.port are both 53, but"),
        ("encrypted: {handshakes: 0}", "encrypted.handshakes: is 0; write at least 1"),
        ("upstreams: {order: random}", "upstreams.order"),
        ("upstreams: {attempt: 2.5}", "is 2.5; write at most the deadline, which is 2.0"),
        ("upstreams: {deadline: 6}", "upstreams.deadline: is 6; write at most 5"),
        ("rebinding: {enabled: no}", 'rebinding.enabled: is "no"; write true or false'),
        ("rebinding: {names: ['']}", "the domain is missing"),
        ("web: {hosts: ['a b.example']}", "web.hosts.1: 'a b.example' is not a valid domain"),
        ("data: ''", "1:1: data: is empty; add a value"),
        ("dsn: {}", "dsn: is not a known key; did you mean dns?"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(text: str, told: str) -> None:
    (problem,) = problems(text)
    assert told in problem


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("dns: {port: 80}", "auto"),
        ("dns: {port: 80, listen: [192.168.1.2]}", "192.168.1.2"),
        ("dns: {port: 80}\nweb: {listen: ['::1']}", "::1"),
        ("dns: {port: 8053, listen: [192.0.2.1]}\nweb: {port: 8053, listen: [192.0.2.1]}", "192."),
    ],
)
def test_dns_and_the_pages_do_not_share_a_port(text: str, where: str) -> None:
    (problem,) = problems(text)
    assert "web.port and dns.port are both" in problem
    assert f" on {where}" in problem


def test_dns_and_the_pages_may_have_one_port_at_different_addresses() -> None:
    web = "web: {port: 5300, listen: [192.0.2.2]}"
    for listen in ("[192.0.2.1]", "[auto]"):
        assert loaded(f"dns: {{port: 5300, listen: {listen}}}\n{web}").web.port == 5300
    (problem,) = problems("dns: {port: 0}\nweb: {port: 53}")
    assert "dns.port: is 0" in problem


@pytest.mark.parametrize("kept", ["rows_days: 8", "counts_days: 31", "rows_days: 8, reason: ' '"])
def test_keeping_more_than_usual_needs_a_reason(kept: str) -> None:
    (problem,) = problems(f"log: {{{kept}}}")
    assert "needs a reason that the family can read" in problem
    assert loaded("log: {rows_days: 8, reason: Mia asked for it}").log.rows_days == 8


def test_a_push_service_on_this_machine_is_refused_with_what_to_do() -> None:
    for host in ("localhost", "127.0.0.1", "::1", "push.localhost"):
        (told,) = problems(f"push: {{hosts: ['{host}'], private_addresses: true}}")
        assert told.endswith("take it out, or name a push service on another machine")


def test_a_list_file_is_named_once_and_completely() -> None:
    one = "{slug: mine, path: mine.txt, category: games, format: hosts, match: exact}"
    assert problems(f"lists: [{one}, {one}]") == [
        "1:1: lists: two lists are called mine; rename one of them"
    ]
    assert problems("lists: [{slug: mine, path: mine.txt, category: games, format: hosts}]") == [
        "1:9: lists.1.match: is missing; add it"
    ]
    assert problems(one.replace("{slug", "lists: [{slug").replace("hosts", "yaml") + "]")


def test_lists_are_fetched_as_needed_unless_a_word_or_list_says_otherwise() -> None:
    assert loaded("").sources.chosen_names == ("auto",)
    assert loaded("sources: {use: none}").sources.chosen_names == ()
    assert loaded("sources: {use: [auto, bo-games]}").sources.chosen_names == ("auto", "bo-games")
    assert loaded("", COPDNS_SOURCES__USE="none").sources.chosen_names == ()
    (told,) = problems("sources: {use: all}")
    assert "write one of: 'auto' or 'none' or" in told
    assert "write a list: [one, two]" in told


def test_a_list_of_ones_own_is_fetched_from_an_address_of_the_web() -> None:
    one = "{slug: mine, category: games, format: hosts, match: exact, url: 'https://a.example/'}"
    assert loaded(f"sources: {{own: [{one}]}}").sources.own[0].url == "https://a.example/"
    (told,) = problems(f"sources: {{own: [{one}, {one}]}}")
    assert "two lists are called mine" in told
    (told,) = problems(f"sources: {{own: [{one}]}}".replace("https:", "file:"))
    assert "file addresses are not supported" in told


def test_a_forwarder_is_one_that_says_something_and_is_not_everybody() -> None:
    found = loaded("dns: {forwarders: [{network: 192.0.2.1, mac: true, subnet: true}]}")
    (router,) = found.dns.forwarders
    assert found.dns.in_front == ("192.0.2.1",)
    assert loaded("dns: {forwarders: [{network: 10.0.0.0/8, mac: true}]}").dns.in_front == ()
    assert (router.network, router.proxy) == (ip_network("192.0.2.1"), False)
    assert (router.mac, router.subnet) == (True, True)
    told = problems('dns: {forwarders: [{network: 192.0.2.1}, {network: "::/0", proxy: true}]}')
    assert "does not pass on which device sent a query" in told[0]
    assert "covers everyone" in told[1]
    for wide in ("0.0.0.0/1", "128.0.0.0/7", "::/1", "2000::/3"):
        (told_of,) = problems(f'dns: {{forwarders: [{{network: "{wide}", proxy: true}}]}}')
        assert f"{wide} is larger than any home" in told_of
    loaded("dns: {forwarders: [{network: 10.0.0.0/8, mac: true}]}")
    assert problems("dns: {forwarders: [{network: 192.0.2.1, proxy: yes}]}") == [
        '1:41: dns.forwarders.1.proxy: is "yes"; write true or false'
    ]


HOOK = "https://hooks.example/copdns"


def test_nobody_hears_of_events_unless_the_settings_say_so() -> None:
    found = Settings().events
    assert (found.webhooks, found.command, found.command_kinds) == ((), (), tuple(EventKind))
    assert loaded("events: {command_kinds: all}") == Settings()


def test_events_go_where_the_settings_say() -> None:
    found = loaded(
        "events:\n"
        f"  webhooks: [{{url: '{HOOK}', token: 2f8c1d, kinds: [time warning]}}]\n"
        "  command: [/etc/copdns/cut, '--all; rm -rf /']\n"
        "  command_kinds: [time closed, pause began]\n"
    ).events
    assert found.webhooks == (Webhook(url=HOOK, token="2f8c1d", kinds=(EventKind.TIME_WARNING,)),)
    assert found.command == ("/etc/copdns/cut", "--all; rm -rf /")
    assert found.command_kinds == (EventKind.TIME_CLOSED, EventKind.PAUSE_BEGAN)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("webhooks: [{url: ''}]", "this one starts with nothing"),
        ("webhooks: [{url: 'hooks.example'}]", "this one starts with nothing"),
        ("webhooks: [{url: 'file:///etc/passwd'}]", "this one starts with file"),
        (
            "webhooks: [{url: 'https://'}]",
            "is not a valid address; write one such as https://hooks.example/",
        ),
        ("webhooks: [{url: 'https://hooks.example:0/'}]", "is not a valid address"),
        ("webhooks: [{url: 'https://hooks.example:99999/'}]", "is not a valid address"),
        ("webhooks: [{url: 'https://[::1/'}]", "is not a valid address"),
        ("webhooks: [{url: 'https://hooks.example/a b'}]", "is not a valid address"),
        ("webhooks: [{url: 'https://hooks.example/#top'}]", "is not a valid address"),
        ("webhooks: [{url: 'https://ada:x@hooks.example/'}]", "use token"),
        ("webhooks: [{token: x}]", "events.webhooks.1.url: is missing"),
        (f"webhooks: [{{url: '{HOOK}', token: Bearer x}}]", "without `Bearer`"),
        (f"webhooks: [{{url: '{HOOK}', token: \"a\\r\\nX: y\"}}]", "not a valid bearer token"),
        (f"webhooks: [{{url: '{HOOK}', kinds: []}}]", "is empty"),
        (
            f"webhooks: [{{url: '{HOOK}', kinds: [time]}}]",
            "'time' is not an event; write one of: unknown device,",
        ),
        (f"webhooks: [{{url: '{HOOK}', kinds: every}}]", "write a list"),
        (f"webhooks: [{{url: '{HOOK}'}}, {{url: '{HOOK}'}}]", "one url is there twice"),
        ("command: /bin/true", "write a list: [one, two]"),
        ("command: ['']", "write the full path"),
        ("command: [./cut]", "'./cut' is not a full path"),
        ("command: [~/cut]", "write the full path"),
        ('command: [cut, "a\\0b"]', "NUL character"),
        ("command_kinds: [closed]", "command_kinds.1: 'closed' is not an event"),
    ],
)
def test_where_no_event_can_go_is_told(text: str, told: str) -> None:
    (problem,) = problems(f"events: {{{text}}}")
    assert told in problem


def test_a_token_is_not_shown_where_settings_or_mistakes_are() -> None:
    text = f"events: {{webhooks: [{{url: '{HOOK}', token: 2f8c1d secret}}]}}"
    assert "2f8c1d" not in "".join(problems(text))
    assert "2f8c1d" not in repr(loaded(text.replace(" secret", "")))


def test_the_environment_wins_over_the_file() -> None:
    found = loaded(
        "dns: {port: 5300, block_ttl: 20}",
        COPDNS_DNS__PORT="5301",
        COPDNS_REBINDING__ENABLED="false",
        COPDNS_UPSTREAMS__SERVERS="['[::1]:5353', 192.0.2.1]",
        COPDNS_LOG__REASON="",
        COPDNS_DATA="/srv/copdns",
    )
    assert (found.dns.port, found.dns.block_ttl, found.rebinding.enabled) == (5301, 20, False)
    assert [str(each) for each in found.upstreams.servers] == ["[::1]:5353", "192.0.2.1:53"]
    assert found.data == "/srv/copdns"


def test_an_empty_variable_begins_without_the_example_family() -> None:
    """As README.md tells for a household of one's own."""
    assert loaded("household: family.yaml").household
    assert not loaded("household: family.yaml", COPDNS_HOUSEHOLD="").household


def test_mistakes_of_file_and_environment_are_told_together() -> None:
    told = problems("dns: {prt: 1}", COPDNS_DNS__PORT="no", COPDNS_WEB__LISTEN="[::1", PATH="/bin")
    assert told == [
        'COPDNS_DNS__PORT: dns.port: is "no"; write a whole number',
        'COPDNS_WEB__LISTEN: web.listen: is "[::1"; write a list: [one, two]',
        "1:7: dns.prt: is not a known key; did you mean port?",
    ]


def test_variables_of_others_pass_by() -> None:
    assert loaded("", COPDNS_BUILD="7", DNS__PORT="1", HOME="/home/ada") == Settings()


def test_paths_are_taken_from_the_folder_of_the_file() -> None:
    found = loaded(
        "household: family.yaml\ndata: var\nlists:\n"
        "- {slug: a, path: a.txt, category: games, format: domains, match: subtree}\n"
        "- {slug: b, path: /srv/b.txt, category: games, format: domains, match: subtree}\n"
    )
    assert (found.household, found.data) == ("/etc/copdns/family.yaml", "/etc/copdns/var")
    assert [each.path for each in found.lists] == ["/etc/copdns/a.txt", "/srv/b.txt"]


def test_lease_files_are_taken_from_the_folder_of_the_file_too() -> None:
    found = loaded(
        "identity:\n  neighbours: off\n  leases:\n"
        "  - {path: dhcp.leases}\n  - {path: /srv/leases.csv, format: kea}\n"
    )
    assert found.identity.neighbours == "off"
    assert [(each.path, each.format) for each in found.identity.leases] == [
        ("/etc/copdns/dhcp.leases", "auto"),
        ("/srv/leases.csv", "kea"),
    ]


def test_certificates_are_taken_from_the_folder_of_the_file_too() -> None:
    found = loaded(
        "web: {tls_certificate: web.pem, tls_key: web.key}\n"
        "encrypted: {tls_port: 853, certificate: dns.pem, key: /srv/dns.key}\n"
    )
    assert found.web.tls_certificate == "/etc/copdns/web.pem"
    assert found.encrypted.certificate == "/etc/copdns/dns.pem"
    assert found.encrypted.key == "/srv/dns.key"


def test_encrypted_dns_may_have_a_port_of_the_pages_at_other_addresses() -> None:
    web = "web: {tls_port: 443, listen: [192.0.2.2]}"
    found = loaded(f"dns: {{listen: [192.0.2.1]}}\n{web}\nencrypted: {{https_port: 443}}")
    assert found.encrypted.https_port == 443


@pytest.mark.parametrize("is_there", [True, False])
def test_dns_over_quic_is_refused_without_its_library(
    monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _: config if is_there else None)
    text = "encrypted: {tls_port: 853, quic_port: 853}"  # TCP and UDP do not mind each other
    if is_there:
        assert loaded(text).encrypted.quic_port == 853
        return
    with pytest.raises(ConfigError, match=r"quic_port: needs the library aioquic.*copdns\[quic\]"):
        loaded(text)


KEY = f"age1{'q' * 58}"


def test_dns_does_not_depend_on_the_library_that_encrypts_backups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _: None)
    chosen = loaded(f"backup: {{folder: backups, recipients: [{KEY}]}}").backup
    assert (chosen.recipients, chosen.days) == ((KEY,), 7)
    assert chosen.folder.endswith("/backups"), "from the folder of the file"


def test_copdns_backs_up_no_household_in_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _: config)
    text = "backup: {folder: copies}\nprovider: {database: dbname=copdns}"
    with pytest.raises(ConfigError, match=r"backup\.folder: .* tools"):
        loaded(text)


def test_a_key_that_is_none_of_age_is_refused() -> None:
    with pytest.raises(ConfigError, match="recipients"):
        loaded("backup: {recipients: [age1qqq]}")


def test_the_reference_file_shows_every_setting_at_its_default() -> None:
    file = ROOT / "config/reference.yaml"
    text = file.read_text()
    assert load(text, FILE, {}) == Settings()
    assert sorted(written_keys(yaml.safe_load(text))) == sorted(key for key, _ in settings())


def written_keys(
    sections: Mapping[str, object], shape: type[BaseModel] = Settings, above: str = ""
) -> Iterator[str]:
    """Yield the dotted keys of a file of settings, empty sections left out."""
    for key, value in sections.items():
        default = shape.model_fields[key].default
        if isinstance(default, Section) and isinstance(value, dict):
            yield from written_keys(value, type(default), f"{above}{key}.")
        else:
            yield above + key


def test_the_file_of_make_run_needs_no_rights_and_stays_on_loopback() -> None:
    file = ROOT / "config/home.yaml"
    found = load(file.read_text(), str(file), {})
    assert found.dns.listen == ("127.0.0.1", "::1")
    assert found.web.listen == ("127.0.0.1",)
    assert (found.dns.port, found.web.port) == (5300, 8053)
    assert Path(found.household) == ROOT / "config/household-example.yaml"
    assert found.rebinding.allow == ()
    assert found.sources.chosen_names == ()


def test_every_setting_says_what_it_does_and_stands_on_its_page() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    for heading, shape in TABLES.items():
        told, there = told_settings(page, heading), dict(settings(shape))
        assert sorted(told) == sorted(there), heading
        lacking = [
            key
            for key, field in there.items()
            if (field.description or "?").rstrip(".") not in told[key]
        ]
        assert lacking == [], heading


# Their defaults are too long for a row, which has words.
IN_WORDS = {
    "facts.url": "empty",
    "dns64.exclude": '["::ffff:0:0/96"]',
    "events.command_kinds": "all",
    "events.notice_kinds": "[the important ones](events.md#notices-to-guardians)",
    "push.hosts": "[the great browsers'](push.md#push-services)",
}


def test_the_page_has_the_default_and_the_range_of_every_setting() -> None:
    rows = told_settings((ROOT / "docs/settings.md").read_text(), "setting")
    for key, field in settings(Settings):
        if not rows[key].startswith("|"):
            continue  # a section of its own
        told = rows[key].split(" | ")[1].strip("`")
        assert told == IN_WORDS.get(key, in_a_row(field.default)), key
        bounds = {type(each).__name__: each for each in field.metadata}
        said = re.search(r"\((\d[\d.]*) to (\d[\d.,]*)\)", rows[key])
        # From 0 on, which turns something off, words say so.
        assert said or not {"Ge", "Le"} <= bounds.keys() or bounds["Ge"].ge == 0, key
        if said:
            assert float(said[1]) == bounds["Ge"].ge, key
            assert float(said[2].replace(",", "")) == bounds["Le"].le, key


def in_a_row(default: Any) -> str:
    """Return a default as a row has it, in the form of YAML."""
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if default != "" else '""'


def test_what_lists_of_settings_consist_of_has_a_table_on_their_page() -> None:
    entries = set()
    for _, field in settings(Settings):
        element = next(iter(get_args(field.annotation)), None)
        if isinstance(element, type) and issubclass(element, BaseModel):
            entries.add(element)
    assert entries
    assert entries <= set(TABLES.values())


# By the first column of their tables, of which there may be several.
TABLES: dict[str, type[BaseModel]] = {
    "setting": Settings,
    "key of a forwarder": TrustedForwarder,
    "key of another network": OtherNetwork,
    "key of a tenant's networks": TenantNetwork,
    "key of a client subnet": ClientSubnet,
    "key of a list": ListFile,
    "key of an own source": OwnSource,
    "key of a lease file": LeaseFile,
    "key of a webhook": Webhook,
    "key of a person of the staff": StaffNotice,
    "key of a RADIUS sender": RadiusSender,
}


def told_settings(page: str, heading: str) -> dict[str, str]:
    """Return what is said of each key: in tables with that heading, or in a section of its own."""
    tables = re.findall(rf"^\| {heading} \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    told = [(row.split("`")[1], row) for table in tables for row in table.splitlines()[1:]]
    if heading == "setting":
        told += re.findall(r"^## `(\w+)`\n\n(Default .+)", page, re.MULTILINE)
    assert len(told) == len(dict(told)), "a setting is told twice"
    return dict(told)


def test_the_schema_speaks_of_every_section() -> None:
    assert set(schema()["properties"]) == set(Settings.model_fields)
    assert schema()["$defs"]["DnsSettings"]["properties"]["allow"]["default"][0] == "127.0.0.0/8"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dns64: {prefix: '64:ff9b::/95'}", "'64:ff9b::/95' is not a prefix of NAT64"),
        ("dns64: {prefix: 192.0.2.0/24}", "is not a prefix of NAT64"),
        ("dns64: {prefix: false}", "is not text; put it in quotes"),
        ("dns64: {ask: ['tls://dns.example']}", "nothing says where tls://dns.example is"),
        ("dns64: {exclude: [192.0.2.0/24]}", "'192.0.2.0/24' is not a network of IPv6"),
    ],
)
def test_a_translator_that_there_cannot_be_is_refused(text: str, told: str) -> None:
    (problem,) = problems(text)
    assert told in problem


def test_a_translator_is_off_set_or_asked_for() -> None:
    assert loaded("").dns64.prefix == "off"
    assert loaded("dns64: {prefix: auto}").dns64.prefix == "auto"
    found = loaded("dns64: {prefix: 2001:db8:64::/96, exclude: []}")
    learned = (ip_network("64:ff9b::/96"),)
    assert isinstance(learned[0], IPv6Network)
    for text, prefixes in {
        "": None,
        "dns64: {prefix: auto}": learned,
        "dns64: {prefix: 2001:db8:64::/96}": (found.dns64.prefix,),
    }.items():
        nat64 = defaults_of(loaded(text), "", learned).nat64  # type: ignore[arg-type]
        assert (nat64 and nat64.prefixes) == prefixes
    assert defaults_of(loaded("dns64: {prefix: auto}"), "").nat64 is None


SERVERS = "servers: [192.0.2.1, 'tls://dns.example@192.0.2.2']"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{server: 192.0.2.1}", "write either send, with a network, or forward: true"),
        ("{server: 192.0.2.1, forward: true, send: 198.51.100.0/24}", "write either send"),
        ("{server: 192.0.2.1, send: 198.51.100.0/25}", "write a network of /24 or wider"),
        ("{server: 192.0.2.1, send: 198.51.100.7}", "write a network of /24 or wider"),
        ("{server: 192.0.2.1, send: '2001:db8::/57'}", "write a network of /56 or wider"),
        ("{server: 192.0.2.1, send: 192.168.1.0/24}", "is in a home network"),
        ("{server: 192.0.2.9, forward: true}", "is not among upstreams.servers"),
        (
            "{server: 192.0.2.1, forward: true}, {server: '192.0.2.1:53', send: 198.51.100.0/24}",
            "is there twice",
        ),
    ],
)
def test_what_an_upstream_is_told_of_our_network_is_bounded(text: str, told: str) -> None:
    (problem,) = problems(f"upstreams: {{{SERVERS}, client_subnet: [{text}]}}")
    assert told in problem


def test_an_upstream_is_told_a_network_or_a_devices_own() -> None:
    found = loaded(
        f"upstreams: {{{SERVERS}, client_subnet: [{{server: 192.0.2.1, send: 198.51.100.0/24}},"
        " {server: 'tls://dns.example@192.0.2.2', forward: true}]}"
    ).upstreams
    assert [(str(each.send), each.forward) for each in found.client_subnet] == [
        ("198.51.100.0/24", False),
        ("None", True),
    ]
    silent = "client_subnet: [{server: 192.0.2.1, send: 0.0.0.0/0}]"
    assert loaded(f"upstreams: {{{SERVERS}, {silent}}}").upstreams.client_subnet


@pytest.mark.parametrize(
    ("more", "is_guest"),
    [("", True), (", unknown: refused", False), (", unknown: guest, public: true", False)],
)
def test_whoever_shows_a_wrong_token_is_a_guest_only_where_the_settings_let_them(
    more: str, is_guest: bool
) -> None:
    chosen = loaded(f"encrypted: {{tls_port: 853, name: DNS.Example{more}}}")
    assert chosen.encrypted.name == "dns.example"
    assert defaults_of(chosen, "").unknown_is_guest is is_guest


def test_a_network_of_no_family_is_as_wide_as_a_line() -> None:
    text = 'node: {other_networks: [{name: wifi, networks: ["2001:db8::/64"]}]}'
    with pytest.raises(ConfigError, match=r"a part of what one subscriber has"):
        loaded(text)
    assert loaded(text.replace("/64", "/56")).node.other_networks[0].name == "wifi"


def test_the_default_of_a_tenant_is_law_and_security_unless_it_says_otherwise() -> None:
    text = "node: {tenants: [{tenant: north, networks: [192.0.2.0/25]}]}"
    (found,) = loaded(text).node.tenants
    assert (found.tenant, found.security) == ("north", True)
    (found,) = loaded(text.replace("25]", "25], security: false")).node.tenants
    assert not found.security
    with pytest.raises(ConfigError, match="tenant"):
        loaded(text.replace("north", "North of it"))


def test_devices_of_a_provider_are_told_the_ports_of_its_dnsdist() -> None:
    found = loaded(
        "node: {tls_listen: ['192.0.2.53:853'], https_listen: ['[2001:db8::53]:443'], "
        "encrypted_name: DNS.Example, certificate: /both.pem, key: /both.pem}"
    )
    told = found.for_devices
    assert (told.encrypted.tls_port, told.encrypted.https_port) == (853, 443)
    assert (told.encrypted.name, told.encrypted_files) == ("dns.example", ("/both.pem",) * 2)
    assert not found.encrypted.is_on, "copdns itself listens nowhere"
    assert loaded("node: {site: here}").for_devices.encrypted == loaded("").encrypted
