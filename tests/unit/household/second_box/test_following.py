"""Keys, bundles and seals of two boxes: what is not whole and genuine is refused."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from copdns.app.second_box.followed_source import FollowedSource, as_followed
from copdns.household.second_box.bundle import (
    Bundle,
    FileNote,
    make_signing_key,
    public_key,
    read_bundle,
    sign_bundle,
)
from copdns.household.second_box.pairing_key import PairingKey, parse_pairing_key
from copdns.household.second_box.seal import (
    NONCE,
    seal_reply,
    seal_request,
    unseal_reply,
    unseal_request,
)
from copdns.list_files.followed_files import FollowedFiles, is_path
from copdns.model.errors import FollowingError
from copdns.store.household_db.followers import FOLLOWS_FOR
from copdns.store.household_db.household import HouseholdStore
from copdns.store.log_db.usage import UsageStore
from copdns.store.replica import read_replica
from copdns.store.second_box_files import Following, parse_first_box
from copdns.time.minutes import DayBitmaps, Minutes, Usage
from tests.household import family

PRIVATE = make_signing_key()
KEY = PairingKey("00112233aabbccdd", b"s" * 32, public_key(PRIVATE))
NOW = 1_774_800_000


def bundle(number: int, rows: dict[str, list[dict[str, object]]] | None = None) -> Bundle:
    return Bundle(number, NOW, "home", "1", rows or {}, ())


def test_a_key_is_read_as_it_was_copied() -> None:
    assert parse_pairing_key(KEY.text) == KEY
    assert parse_pairing_key(f"  {KEY.text[:40]}\n{KEY.text[40:]} ") == KEY
    for wrong in (
        "",
        KEY.text[:-1],
        KEY.text.replace("s", "t", 1),
        KEY.text[:30] + "A" + KEY.text[31:],
    ):
        with pytest.raises(FollowingError):
            parse_pairing_key(wrong)


def test_a_bundle_of_anybody_else_or_damaged_is_refused() -> None:
    octets = sign_bundle(bundle(7), PRIVATE)
    assert read_bundle(octets, KEY.public) == bundle(7)
    for place in (3, 40, len(octets) // 2, len(octets) - 1):
        broken = octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :]
        with pytest.raises(FollowingError):
            read_bundle(broken, KEY.public)
    for wrong in (b"", octets[:-5], sign_bundle(bundle(7), make_signing_key())):
        with pytest.raises(FollowingError):
            read_bundle(wrong, KEY.public)


def test_what_is_sealed_is_for_one_box_and_one_request() -> None:
    asked = seal_request(KEY.secret, KEY.id, b"hello", b"1" * NONCE)
    assert unseal_request(KEY.secret, KEY.id, asked) == b"hello"
    reply = seal_reply(KEY.secret, asked, b"there", b"2" * NONCE)
    assert unseal_reply(KEY.secret, asked, reply) == b"there"
    again = seal_request(KEY.secret, KEY.id, b"hello", b"3" * NONCE)
    with pytest.raises(FollowingError):
        unseal_reply(KEY.secret, again, reply)
    with pytest.raises(FollowingError):
        unseal_request(KEY.secret, "another", asked)
    with pytest.raises(FollowingError):
        unseal_request(b"x" * 32, KEY.id, asked)


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.10", "192.0.2.10", "https://", "https://a@b/", "https://box/x", "https://x:y"],
)
def test_an_address_that_is_no_first_box_is_refused(url: str) -> None:
    with pytest.raises(FollowingError):
        parse_first_box(url)


async def real_rows(folder: Path) -> dict[str, list[dict[str, object]]]:
    with HouseholdStore.open(folder) as store:
        await store.create(family(), "test", NOW)
        found = await store.run(lambda each: read_replica(each, "home"))
    return {table: [dict(row) for row in rows] for table, rows in found.items()}


async def test_an_older_or_a_bad_bundle_changes_nothing(tmp_path: Path) -> None:
    rows = await real_rows(tmp_path / "first")
    source = FollowedSource(tmp_path / "second", Following("https://192.0.2.10", KEY, NOW))
    await source.open()
    assert source.missing
    await source.take(sign_bundle(bundle(10, rows), PRIVATE))
    assert not source.missing
    (household,) = await source.households()
    assert household.profiles == as_followed(family()).profiles
    odd = {**rows, "profile": [{**rows["profile"][0], "colour": 1}]}
    for wrong, why in (
        (sign_bundle(bundle(9, rows), PRIVATE), "older"),
        (sign_bundle(bundle(11, rows), make_signing_key()), "not signed"),
        (sign_bundle(bundle(11, {}), PRIVATE), "no household"),
        (sign_bundle(bundle(11, odd), PRIVATE), "newer copdns"),
        (sign_bundle(bundle(11, {**rows, "session": []}), PRIVATE), "newer copdns"),
    ):
        with pytest.raises(FollowingError, match=why):
            await source.take(wrong)
        assert await source.households() == [household]
    await source.close()
    # It starts from the disk, and ends a week after the last fetch.
    again = FollowedSource(tmp_path / "second", source.following)
    await again.open()
    assert await again.households() == [household]
    await again.note_fetch(NOW)
    folder, day = tmp_path / "second", date(2026, 3, 29)
    (folder / "own-lists").mkdir()
    (folder / "own-lists" / "ours.txt").write_text("toys.example")
    marks, used = DayBitmaps(7, 7), Minutes(3, 3, 3)
    minutes = UsageStore(folder)
    minutes.save([Usage("home", "mia", "games", day, NOW, marks, used)])
    assert list(minutes.load(day))
    await again.end_when_due(NOW + FOLLOWS_FOR - 1)
    assert again.bundle
    await again.end_when_due(NOW + FOLLOWS_FOR)
    assert not again.bundle
    assert [each.profiles for each in await again.households()] == [()]
    left = {each.name for each in folder.iterdir()}
    assert not left & {"followed.bundle", "own-lists"}
    assert not list(minutes.load(day))
    await again.close()


async def test_files_of_lists_come_as_they_are_and_go(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / "lists").mkdir(parents=True)
    (first / "lists" / "games.txt").write_bytes(b"games.example\n" * 1000)
    (first / "lists" / "games.json").write_text("{}")
    (first / "lists" / "lock").touch()
    there, here = FollowedFiles(first), FollowedFiles(second)

    async def fetch(path: str, offset: int) -> bytes:
        return await asyncio.to_thread(there.read_part, path, offset, 4096)

    notes = there.notes()
    assert [each.path for each in notes] == ["lists/games.json", "lists/games.txt"]
    assert await here.bring(notes, fetch)
    assert here.notes() == notes
    assert not await here.bring(notes, fetch), "nothing is new"
    (first / "lists" / "games.txt").unlink()
    assert await here.bring(there.notes(), fetch)
    assert not (second / "lists" / "games.txt").exists()
    with pytest.raises(FollowingError):
        await here.bring((FileNote("../household.db", 1, "0" * 64),), fetch)
    for path in (
        "household.db",
        "lists/../household.db",
        "lists/lock",
        "/etc/passwd",
        "lists/a.new",
    ):
        assert not is_path(path)
        assert not there.read_part(path, 0, 10)
