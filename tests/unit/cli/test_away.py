"""`copdns doctor` about devices away from home: certificate, name, and what the address means."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.cli.doctor.away_devices import (
    check_certificate,
    judge_addresses,
    judge_home,
    tell_of_others,
)
from copdns.cli.doctor.finding import FindingStatus
from copdns.model.device_tokens import token_digest
from copdns.model.household import Device
from copdns.policy.listener_name import HomeLead
from tests.encrypted_server import make_certificate
from tests.household import MIA, TOM, family

NAME = "dns.example"


def test_a_certificate_must_be_for_the_name_and_for_the_tokens_before_it(tmp_path: Path) -> None:
    file = str(make_certificate(tmp_path).path)
    for wanted, status in (
        (NAME, FindingStatus.OK),
        (f"*.{NAME}", FindingStatus.OK),
        ("other.example", FindingStatus.FAIL),
    ):
        (found,) = check_certificate(file, [wanted])
        assert found.status is status
        assert wanted in found.what


def test_no_certificate_or_a_broken_one_is_told(tmp_path: Path) -> None:
    (own,) = check_certificate("", [NAME])
    assert own.status is FindingStatus.WARN
    broken = tmp_path / "x.pem"
    broken.write_text("x")
    for file in (broken, tmp_path / "none.pem"):
        (found,) = check_certificate(str(file), [NAME])
        assert found.status is FindingStatus.FAIL


@pytest.mark.parametrize(
    ("addresses", "status", "said"),
    [
        ([], FindingStatus.FAIL, "leads nowhere"),
        (["192.168.1.2"], FindingStatus.WARN, "only devices at home"),
        (["100.64.3.4"], FindingStatus.WARN, "shares among customers"),
        (["1.1.1.1"], FindingStatus.OK, "from outside"),
        (["192.0.0.2"], FindingStatus.WARN, "shares among customers"),  # DS-Lite
        (["1.1.1.1", "2606:4700::1"], FindingStatus.OK, "from outside"),
        (["192.168.1.2", "2606:4700::1"], FindingStatus.WARN, "by IPv6 only"),
        (["2606:4700::1"], FindingStatus.WARN, "by IPv6 only"),
    ],
)
def test_the_address_says_whether_anyone_outside_gets_here(
    addresses: list[str], status: FindingStatus, said: str
) -> None:
    found = judge_addresses(NAME, addresses)
    assert found.status is status
    assert said in found.what


@pytest.mark.parametrize(
    ("leads", "status", "said"),
    [
        ({"mia": HomeLead(True), "tom": HomeLead(True)}, FindingStatus.OK, "leads here"),
        (
            {"mia": HomeLead(True), "tom": HomeLead(False)},
            FindingStatus.WARN,
            f"no local name says where {NAME} leads tom at home",
        ),
        (
            {"mia": HomeLead(True, ("192.168.1.9",))},
            FindingStatus.WARN,
            f"at home {NAME} leads mia to 192.168.1.9, which this machine does not have",
        ),
    ],
)
def test_a_phone_must_find_copdns_at_home_too(
    leads: dict[str, HomeLead], status: FindingStatus, said: str
) -> None:
    found = judge_home(NAME, leads)
    assert found.status is status
    assert said in found.what
    assert found.status is FindingStatus.OK or f"copdns local add {NAME}" in found.todo


def test_devices_without_a_token_are_told_apart() -> None:
    with_token = Device("mia-phone", "", "mia", (), tokens=(token_digest("x"),))
    others = (Device("tom-phone", "", "tom", ("192.0.2.9",)),)
    (found,) = tell_of_others(family(MIA, TOM, devices=(with_token, *others)))
    assert found.status is FindingStatus.OK
    assert "tom-phone" in found.what
    assert "mia-phone" not in found.what
    assert [*tell_of_others(family(MIA, TOM, devices=(with_token,)))] == []
