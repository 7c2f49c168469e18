"""`copdns encrypted dnr`: lines that DHCP servers take."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.calling import Home
from tests.unit.dns.test_dnr_options import Read, read_dhcp4, read_dhcp6, read_ra

ON = {"COPDNS_ENCRYPTED__TLS_PORT": "853", "COPDNS_ENCRYPTED__NAME": "dns.example"}
HERE = ("--address", "192.168.1.2", "--address", "fd00::2")
IPV4 = Read(1, "dns.example.", ["192.168.1.2"], 'alpn="dot"')
IPV6 = IPV4._replace(addresses=["fd00::2"])


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in ON.items():
        monkeypatch.setenv(key, value)


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def lines(home: Home, server: str, *more: str) -> list[str]:
    said = home.call("encrypted", "dnr", server, *HERE, *more)
    assert said.exit_code == 0, said.output
    return said.output.splitlines()


def test_dnsmasq_gets_an_option_for_each_protocol(home: Home, tmp_path: Path) -> None:
    v4, v6 = lines(home, "dnsmasq")
    assert v4.startswith("dhcp-option=162,")
    assert v6.startswith("dhcp-option=option6:144,")
    assert read_dhcp4(octets(v4.partition(",")[2])) == [IPV4]
    assert read_dhcp6(octets(v6.partition(",")[2])) == IPV6
    dnsmasq = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if dnsmasq is None:
        return
    file = tmp_path / "dnsmasq.conf"
    file.write_text(f"{v4}\n{v6}\n")
    done = subprocess.run([dnsmasq, "--test", "-C", file], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_kea_gets_octets_that_any_version_takes(home: Home) -> None:
    text = "\n".join(lines(home, "kea"))
    decoder, found = json.JSONDecoder(), {}
    while text:
        part, end = decoder.raw_decode(text)
        found |= part
        text = text[end:].strip()
    (v4,), (v6,) = found["Dhcp4"]["option-data"], found["Dhcp6"]["option-data"]
    assert (v4["code"], v4["space"], v4["csv-format"]) == (162, "dhcp4", False)
    assert (v6["code"], v6["space"], v6["csv-format"]) == (144, "dhcp6", False)
    assert read_dhcp4(octets(v4["data"])) == [IPV4]
    assert read_dhcp6(octets(v6["data"])) == IPV6


def test_openwrt_gets_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPDNS_ENCRYPTED__HTTPS_PORT", "8443")
    assert lines(home, "openwrt") == [
        "config dhcp 'lan'",
        "\tlist dnr '1 dns.example 192.168.1.2,fd00::2 alpn=dot'",
        "\tlist dnr '2 dns.example 192.168.1.2,fd00::2 alpn=h2 port=8443 dohpath=/dns-query{?dns}'",
    ]


def test_radvd_is_told_to_lack_it_and_the_octets_are_there(home: Home) -> None:
    first, option = lines(home, "radvd")
    assert "cannot" in first
    assert read_ra(octets(option.removeprefix("# "))) == (1800, IPV6)


def test_the_same_as_json(home: Home) -> None:
    found = json.loads("\n".join(lines(home, "dnsmasq", "--json")))
    assert (found["name"], found["addresses"]) == ("dns.example", ["192.168.1.2", "fd00::2"])
    assert read_dhcp4(octets(found["dhcp4"])) == [IPV4]
    assert [read_dhcp6(octets(each)) for each in found["dhcp6"]] == [IPV6]
    assert [read_ra(octets(each))[1] for each in found["router_advertisement"]] == [IPV6]
    assert len(found["lines"]) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"COPDNS_ENCRYPTED__NAME": ""}, "encrypted.name"),
        ({"COPDNS_ENCRYPTED__NAME": "", "COPDNS_ENCRYPTED__TLS_PORT": "0"}, "encrypted.tls_port"),
    ],
)
def test_what_is_missing_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], said: str
) -> None:
    for key, value in changed.items():
        monkeypatch.setenv(key, value)
    result = home.call("encrypted", "dnr", "kea", *HERE)
    assert result.exit_code == 78
    assert said in result.output
