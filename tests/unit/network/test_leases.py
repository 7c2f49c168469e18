"""Tests of what the files of DHCP servers say."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.network.leases import MAX_LEASES, Lease, LeaseFormat, read_leases

NOW = 1_774_800_000.0
LATER, BEFORE = int(NOW) + 3600, int(NOW) - 3600
CARD = "02:00:00:00:00:08"

DNSMASQ = f"""\
{LATER} {CARD} 192.0.2.8 tablet 01:{CARD}
{LATER} 02:00:00:00:00:15 192.0.2.15 * *
{BEFORE} 02:00:00:00:00:40 192.0.2.40 laptop *
0 02:00:00:00:00:41 192.0.2.41 printer *
43200 02:00:00:00:00:42 192.0.2.42 clockless *
duid 00:01:00:01:2c:44:4e:22:02:00:00:00:00:01
{LATER} 1234567 2001:db8::8 tablet 00:01:00:01:2c:44:4e:22:02:00:00:00:00:08
{LATER} T99 2001:db8::9 * 00:03:00:01:02:00:00:00:00:15
"""

ODHCPD = f"""\
# br-lan 020000000008 ipv4 tablet {LATER} c0000208 32 192.0.2.8/32
192.0.2.8	tablet
# br-lan 2:0:0:0:0:15 ipv4 - -1 c000020f 32 192.0.2.15/32
# br-lan 02:00:00:00:00:40 ipv4 laptop {BEFORE} c0000228 32 192.0.2.40/32
# br-lan 000100012c444e22020000000008 8aaaad6 tablet {LATER} b3b 128 2001:db8::8/128 fd00::8/128
# br-lan 000100012c444e22020000000009 8aaaad7 broken\\x20name {LATER} b3c 64 2001:db8:9::/64
"""

KEA4 = f"""\
address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
192.0.2.8,{CARD},01:{CARD},3600,{BEFORE},1,0,0,old,0,,0
192.0.2.8,{CARD},01:{CARD},3600,{LATER},1,0,0,tablet.,0,,0
192.0.2.15,02:00:00:00:00:15,,3600,{LATER},1,0,0,,0,,0
192.0.2.40,02:00:00:00:00:40,,3600,{LATER},1,0,0,laptop,0,,0
192.0.2.40,02:00:00:00:00:40,,0,{LATER},1,0,0,laptop,2,,0
192.0.2.41,,,86400,{LATER},1,0,0,,1,,0
"""

KEA6 = f"""\
address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id
2001:db8::8,00:03:00:01:{CARD},3600,{LATER},1,3000,0,1,128,0,0,tablet,{CARD},0,,1,4,0
2001:db8::9,00:03:00:01:{CARD},3600,{LATER},1,3000,0,2,128,0,0,phone,{CARD},0,,1,2,0
2001:db8:9::,00:03:00:01:{CARD},3600,{LATER},1,3000,2,3,56,0,0,,{CARD},0,,1,4,0
"""


def read(text: str, form: LeaseFormat = LeaseFormat.AUTO) -> list[Lease]:
    return list(read_leases(text, form, NOW))


TABLET = Lease("192.0.2.8", CARD, "tablet")
PHONE = Lease("192.0.2.15", "02:00:00:00:00:15", "")


@pytest.mark.parametrize("form", [LeaseFormat.AUTO, LeaseFormat.DNSMASQ])
def test_dnsmasq_tells_who_has_an_address_now(form: LeaseFormat) -> None:
    assert read(DNSMASQ, form) == [
        TABLET,
        PHONE,
        Lease("192.0.2.41", "02:00:00:00:00:41", "printer"),  # for ever
        Lease("192.0.2.42", "02:00:00:00:00:42", "clockless"),  # for half a day
        Lease("2001:db8::8", "", "tablet"),
        Lease("2001:db8::9", "", ""),
    ]


@pytest.mark.parametrize("form", [LeaseFormat.AUTO, LeaseFormat.ODHCPD])
def test_odhcpd_tells_who_has_an_address_now(form: LeaseFormat) -> None:
    assert read(ODHCPD.replace("192.0.2.8\ttablet\n", ""), form) == [
        TABLET,
        PHONE,
        Lease("2001:db8::8", "", "tablet"),
        Lease("fd00::8", "", "tablet"),
    ]


def test_a_hosts_file_has_names_only() -> None:
    assert read("192.0.2.8\ttablet\nfd00::8 tablet.lan\n") == [
        Lease("192.0.2.8", "", "tablet"),
        Lease("fd00::8", "", "tablet.lan"),
    ]


@pytest.mark.parametrize("form", [LeaseFormat.AUTO, LeaseFormat.KEA])
def test_the_last_line_of_an_address_counts_in_the_file_of_kea(form: LeaseFormat) -> None:
    assert read(KEA4, form) == [TABLET, PHONE]


def test_the_mac_in_a_duid_is_no_evidence() -> None:
    assert read(KEA6) == [Lease("2001:db8::8", CARD, "tablet"), Lease("2001:db8::9", "", "phone")]


@pytest.mark.parametrize("name", ["*", "<b>", "-x", "x" * 64, "\x1b[31m", "пл"])
def test_a_name_that_no_device_should_have_is_none(name: str) -> None:
    (lease,) = read(f"{LATER} {CARD} 192.0.2.8 {name} *", LeaseFormat.DNSMASQ)
    assert lease.name == ""


def test_a_long_file_is_read_up_to_a_bound() -> None:
    text = "".join(
        f"{LATER} {CARD} 10.{number >> 16}.{number >> 8 & 255}.{number & 255} * *\n"
        for number in range(MAX_LEASES + 10)
    )
    assert len(read(text)) == MAX_LEASES


def test_a_line_that_never_ends_is_left_out() -> None:
    assert read(KEA4 + "x" * 200_000) == [TABLET, PHONE]
    assert read(KEA4 + '"' + ",\n" * 200_000) == [TABLET, PHONE]


def assert_sound(leases: list[Lease]) -> None:
    """Fail where a lease has an address or a name that no device could have."""
    for each in leases:
        assert str(ip_address(each.address)) == each.address
        assert re.fullmatch(r"[A-Za-z0-9._-]{0,63}", each.name)


@given(st.text(max_size=300), st.sampled_from(LeaseFormat))
def test_any_text_is_read_without_an_error(text: str, form: LeaseFormat) -> None:
    assert_sound(read(text, form))


@given(st.lists(st.sampled_from([*DNSMASQ.split(), *KEA4.split(","), "#", "\n", '"', "\0"])))
def test_any_words_are_read_without_an_error(words: list[str]) -> None:
    for form in LeaseFormat:
        assert_sound(read(" ".join(words), form))
        assert_sound(read(KEA4.splitlines()[0] + "\n" + ",".join(words), form))
