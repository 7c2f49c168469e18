"""Signed facts on disk: what comes is checked, what is taken is whole, and damage loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from copdns.list_files import facts_store
from copdns.list_files.facts import (
    SET_SUFFIXES,
    STATE,
    STATE_COPY,
    facts_folder,
    load_facts,
    load_facts_state,
    set_paths,
    shipped_facts,
    shipped_set,
)
from copdns.list_files.facts_bundle import MAX_BUNDLE, read_bundle, sign_bundle
from copdns.list_files.facts_store import FactsStore
from copdns.list_files.facts_updates import DAY, FactsUpdater
from copdns.list_files.index_store import IndexStore
from copdns.lists.facts import FactSet, HeldKind
from copdns.lists.index import ListKind
from copdns.model.errors import FactsError, HouseholdError
from copdns.settings.config import FactsSettings
from tests.list_server import ListServer, list_server

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
NEW = {"name": "newhelp.example", "country": "GB", "owner": "Somebody"}
GONE = "childline.org.uk"


@cache
def shipped() -> FactSet:
    return shipped_set()


NOW = float(shipped_facts().made_at + 10 * DAY)
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_store, "shipped_set", shipped)


@pytest.fixture
def unlooked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what comes for sound, which saves seconds where many sets come."""
    monkeypatch.setattr(facts_store, "require_sound", lambda _: None)
    monkeypatch.setattr(facts_store, "_require_usable", lambda _: None)
    monkeypatch.setattr(facts_store, "_count_needed", lambda *_: 0)


@pytest.fixture
def store(tmp_path: Path) -> FactsStore:
    return FactsStore(tmp_path)


def groups(values: dict[str, Any]) -> Any:
    return values["protected.yaml"]["groups"]


def add(values: dict[str, Any]) -> None:
    groups(values)["child_helpline"]["names"].append(NEW)


def remove(values: dict[str, Any]) -> None:
    group = groups(values)["child_helpline"]
    group["names"] = [each for each in group["names"] if each["name"] != GONE]


def newer(*changes: Change, ahead: int = 1, made_at: float = NOW) -> FactSet:
    values = deepcopy(dict(shipped().values))
    for change in changes:
        change(values)
    return FactSet(shipped().number + ahead, int(made_at), values)


def bundle(*changes: Change, ahead: int = 1, key: Ed25519PrivateKey = KEY) -> bytes:
    return sign_bundle(newer(*changes, ahead=ahead), key)


def protected(data: Path) -> str:
    return load_facts(data).read("protected.yaml")


# --- the signature --------------------------------------------------------------------------------


def test_a_bundle_is_the_same_each_time_and_is_read_back() -> None:
    assert bundle(add) == bundle(add)
    assert read_bundle(bundle(add), [PUBLIC]) == newer(add)


def test_no_changed_octet_is_taken() -> None:
    good = bundle()
    for at in (0, 13, 16, 30, 60, 120, 130, len(good) // 2, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 1
        with pytest.raises(FactsError):
            read_bundle(bytes(bad), [PUBLIC])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        b"copdns-facts 1 a b\n{}",
        b"<html>",
        bundle()[:-10],
        bundle() + b"\n",
        b"x" * 300,
    ],
)
def test_nothing_else_is_taken_for_a_bundle(octets: bytes) -> None:
    with pytest.raises(FactsError):
        read_bundle(octets, [PUBLIC])


def test_a_huge_bundle_is_not_read() -> None:
    with pytest.raises(FactsError, match="larger"):
        read_bundle(bundle() + b" " * MAX_BUNDLE, [PUBLIC])


def test_only_known_keys_count_and_a_second_one_is_ready() -> None:
    with pytest.raises(FactsError, match="key"):
        read_bundle(bundle(key=OTHER), [PUBLIC])
    second = OTHER.public_key().public_bytes_raw().hex()
    assert read_bundle(bundle(key=OTHER), [PUBLIC, second])
    assert len(set(shipped_facts().keys.values())) >= 2


# --- taking ---------------------------------------------------------------------------------------


def test_a_fresh_house_has_what_ships_and_writes_nothing(store: FactsStore, tmp_path: Path) -> None:
    store.begin(NOW)
    assert load_facts(tmp_path).digest == ""
    assert not facts_folder(tmp_path).exists()


def test_what_is_added_is_in_force_at_once(store: FactsStore, tmp_path: Path) -> None:
    assert store.receive(bundle(add), [PUBLIC], NOW)
    assert "newhelp.example" in protected(tmp_path)
    assert not store.state.held
    assert not store.receive(bundle(add), [PUBLIC], NOW + 60)  # nothing new
    assert store.state.checked_at == NOW + 60


def test_it_is_protected_and_untraced_in_every_list(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    found = IndexStore(tmp_path).read(())
    (entry,) = found.index.find("www.newhelp.example")
    assert found.index.infos[entry.list].kind is ListKind.PROTECTED
    assert found.protected["child_helpline"].is_untraced
    assert "newhelp.example" in {each.name for each in found.help_names}


def test_a_protected_name_is_never_taken_away_unseen(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(remove, add), [PUBLIC], NOW)
    assert GONE in protected(tmp_path)
    assert "newhelp.example" in protected(tmp_path)
    (held,) = store.state.waiting
    assert (held.kind, held.key, held.becomes) == (HeldKind.PROTECTED, GONE, "")


def test_a_guardian_may_keep_it_for_good(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(remove), [PUBLIC], NOW)
    store.keep(store.state.version)
    store.receive(bundle(remove, add, ahead=2), [PUBLIC], NOW)
    assert GONE in protected(tmp_path)
    assert not store.state.waiting
    assert [each.key for each in store.state.held] == [GONE]


def test_or_accept_it_then_or_later(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(remove), [PUBLIC], NOW)
    store.keep()
    with pytest.raises(HouseholdError, match="newer"):
        store.accept("0" * 12)
    store.accept(store.state.version)
    assert f'"{GONE}"' not in protected(tmp_path)
    assert not store.state.held
    with pytest.raises(HouseholdError):
        store.accept()


def test_one_goes_back_and_forth(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    store.roll_back(NOW)
    assert load_facts(tmp_path).digest == ""
    assert not store.state.waiting  # whoever went back knows
    store.receive(bundle(add, ahead=2), [PUBLIC], NOW)
    assert "newhelp.example" not in protected(tmp_path)
    store.accept()
    assert "newhelp.example" in protected(tmp_path)
    store.roll_back(NOW, "shipped")
    assert load_facts(tmp_path).digest == ""
    with pytest.raises(HouseholdError):
        store.roll_back(NOW, "ffff")


@pytest.mark.usefixtures("unlooked_at")
def test_the_last_three_are_kept(store: FactsStore, tmp_path: Path) -> None:
    changes: list[Change] = []
    for ahead in range(1, 7):
        more = {**NEW, "name": f"help{ahead}.example"}

        def one_more(values: dict[str, Any], more: dict[str, str] = more) -> None:
            groups(values)["child_helpline"]["names"].append(more)

        changes.append(one_more)
        store.receive(bundle(*changes, ahead=ahead), [PUBLIC], NOW)
    assert len(store.state.earlier) == 3
    assert len(list(facts_folder(tmp_path).glob("????????*.json"))) == 4


# --- refusing -------------------------------------------------------------------------------------


def test_an_older_number_is_refused_and_told(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(add, ahead=3), [PUBLIC], NOW)
    store.roll_back(NOW)  # going back does not open the way for an old bundle
    before = store.state
    with pytest.raises(FactsError, match="older"):
        store.receive(bundle(ahead=2), [PUBLIC], NOW)
    assert store.state == before


def test_two_bundles_of_one_number_are_refused(store: FactsStore) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    with pytest.raises(FactsError, match="another one"):
        store.receive(bundle(), [PUBLIC], NOW)


@pytest.mark.parametrize(
    ("make", "now"),
    [
        (lambda: newer(ahead=1_000_000), NOW),  # a number that nobody reaches
        (lambda: newer(made_at=NOW + 2 * DAY), NOW),  # from the future
        (lambda: newer(), 0.0),  # or the clock is wrong
        (lambda: newer(lambda v: v["top.yaml"].update(groups=7)), NOW),
        (lambda: newer(lambda v: groups(v)["child_helpline"].update(names=7)), NOW),
        # A service of the name of a list that ships: no lists could be made of it.
        (lambda: newer(lambda v: v["services.yaml"].update(services={})), NOW),
    ],
)
def test_what_is_not_right_changes_nothing(
    store: FactsStore, tmp_path: Path, make: Callable[[], FactSet], now: float
) -> None:
    try:
        store.receive(sign_bundle(make(), KEY), [PUBLIC], now)
    except FactsError:
        assert not store.state.number
    else:  # sound, but too different
        assert [each.key for each in store.state.waiting] == ["services.yaml"]
    assert load_facts(tmp_path).digest == ""


# --- damage ---------------------------------------------------------------------------------------


def files(data: Path) -> list[Path]:
    return sorted(facts_folder(data).iterdir())


def test_a_damaged_set_is_made_again_and_what_ships_holds_meanwhile(
    store: FactsStore, tmp_path: Path
) -> None:
    store.receive(bundle(remove, add), [PUBLIC], NOW)
    for path in set_paths(tmp_path, store.state.in_force):
        assert "newhelp.example" in protected(tmp_path)  # one of two files is enough
        path.write_text("{}")
    assert load_facts(tmp_path).is_damaged
    assert GONE in protected(tmp_path)
    store.begin(NOW)
    assert not load_facts(tmp_path).is_damaged
    assert GONE in protected(tmp_path)
    assert "newhelp.example" in protected(tmp_path)


def test_without_any_set_it_is_fetched_again(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    for path in facts_folder(tmp_path).glob("????????*.[jc]*"):
        path.unlink()
    store.begin(NOW)
    assert load_facts(tmp_path).digest == ""
    assert store.receive(bundle(add), [PUBLIC], NOW)
    with pytest.raises(FactsError):  # what was seen is not forgotten
        store.receive(bundle(ahead=0), [PUBLIC], NOW)


@pytest.mark.usefixtures("unlooked_at")
@pytest.mark.parametrize("way", ["at the start", "while it runs"])
def test_a_file_that_is_damaged_is_written_anew(
    store: FactsStore, tmp_path: Path, way: str
) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    store.begin(NOW)
    written = {each: each.read_bytes() for each in files(tmp_path)}
    for path in written:
        if path.suffix in SET_SUFFIXES:
            octets = bytearray(written[path])
            octets[octets.index(b"1")] ^= 1  # a digit that still is one: only a checksum shows it
            path.write_bytes(octets)
            assert "newhelp.example" in protected(tmp_path)
            store.begin(NOW) if way == "at the start" else store.mend()
            assert {each: each.read_bytes() for each in files(tmp_path)} == written


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_state_is_read_from_its_copy(
    store: FactsStore, tmp_path: Path, damage: bytes
) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    (facts_folder(tmp_path) / STATE).write_bytes(damage)
    assert "newhelp.example" in protected(tmp_path)
    assert not load_facts(tmp_path).is_damaged
    (facts_folder(tmp_path) / STATE_COPY).write_bytes(damage)
    assert load_facts(tmp_path).digest == ""
    assert load_facts(tmp_path).is_damaged == bool(damage)


@pytest.mark.usefixtures("unlooked_at")
def test_whenever_it_is_killed_one_whole_set_is_in_force(
    store: FactsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before each write and each rename in turn."""
    store.receive(bundle(add), [PUBLIC], NOW)
    before = load_facts(tmp_path).digest
    whole, ends = Path.replace, set()
    for step in range(8):
        left = [step]

        def stop(path: Path, target: Path, left: list[int] = left) -> Path:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return whole(path, target)

        monkeypatch.setattr(Path, "replace", stop)
        with suppress(KeyboardInterrupt):
            store.receive(bundle(remove, add, ahead=2 + step), [PUBLIC], NOW)
        monkeypatch.setattr(Path, "replace", whole)
        found = load_facts(tmp_path)
        assert not found.is_damaged
        assert GONE in found.read("protected.yaml")
        assert "newhelp.example" in found.read("protected.yaml")
        ends.add(found.digest)
    assert before in ends
    assert len(ends) > 1


# --- a newer copdns -------------------------------------------------------------------------------


def test_a_newer_copdns_passes_the_same_gate(
    store: FactsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    upgraded = newer(remove, ahead=5)
    about = shipped_facts().model_copy(
        update={"number": upgraded.number, "digest": upgraded.digest}
    )
    monkeypatch.setattr(facts_store, "shipped_set", lambda: upgraded)
    monkeypatch.setattr(facts_store, "shipped_facts", lambda: about)
    store.begin(NOW)
    assert {each.key for each in store.state.waiting} == {GONE, "newhelp.example"}
    assert GONE in protected(tmp_path)


# --- fetching -------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as made:
        yield made


def updater(data: Path, url: str, told: list[int] | None = None) -> FactsUpdater:
    chosen = FactsSettings(url=url, keys=(PUBLIC,))
    found = told if told is not None else []
    return FactsUpdater(data, lambda: chosen, lambda: NOW, lambda: found.append(1))


async def test_it_is_fetched_once_a_day_and_one_notice_tells_what_waits(
    server: ListServer, tmp_path: Path
) -> None:
    told: list[int] = []
    facts = updater(tmp_path, server.put("/facts", bundle(remove, add)), told)
    await facts.begin()
    for _ in range(3):
        await facts.follow()
    assert len(server.asked) == 1
    assert told == [1]
    assert facts.number == shipped().number + 1
    assert not facts.warnings


async def test_the_request_says_nothing_of_the_house(server: ListServer, tmp_path: Path) -> None:
    url = server.put("/facts", bundle(add), headers={"ETag": '"mark"', "Set-Cookie": "a=b"})
    facts = updater(tmp_path, url)
    await facts.fetch()
    await facts.fetch()
    first, second = (dict(each.headers) for each in server.asked)
    assert first == second
    assert first.keys() == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert first["User-Agent"] == "copdns"


async def test_without_an_address_nothing_is_asked(tmp_path: Path) -> None:
    facts = updater(tmp_path, "")
    await facts.begin()
    await facts.follow()
    assert facts.state == load_facts_state(tmp_path)
    assert not facts_folder(tmp_path).exists()


async def test_what_is_refused_is_told_and_nothing_is_lost(
    server: ListServer, tmp_path: Path
) -> None:
    facts = updater(tmp_path, server.put("/facts", bundle(add, key=OTHER)))
    await facts.follow()
    assert facts.state.is_refused
    assert "refused" in facts.warnings[0]
    server.put("/facts", b"x" * (MAX_BUNDLE + 1))
    await facts.fetch()
    assert "larger" in facts.state.error
    assert not facts.state.is_refused
    server.put("/facts", bundle(add))
    await facts.fetch()
    assert not facts.state.error
    assert not facts.warnings


def test_facts_that_nobody_renews_are_told(tmp_path: Path) -> None:
    now = shipped_facts().made_at + 46 * DAY
    for url, count in (("https://facts.example/", 1), ("", 0)):
        chosen = FactsSettings(url=url)
        facts = FactsUpdater(tmp_path, lambda chosen=chosen: chosen, lambda: now)
        assert len(facts.warnings) == count
        assert facts.age == 46 * DAY


def test_the_state_names_no_file_outside(store: FactsStore, tmp_path: Path) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    path = facts_folder(tmp_path) / STATE
    (facts_folder(tmp_path) / STATE_COPY).unlink()
    path.write_text(json.dumps({**json.loads(path.read_text()), "in_force": "../../secret"}))
    assert load_facts(tmp_path).digest == ""


def test_facts_of_another_version_are_looked_at_again(
    store: FactsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    monkeypatch.setattr("copdns.list_files.facts.__version__", "9.9")
    assert load_facts(tmp_path).digest
    monkeypatch.setattr(
        "copdns.list_files.facts.require_sound",
        lambda _: (_ for _ in ()).throw(FactsError("another shape")),
    )
    assert load_facts(tmp_path).is_damaged
    assert replace(store.state, checked_by="").checked_by == ""


@pytest.mark.usefixtures("unlooked_at")
def test_what_is_damaged_twice_is_not_written_each_minute(
    store: FactsStore, tmp_path: Path
) -> None:
    store.receive(bundle(add), [PUBLIC], NOW)
    for path in set_paths(tmp_path, store.state.digest):
        path.write_text("{}")
    before = {each: each.stat().st_ino for each in files(tmp_path)}
    store.mend()
    assert {each: each.stat().st_ino for each in files(tmp_path)} == before
