"""A provider's register in PostgreSQL: two writers, no line changed, no confidential name in it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import psycopg
import pytest

from copdns.model.errors import RegisterError, StoreError
from copdns.provider.law import edits, register_in_force
from copdns.provider.law.chain import RegisterEntry, from_stored, to_stored
from copdns.provider.law.events import (
    FeedTaken,
    HoldDecided,
    OrderConfirmed,
    RegisterRestored,
    StaffAdded,
)
from copdns.provider.law.keys import HEAD_FILE, SEAL_FILE, SIGN_FILE, ProviderKeys, is_signed_by
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from tests.provider_staff import (
    ADA,
    BO,
    DOCUMENT,
    NOW,
    REVIEWER,
    SPECIAL,
    STAFF,
    order,
    staff_added,
)

pytestmark = pytest.mark.once


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> ProviderKeys:
    keys = ProviderKeys(tmp_path_factory.mktemp("keys") / "provider")
    keys.make()
    return keys


@pytest.fixture
def store(postgres: str, keys: ProviderKeys) -> Iterator[RegisterStore]:
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        register = RegisterStore(households.pool, keys)
        for who in STAFF:
            register.write("console", NOW, lambda _, who=who: staff_added(who))  # type: ignore[misc]
        yield register


def enter(store: RegisterStore, *names: str, **fields: object) -> int:
    entry = store.write(
        "ada", NOW, lambda now: edits.enter_order(now, order(*names, **fields), ADA, NOW)
    )  # type: ignore[arg-type]
    assert entry
    return entry.number


def confirm(store: RegisterStore, number: int) -> None:
    store.write("bo", NOW, lambda now: edits.confirm_order(now, number, SPECIAL, BO, NOW))


def test_what_is_written_is_read_by_all(
    store: RegisterStore, postgres: str, keys: ProviderKeys
) -> None:
    confirm(store, enter(store, "bad.example"))
    with ProviderStore.connect(PostgresPool(postgres)) as other:
        register = RegisterStore(other.pool, keys).load()
    assert register.size == store.size() == len(STAFF) + 2
    assert [each.slug for each in register_in_force.lists_in_force(register, NOW)] == ["order-6"]


def test_a_refused_edit_writes_nothing(store: RegisterStore) -> None:
    number, before = enter(store, "bad.example"), store.size()
    with pytest.raises(RegisterError):
        store.write("ada", NOW, lambda now: edits.confirm_order(now, number, SPECIAL, ADA, NOW))
    assert store.size() == before


def test_of_two_who_confirm_at_once_one_is_told_that_it_is_done(store: RegisterStore) -> None:
    number = enter(store, "bad.example")

    def try_to_confirm(_: int) -> bool:
        try:
            confirm(store, number)
        except RegisterError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_to_confirm, range(2))) == [False, True]


def test_no_statement_changes_a_line_and_a_line_that_was_changed_shows(
    store: RegisterStore, postgres: str
) -> None:
    enter(store, "bad.example")
    with psycopg.connect(postgres, autocommit=True) as operator:
        for statement in ("delete from", "truncate", "update"):
            sql = f"{statement} copdns.register_entry" + (
                " set by = 'bo'" * (statement == "update")
            )
            with pytest.raises(psycopg.errors.RaiseException, match="stays as it was written"):
                operator.execute(sql.encode())
        operator.execute(b"alter table copdns.register_entry disable trigger user")
        operator.execute(b"update copdns.register_entry set by = 'bo' where number = 6")
        operator.execute(b"alter table copdns.register_entry enable trigger user")
    with pytest.raises(RegisterError, match="at entry 6"):
        store.load()


def cut_off(postgres: str, after: int, *, with_head: bool = False) -> None:
    with psycopg.connect(postgres, autocommit=True) as operator:
        operator.execute(b"alter table copdns.register_entry disable trigger user")
        operator.execute(b"delete from copdns.register_entry where number > %d" % after)
        operator.execute(b"alter table copdns.register_entry enable trigger user")
        if with_head:
            operator.execute(b"delete from copdns.register_head")


def test_lines_that_are_missing_at_the_end_show_on_each_machine(
    store: RegisterStore, postgres: str, keys: ProviderKeys, tmp_path: Path
) -> None:
    enter(store, "bad.example")
    other = ProviderKeys(tmp_path / "other")  # a machine that has the keys, and never looked
    shutil.copytree(keys.folder, other.folder)
    (other.folder / HEAD_FILE).unlink()
    cut_off(postgres, 5)
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        for each in (keys, other):
            with pytest.raises(RegisterError, match=r"it has 5, and .* says 6"):
                RegisterStore(households.pool, each).check()
        cut_off(postgres, 5, with_head=True)
        with pytest.raises(RegisterError, match="and this machine says 6"):
            RegisterStore(households.pool, keys).load()
        with pytest.raises(RegisterError, match="this machine says 6"):
            enter(store, "bad.example")
        with pytest.raises(RegisterError, match="signed head of the register is missing"):
            RegisterStore(households.pool, other).load()  # nothing was kept apart for it


def test_a_last_line_that_somebody_writes_in_the_database_is_none(
    store: RegisterStore, postgres: str
) -> None:
    number = enter(store, "bad.example")
    last = store.lines()[-1]
    event = OrderConfirmed(number, ())
    forged = to_stored(RegisterEntry(last.number + 1, NOW, "bo", event), last.digest)
    with psycopg.connect(postgres, autocommit=True) as operator:
        operator.execute(
            b"insert into copdns.register_entry values (%s, %s, %s, %s, %s, %s, %s)",
            (
                *(forged.number, forged.at, forged.by, forged.kind),
                *(forged.body, forged.digest, forged.shell),
            ),
        )
        for statement in (b"select 1", b"delete from copdns.register_head"):
            operator.execute(statement)
            with pytest.raises(RegisterError, match="register"):
                store.lines()
            with pytest.raises(RegisterError, match="register"):
                enter(store, "other.example")  # would sign it
            with pytest.raises(RegisterError, match="something other than copdns wrote"):
                store.accept_loss(NOW, "root")


def test_a_head_that_somebody_else_wrote_is_none(store: RegisterStore, postgres: str) -> None:
    enter(store, "bad.example")
    with psycopg.connect(postgres, autocommit=True) as operator:
        operator.execute(b"update copdns.register_head set size = 5")
    with pytest.raises(RegisterError, match="not signed by the key"):
        store.load()


def test_who_runs_the_machine_accepts_a_restore_and_that_stays_written(
    store: RegisterStore, postgres: str
) -> None:
    with pytest.raises(RegisterError, match="nothing to accept"):
        store.accept_loss(NOW, "root")
    enter(store, "bad.example")
    lost = store.checksum()
    cut_off(postgres, 5)
    store.accept_loss(NOW, "root")
    assert store.check().size == 6
    (line,) = (each for each in store.lines() if each.kind == "register restored")
    assert from_stored(line).event == RegisterRestored(6, lost)
    assert (line.by, line.shell) == ("console", "root")


def test_what_a_machine_saw_gets_no_shorter_and_can_be_lost(
    store: RegisterStore, keys: ProviderKeys
) -> None:
    newest = store.check()
    with ThreadPoolExecutor(4) as pool:  # a slow thread notes an older one last
        heads = [replace(newest, size=size) for size in (3, newest.size, 2, 1)]
        list(pool.map(keys.note_head, heads))
    assert keys.read_head() == newest
    assert {each.name for each in keys.folder.iterdir()} == {HEAD_FILE, SEAL_FILE, SIGN_FILE}
    (keys.folder / HEAD_FILE).write_text("")  # a power cut
    with pytest.raises(RegisterError, match="accept that with"):
        store.load()
    store.accept_loss(NOW, "root")
    assert keys.read_head() == store.check()


def test_a_line_is_written_though_the_machine_cannot_note_it(
    store: RegisterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _text: str) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("copdns.provider.law.keys._replace", fail)
    number = enter(store, "bad.example")
    assert list(store.load().orders) == [number]


def test_who_was_at_the_shell_stands_beside_the_name_that_they_gave(
    store: RegisterStore, postgres: str
) -> None:
    new = order("bad.example")
    edit = lambda now: edits.enter_order(now, new, ADA, NOW)  # noqa: E731
    store.write("ada", NOW, edit, "root, sudo by bo")
    assert [(each.by, each.shell) for each in store.lines()[-2:]] == [
        ("console", ""),
        ("ada", "root, sudo by bo"),
    ]
    with psycopg.connect(postgres, autocommit=True) as operator:
        operator.execute(b"alter table copdns.register_entry disable trigger user")
        operator.execute(b"update copdns.register_entry set shell = 'root' where number = 6")
        operator.execute(b"alter table copdns.register_entry enable trigger user")
    with pytest.raises(RegisterError, match="at entry 6"):
        store.load()


def test_a_confidential_name_is_nowhere_in_the_database(
    store: RegisterStore, postgres: str, tmp_path: Path
) -> None:
    number = enter(store, "verysecret.example", "www.help.example", is_confidential=True)
    confirm(store, number)
    (found,) = register_in_force.lists_in_force(store.load(), NOW)
    assert [each.name for each in found.names] == ["verysecret.example"]
    decision = HoldDecided(number, "help.example", False, "A helpline.")
    store.write("rev", NOW, lambda now: edits.decide_hold(now, decision, SPECIAL, REVIEWER, NOW))
    (held,) = store.load().orders[number].holds
    assert (held.name, held.is_blocked) == ("help.example", False)
    with psycopg.connect(postgres) as operator:
        rows = operator.execute(b"select * from copdns.register_entry").fetchall()
    assert "A court" in str(rows)
    assert not [each for each in ("verysecret", "help.example") if each in str(rows)]


def test_a_machine_without_the_key_does_not_leave_orders_out(
    store: RegisterStore, postgres: str, tmp_path: Path
) -> None:
    confirm(store, enter(store, "verysecret.example", is_confidential=True))
    other = ProviderKeys(tmp_path / "other")
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        with pytest.raises(RegisterError, match="copy it from another machine"):
            RegisterStore(households.pool, other).load()
        other.make()
        with pytest.raises(RegisterError, match="copy the keys from another one"):
            RegisterStore(households.pool, other).load()
    assert (tmp_path / "other" / SEAL_FILE).stat().st_mode & 0o777 == 0o600


def test_what_was_signed_can_be_checked_by_all(keys: ProviderKeys) -> None:
    signature = keys.sign(b"a statement")
    assert is_signed_by(keys.public_key(), signature, b"a statement")
    assert not is_signed_by(keys.public_key(), signature, b"another statement")


def test_nothing_new_writes_nothing(store: RegisterStore) -> None:
    new = FeedTaken("phishing", "https://feed.example/list", "1", DOCUMENT, 12)
    assert store.write("console", NOW, lambda now: edits.take_feed(now, new))
    assert store.write("console", NOW, lambda now: edits.take_feed(now, new)) is None


def test_a_clock_that_went_back_keeps_the_order_of_lines(store: RegisterStore) -> None:
    entry = store.write("console", NOW - 60, lambda _: StaffAdded("new", "New", "support"))
    assert entry
    assert entry.at == NOW


def test_the_database_away_is_told(keys: ProviderKeys, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        PostgresPool(f"host={tmp_path} dbname=none")


def test_a_clock_that_is_ahead_writes_nothing(store: RegisterStore, keys: ProviderKeys) -> None:
    """Else what was withdrawn would be blocked until the time that it showed."""
    careful = RegisterStore(store.pool, keys, most_ahead=60)
    now, size = int(time.time()), store.size()

    def add(staff: str, at: int) -> None:
        careful.write("console", at, lambda _: staff_added(replace(ADA, id=staff)))

    for ahead in (7_200, 90):
        with pytest.raises(RegisterError, match="minutes ahead of the database's"):
            add("late", now + ahead)
    assert store.size() == size
    for staff, at in (("ready", now), ("early", now - 7_200)):
        add(staff, at)
    assert store.size() == size + 2
