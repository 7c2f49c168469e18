"""What devices are given: each file is one that its reader takes, lets go where it must, and can be
taken away again."""

from __future__ import annotations

import json
import plistlib
import re
import subprocess
from pathlib import Path
from uuid import NAMESPACE_DNS, UUID, uuid5

import pytest

from copdns.model.addresses import Transport
from copdns.model.errors import HouseholdError
from copdns.settings.web import EncryptedSettings
from copdns.web.device_setup import signing
from copdns.web.device_setup.apple import (
    LOGIN_CHECK,
    MAX_NETWORKS,
    PAYLOAD,
    ProfileTexts,
    ProfileWishes,
    make_profile,
    read_networks,
)
from copdns.web.device_setup.files import (
    chromium_policies,
    chromium_registry,
    chromium_registry_end,
    firefox_policies,
    netsh_lines,
    openwrt_lines,
    resolved_lines,
)
from copdns.web.device_setup.server import (
    EncryptedServer,
    Missing,
    find_missing,
    find_missing_away,
    server_of,
    server_with_token,
)
from copdns.web.device_setup.signing import sign, sign_profile
from tests.shell_lines import RESOLVED, resolved_conf, run
from tests.unit.certificates import NAME, NOW, between, root, server

URL = f"https://{NAME}:8443/dns-query"
HOME = EncryptedServer(NAME, 853, URL, ("192.0.2.2", "2001:db8::2"))
AWAY = HOME._replace(is_home_only=False)
TEXTS = ProfileTexts("Encrypted DNS", "Remove it in Settings.", "What this changes")
DEVICE = ("home", "mia-tablet")
USUAL = ProfileWishes()

# Keys and values that Apple's documentation gives (TopLevel, com.apple.dnsSettings.managed).
TOP = {
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,
    "PayloadVersion": int,
    "PayloadContent": list,
    "PayloadDescription": str,
    "PayloadDisplayName": str,
    "PayloadRemovalDisallowed": bool,
    "ConsentText": dict,
}
INNER = {
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,
    "PayloadVersion": int,
    "PayloadDisplayName": str,
    "DNSSettings": dict,
    "OnDemandRules": list,
}
DNS = {
    "DNSProtocol": str,
    "ServerURL": str,
    "ServerName": str,
    "ServerAddresses": list,
    "AllowFailover": bool,
}
RULE = {
    "Action": str,
    "ActionParameters": list,
    "DNSServerAddressMatch": list,
    "InterfaceTypeMatch": str,
    "SSIDMatch": list,
}


def made(
    where: EncryptedServer = HOME,
    transport: Transport = Transport.HTTPS,
    wishes: ProfileWishes = USUAL,
    device: tuple[str, ...] = DEVICE,
) -> dict[str, object]:
    found = plistlib.loads(make_profile(where, transport, device, TEXTS, wishes))
    assert isinstance(found, dict)
    return found


def payload(*args: object) -> dict[str, object]:
    content = made(*args)["PayloadContent"]  # type: ignore[arg-type]
    assert isinstance(content, list)
    assert len(content) == 1
    assert isinstance(content[0], dict)
    return content[0]


def rules(where: EncryptedServer, *networks: str) -> list[dict[str, object]]:
    found = payload(where, Transport.HTTPS, ProfileWishes(networks=networks))["OnDemandRules"]
    assert isinstance(found, list)
    return found


# --- Apple ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [HOME, AWAY])
@pytest.mark.parametrize("transport", [Transport.TLS, Transport.HTTPS])
def test_a_profile_has_keys_that_apple_documents_and_no_others(
    where: EncryptedServer, transport: Transport
) -> None:
    whole, inner = made(where, transport), payload(where, transport)
    checked = [(whole, TOP), (inner, INNER), (inner["DNSSettings"], DNS)]
    checked += [(each, RULE) for each in inner["OnDemandRules"]]  # type: ignore[attr-defined]
    for there, documented in checked:
        assert isinstance(there, dict)
        for key, value in there.items():
            assert type(value) is documented[key], key
    assert (whole["PayloadType"], whole["PayloadVersion"]) == ("Configuration", 1)
    assert inner["PayloadType"] == PAYLOAD
    assert whole["PayloadRemovalDisallowed"] is False


def test_each_transport_names_the_server_in_its_own_way() -> None:
    over_https = payload(HOME, Transport.HTTPS)["DNSSettings"]
    over_tls = payload(HOME, Transport.TLS)["DNSSettings"]
    assert over_https == {
        "DNSProtocol": "HTTPS",
        "ServerURL": URL,
        "ServerAddresses": ["192.0.2.2", "2001:db8::2"],
        "AllowFailover": True,
    }
    assert over_tls == {
        "DNSProtocol": "TLS",
        "ServerName": NAME,
        "ServerAddresses": ["192.0.2.2", "2001:db8::2"],
        "AllowFailover": True,
    }


def test_away_from_home_the_name_leads_there_and_no_address_of_the_home() -> None:
    assert "ServerAddresses" not in payload(AWAY)["DNSSettings"]  # type: ignore[operator]


def test_a_family_may_choose_that_nothing_else_is_asked() -> None:
    strict = payload(HOME, Transport.HTTPS, ProfileWishes(may_fall_back=False))["DNSSettings"]
    assert strict["AllowFailover"] is False  # type: ignore[index]


def test_one_for_home_only_lets_go_everywhere_else() -> None:
    assert rules(HOME) == [
        {"Action": "Connect", "DNSServerAddressMatch": ["192.0.2.2", "2001:db8::2"]},
        {"Action": "Disconnect"},
    ]
    assert rules(HOME, "Blue door") == [
        {"Action": "Connect", "InterfaceTypeMatch": "WiFi", "SSIDMatch": ["Blue door"]},
        {"Action": "Disconnect"},
    ]


def test_one_for_everywhere_lets_go_at_home_and_where_a_network_wants_a_login() -> None:
    last = {
        "Action": "EvaluateConnection",
        "ActionParameters": [{"DomainAction": "NeverConnect", "Domains": [LOGIN_CHECK]}],
    }
    assert rules(AWAY) == [
        {"Action": "Disconnect", "DNSServerAddressMatch": ["192.0.2.2", "2001:db8::2"]},
        last,
    ]
    assert rules(AWAY, "Blue door", "Blue door 5G") == [
        {
            "Action": "Disconnect",
            "InterfaceTypeMatch": "WiFi",
            "SSIDMatch": ["Blue door", "Blue door 5G"],
        },
        last,
    ]


def test_a_new_profile_replaces_the_old_one_of_its_device_and_no_other() -> None:
    again = made(HOME, Transport.HTTPS, ProfileWishes(networks=("Blue door",)))
    assert made()["PayloadIdentifier"] == again["PayloadIdentifier"]
    assert made()["PayloadUUID"] == again["PayloadUUID"]
    ids = {
        made()["PayloadUUID"],
        payload()["PayloadUUID"],
        made(HOME, Transport.TLS)["PayloadUUID"],
        made(device=("home", "tom-phone"))["PayloadUUID"],
        made(HOME._replace(tls_name="dns.example.org"))["PayloadUUID"],
    }
    assert len(ids) == 5
    seed = f"{NAME}/https/home/mia-tablet/profile"
    assert UUID(str(made()["PayloadUUID"])) == uuid5(NAMESPACE_DNS, seed)


def test_a_profile_names_neither_child_nor_device() -> None:
    octets = make_profile(HOME, Transport.TLS, DEVICE, TEXTS)
    assert b"mia" not in octets.lower()
    assert b"tablet" not in octets.lower()


def test_names_of_networks_are_read_one_a_line() -> None:
    assert read_networks(" Blue door \r\n\nBlue door\nÉté\n") == ("Blue door", "Été")
    assert read_networks("é" * 16 + "\n" + "a" * 32) == ("é" * 16, "a" * 32)  # 32 octets at most
    most = tuple(map(str, range(MAX_NETWORKS)))
    assert read_networks("\n".join((*most, "0"))) == most


@pytest.mark.parametrize("name", ["é" * 17, "a" * 33, "a\x00b"])
def test_a_name_that_no_network_can_have_is_refused(name: str) -> None:
    with pytest.raises(HouseholdError, match="cannot be the name of a Wi-Fi network"):
        read_networks(f"Blue door\n{name}")


def test_more_networks_than_fit_are_refused() -> None:
    with pytest.raises(HouseholdError, match="room for 8 Wi-Fi networks; these are 9"):
        read_networks("\n".join(map(str, range(MAX_NETWORKS + 1))))


def test_openssl_verifies_a_signed_profile_and_notices_a_changed_one(tmp_path: Path) -> None:
    octets = make_profile(HOME, Transport.TLS, DEVICE, TEXTS)
    own = server()
    signed = sign(octets, own.pem + between().pem, own.key_pem)
    (tmp_path / "root.pem").write_bytes(root().pem)
    assert _verified(tmp_path, signed) == octets
    assert _verified(tmp_path, signed.replace(b"Encrypted DNS", b"Encrypted ABC")) is None


def test_a_process_signs_with_the_files_of_the_settings(tmp_path: Path) -> None:
    own = server()
    certificate, key = tmp_path / "dns.pem", tmp_path / "dns.key"
    certificate.write_bytes(own.pem + between().pem)
    key.write_bytes(own.key_pem)
    (tmp_path / "root.pem").write_bytes(root().pem)
    signed = sign_profile(b"a profile", str(certificate), str(key))
    assert _verified(tmp_path, signed) == b"a profile"


def test_a_profile_is_signed_once_until_its_key_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []

    def begin(_command: object, wanted: str) -> str:
        began.append(wanted)
        return "c2lnbmVk"

    monkeypatch.setattr(signing, "run_process", begin)
    key = tmp_path / "dns.key"
    for text in ("one", "one and more"):
        key.write_text(text)
        for _ in range(3):
            assert sign_profile(b"a profile", "dns.pem", str(key)) == b"signed"
    assert len(began) == 2


def _verified(folder: Path, signed: bytes) -> bytes | None:
    """Return what openssl says was signed; None where it does not believe it."""
    (folder / "signed").write_bytes(signed)
    command = "openssl cms -verify -inform DER -in signed -CAfile root.pem -purpose any -binary"
    done = subprocess.run(
        [*command.split(), "-attime", str(int(NOW.timestamp()))],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


# --- browsers, Windows, Linux, routers ------------------------------------------------------------


def test_firefox_gets_a_policy_that_its_user_may_change() -> None:
    assert json.loads(firefox_policies(HOME, may_fall_back=True)) == {
        "policies": {
            "DNSOverHTTPS": {
                "Enabled": True,
                "ProviderURL": URL,
                "Locked": False,
                "Fallback": True,
            }
        }
    }
    strict = json.loads(firefox_policies(HOME, may_fall_back=False))
    assert strict["policies"]["DNSOverHTTPS"]["Fallback"] is False


@pytest.mark.parametrize(("may_fall_back", "mode"), [(True, "automatic"), (False, "secure")])
def test_chrome_and_edge_get_the_same_policies_on_linux_and_windows(
    may_fall_back: bool, mode: str
) -> None:
    found = json.loads(chromium_policies(HOME, may_fall_back=may_fall_back))
    assert found == {"DnsOverHttpsMode": mode, "DnsOverHttpsTemplates": URL}
    registry = chromium_registry(HOME, may_fall_back=may_fall_back)
    assert registry.startswith("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\")
    assert registry.count(f'"DnsOverHttpsMode"="{mode}"\r\n') == 2
    assert registry.count(f'"DnsOverHttpsTemplates"="{URL}"\r\n') == 2
    assert "\n" not in registry.replace("\r\n", "")


def test_the_registry_is_put_back_key_by_key() -> None:
    began, ended = chromium_registry(HOME, may_fall_back=True), chromium_registry_end()
    keys = re.findall(r'^(\[.*\]|".*?"=)', began, re.MULTILINE)
    assert re.findall(r'^(\[.*\]|".*?"=)', ended, re.MULTILINE) == keys
    assert ended.count("=-\r\n") == 4


@pytest.mark.parametrize(("may_fall_back", "fallback"), [(True, "yes"), (False, "no")])
def test_windows_encrypts_for_the_addresses_of_copdns_and_can_stop(
    may_fall_back: bool, fallback: str
) -> None:
    lines = netsh_lines(HOME, may_fall_back=may_fall_back)
    assert lines.begin.splitlines() == [
        f"netsh dns add encryption server={address} dohtemplate={URL} "
        f"autoupgrade=yes udpfallback={fallback}"
        for address in HOME.addresses
    ]
    assert lines.end.splitlines() == [
        f"netsh dns delete encryption server={address}" for address in HOME.addresses
    ]


def test_a_form_of_windows_has_a_field_for_an_address_of_each_kind() -> None:
    many = HOME._replace(addresses=("192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"))
    assert many.one_address_each == ("192.0.2.2", "2001:db8::2")
    assert HOME._replace(addresses=("2001:db8::2",)).one_address_each == ("2001:db8::2",)


def test_linux_encrypts_where_the_network_does_and_changes_nothing_elsewhere(
    tmp_path: Path,
) -> None:
    lines = resolved_lines(HOME, may_fall_back=True)
    assert run(lines.begin, tmp_path) == "systemctl restart systemd-resolved\n"
    assert resolved_conf(tmp_path) == {"DNSOverTLS": "opportunistic"}
    run(lines.begin, tmp_path)  # twice is harmless
    for _ in range(2):
        run(lines.end, tmp_path)
        assert not [*(tmp_path / RESOLVED).iterdir()]


def test_linux_asks_copdns_alone_by_the_name_that_it_checks(tmp_path: Path) -> None:
    run(resolved_lines(HOME, may_fall_back=False).begin, tmp_path)
    assert resolved_conf(tmp_path) == {
        "DNS": f"192.0.2.2:853#{NAME} [2001:db8::2]:853#{NAME}",
        "DNSOverTLS": "yes",
        "Domains": "~.",
    }


# A router's own configuration: what the package comes with, and what is set.
UCI = """
left=2
uci() {
  case "$*" in
    "-q delete https-dns-proxy.@https-dns-proxy[0]")
      test "$left" -gt 0 || return 1
      left=$((left - 1)) ;;
    *) echo "uci $*" >> FOLDER/told ;;
  esac
}
"""


def test_a_router_elsewhere_asks_copdns_alone_until_it_is_told_otherwise(tmp_path: Path) -> None:
    lines = openwrt_lines(AWAY._replace(https_url=f"{URL}/token"))
    found = tmp_path / "tmp/resolv.conf.d/resolv.conf.auto"
    found.parent.mkdir(parents=True)
    found.write_text(
        "# Interface wan\nnameserver 198.51.100.1\nnameserver 2001:db8::1\n"
        "# Interface wan6\nnameserver fe80::1%eth0\nsearch example\n"
    )
    uci = UCI.replace("FOLDER", str(tmp_path))
    assert run(lines.begin, tmp_path, uci).splitlines() == [
        "apk --update-cache add https-dns-proxy",
        "uci set https-dns-proxy.copdns=https-dns-proxy",
        f"uci set https-dns-proxy.copdns.resolver_url={URL}/token",
        "uci set https-dns-proxy.copdns.bootstrap_dns=198.51.100.1,2001:db8::1",
        "uci commit https-dns-proxy",
        "service https-dns-proxy restart",
    ]
    (tmp_path / "told").unlink()
    kept = tmp_path / "etc/config/https-dns-proxy"
    kept.parent.mkdir(parents=True)
    kept.write_text("the token")
    assert run(lines.end, tmp_path).splitlines() == [
        "service https-dns-proxy stop",
        "apk del https-dns-proxy",
    ]
    assert not kept.exists()


def test_a_router_with_an_older_openwrt_is_told_by_opkg(tmp_path: Path) -> None:
    lines, uci = openwrt_lines(AWAY), UCI.replace("FOLDER", str(tmp_path))
    (tmp_path / "tmp/resolv.conf.d").mkdir(parents=True)
    (tmp_path / "tmp/resolv.conf.d/resolv.conf.auto").write_text("nameserver 198.51.100.1\n")
    began = run(lines.begin, tmp_path, uci, "service opkg").splitlines()
    assert began[:2] == ["opkg update", "opkg install https-dns-proxy"]
    assert "opkg remove https-dns-proxy" in run(lines.end, tmp_path, "", "service opkg")


# --- what copdns is reached by --------------------------------------------------------------------


def test_a_device_is_told_what_is_served() -> None:
    both = EncryptedSettings(name=NAME, tls_port=853, https_port=8443)
    assert server_of(both, ["127.0.0.1", "192.0.2.2", "::1", "fe80::1%eth0"]) == EncryptedServer(
        NAME, 853, URL, ("192.0.2.2",)
    )
    assert server_of(both, ["127.0.0.1"]).addresses == ("127.0.0.1",)
    https = server_of(EncryptedSettings(name=NAME, https_port=443), [])
    assert (https.tls_name, https.https_url) == ("", f"https://{NAME}/dns-query")
    tls = server_of(EncryptedSettings(name=NAME, tls_port=8853), [])
    assert (tls.tls_name, tls.https_url, tls.has_usual_tls_port) == (NAME, "", False)


def test_what_is_missing_is_named_in_order() -> None:
    nothing = EncryptedSettings()
    every = (Missing.PORT, Missing.NAME, Missing.CERTIFICATE)
    assert find_missing(nothing, has_certificate=False) == every
    there = EncryptedSettings(name=NAME, tls_port=853)
    assert find_missing(there, has_certificate=True) == ()
    assert find_missing(there, has_certificate=False) == (Missing.CERTIFICATE,)
    assert find_missing(EncryptedSettings(tls_port=853), has_certificate=True) == (Missing.NAME,)


def test_away_from_home_it_takes_more() -> None:
    every = (Missing.PORT, Missing.NAME, Missing.CERTIFICATE, Missing.PUBLIC)
    assert find_missing_away(EncryptedSettings(), has_certificate=False) == every
    there = EncryptedSettings(name=NAME, tls_port=853, public=True)
    assert find_missing_away(there, has_certificate=True) == ()
    odd = EncryptedSettings(name=NAME, tls_port=8853, public=True)
    assert find_missing_away(odd, has_certificate=True) == (Missing.PORT,)
    home = EncryptedSettings(name=NAME, https_port=443)
    assert find_missing_away(home, has_certificate=True) == (Missing.PUBLIC,)


def test_a_token_stands_in_the_name_and_in_the_path() -> None:
    both = EncryptedSettings(name=NAME, tls_port=853, https_port=8443, public=True)
    made = server_with_token(both, ["192.0.2.2"], "abc", has_wildcard=True)
    assert (made.tls_name, made.https_url) == (f"abc.{NAME}", f"{URL}/abc")
    assert not made.is_home_only
    other = server_with_token(both, ["192.0.2.2"], "xyz", has_wildcard=True)
    assert made.identity == other.identity == server_of(both, ["192.0.2.2"]).identity
    path = server_with_token(both, ["192.0.2.2"], "abc", has_wildcard=False)
    assert (path.tls_name, path.tls_port, path.https_url) == ("", 0, f"{URL}/abc")


def test_a_profile_for_everywhere_lets_go_at_home_only_if_that_is_wished() -> None:
    made = plistlib.loads(make_profile(AWAY, Transport.HTTPS, DEVICE, TEXTS, USUAL))
    (payload,) = made["PayloadContent"]
    assert payload["OnDemandRules"][0]["Action"] == "Disconnect"
    stays = USUAL._replace(is_off_at_home=False)
    made = plistlib.loads(make_profile(AWAY, Transport.HTTPS, DEVICE, TEXTS, stays))
    (payload,) = made["PayloadContent"]
    (everywhere,) = payload["OnDemandRules"]
    assert everywhere["Action"] == "EvaluateConnection"
    assert LOGIN_CHECK in everywhere["ActionParameters"][0]["Domains"]
