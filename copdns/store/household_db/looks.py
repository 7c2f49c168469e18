"""Looks at what is kept of a person, and notices for all guardians.

A child sees who looked at what is kept of it, when, and in which role.  A notice stays on each
guardian's desk until that guardian has seen it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from copdns.accounts.account import (
    LOOK_LASTS,
    NOTICE_LASTS,
    SAME_LOOK_WITHIN,
    TALK_INTERVAL,
    AccessRecord,
    GuardianNotice,
    NoticeKind,
    ViewedPart,
)
from copdns.accounts.roles import Actor, Role
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import CONSOLE, notify
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

_LOOK = "household, at, account, role, profile, view"
_NOTE_ALL = f"""
    insert into look ({_LOOK})
    select :household, :now, :account, :role, person.value, seen.value
      from json_each(:profiles) as person, json_each(:views) as seen
     where not exists (
           select 1 from look
            where household = :household and profile = person.value
              and at > :joined and at <= :now
              and account = :account and role = :role and view = seen.value)
    """  # noqa: S608
_NOTICE = "id, household, kind, about, author, at, starts, ends"


class Looks:
    """The looks of all households.  Methods raise StoreError.  now: seconds since the epoch."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def note(self, who: Actor, profile: str, view: ViewedPart, now: int) -> None:
        """Store a look, before anything is shown.

        A look at oneself does not count; the same look again within five minutes counts once.
        """

        def work(connection: SqlConnection) -> None:
            row = connection.execute(
                """
                select 1 from look
                 where household = ? and profile = ? and at > ? and at <= ?
                   and account = ? and role = ? and view = ?
                """,
                (who.household, profile, now - SAME_LOOK_WITHIN, now, who.id, who.role, view),
            ).fetchone()
            if row is None:
                connection.execute(
                    f"insert into look ({_LOOK}) values (?, ?, ?, ?, ?, ?)",  # noqa: S608
                    (who.household, now, who.id, who.role, profile, view),
                )

        if who.profile != profile:
            await self._thread.write(work, who.household)

    async def note_all(
        self, who: Actor, profiles: Iterable[str], views: Iterable[ViewedPart], now: int
    ) -> None:
        """Store looks at several people at once, as `note` does; in one statement."""
        values = {
            "household": who.household,
            "profiles": json.dumps([each for each in profiles if each != who.profile]),
            "views": json.dumps([str(each) for each in views]),
            "now": now,
            "joined": now - SAME_LOOK_WITHIN,
            "account": who.id,
            "role": str(who.role),
        }

        def work(connection: SqlConnection) -> None:
            connection.execute(_NOTE_ALL, values)

        await self._thread.write(work, who.household)

    async def of(
        self, household: str, profile: str = "", limit: int = 100
    ) -> tuple[AccessRecord, ...]:
        """Return the newest looks at a person, or at anybody, the newest first."""

        def work(connection: SqlConnection) -> tuple[AccessRecord, ...]:
            rows = connection.execute(
                f"""
                select {_LOOK} from look
                 where household = :household and (:profile = '' or profile = :profile)
                 order by at desc, id desc limit :limit
                """,  # noqa: S608
                {"household": household, "profile": profile, "limit": limit},
            )
            return tuple(map(_access_from_row, rows))

        return await self._thread.read(work)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            statements = (
                ("delete from look where at <= ?", now - LOOK_LASTS),
                ("delete from notice where at <= ? and told <> 0", now - NOTICE_LASTS),
            )
            return sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)

        return await self._thread.write(work)


class Notices:
    """The notices of all households.  Methods raise StoreError.  now: seconds since the epoch."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def unseen(self, household: str, account: str) -> tuple[GuardianNotice, ...]:
        """Return the notices since an account was made that it has not seen, the oldest first."""

        def work(connection: SqlConnection) -> tuple[GuardianNotice, ...]:
            rows = connection.execute(
                f"""
                select {_NOTICE} from notice
                 where household = :household
                   and at >= (select made from account
                               where household = :household and id = :account)
                   and not exists (select 1 from notice_seen
                                    where notice = notice.id and account = :account)
                 order by id
                """,  # noqa: S608
                {"household": household, "account": account},
            )
            return tuple(map(_notice_from_row, rows))

        return await self._thread.read(work)

    async def note_wish_to_talk(self, household: str, profile: str, name: str, now: int) -> None:
        """Store a notice for all guardians that a child wants to talk; once an hour.

        name: of the child, as the author.
        """
        new = GuardianNotice(0, household, NoticeKind.WANTS_TO_TALK, profile, name, now)

        def work(connection: SqlConnection) -> None:
            last = _last_notice(connection, household, NoticeKind.WANTS_TO_TALK, profile)
            if last is None or not 0 <= now - last.at < TALK_INTERVAL:
                notify(connection, new)

        await self._thread.write(work, household)

    async def last_wish_to_talk(
        self, household: str, profile: str
    ) -> tuple[GuardianNotice, int] | None:
        """Return a child's last such notice, and how many accounts have seen it; None without."""

        def work(connection: SqlConnection) -> tuple[GuardianNotice, int] | None:
            last = _last_notice(connection, household, NoticeKind.WANTS_TO_TALK, profile)
            if last is None:
                return None
            (seen,) = connection.execute(
                "select count(*) from notice_seen where notice = ?", (last.id,)
            ).fetchone()
            return last, seen

        return await self._thread.read(work)

    async def all(self, household: str, limit: int = 100) -> tuple[GuardianNotice, ...]:
        """Return the newest notices, the newest first."""

        def work(connection: SqlConnection) -> tuple[GuardianNotice, ...]:
            rows = connection.execute(
                f"select {_NOTICE} from notice where household = ? order by id desc limit ?",  # noqa: S608
                (household, limit),
            )
            return tuple(map(_notice_from_row, rows))

        return await self._thread.read(work)

    async def mark_seen(
        self, household: str, account: str, notices: Iterable[int], now: int
    ) -> None:
        """Note that an account has seen notices, if that is not noted already."""
        ids = tuple(notices)

        def work(connection: SqlConnection) -> None:
            connection.executemany(
                """
                insert into notice_seen (household, notice, account, at)
                select household, id, ?, ? from notice where household = ? and id = ?
                    on conflict do nothing
                """,
                [(account, now, household, each) for each in ids],
            )

        await self._thread.write(work, household)

    async def note_upstreams(self, servers: str, now: int) -> None:
        """Store a notice for all guardians where the settings name other upstreams than before.

        servers: for people; "" for those that the network gives.  The first ones are no news.
        """

        def differing(connection: SqlConnection) -> list[tuple[str, str | None]]:
            """Return the households that were told of others, with those; None before the first."""
            rows = connection.execute(
                """
                select household, servers from household left join upstreams_told using (household)
                 where servers is null or servers <> ?
                """,
                (servers,),
            )
            return rows.fetchall()

        def work(connection: SqlConnection) -> None:
            for household, told in differing(connection):
                connection.execute(
                    upsert("upstreams_told", "household", "household, servers"),
                    (household, servers),
                )
                if told is not None:
                    kind = NoticeKind.UPSTREAMS_CHANGED
                    notify(connection, GuardianNotice(0, household, kind, servers, CONSOLE, now))

        if await self._thread.read(differing):
            await self._thread.write(work)

    async def find_untold(self) -> tuple[GuardianNotice, ...]:
        """Return the notices without an event so far, of all households, the oldest first."""

        def work(connection: SqlConnection) -> tuple[GuardianNotice, ...]:
            rows = connection.execute(f"select {_NOTICE} from notice where not told order by id")  # noqa: S608
            return tuple(map(_notice_from_row, rows))

        return await self._thread.read(work)

    async def mark_told(self, notices: Iterable[int]) -> None:
        """Note that the events of notices were published; a process killed before this repeats
        them."""
        ids = [(each,) for each in notices]

        def work(connection: SqlConnection) -> None:
            connection.executemany("update notice set told = 1 where id = ?", ids)

        await self._thread.write(work)


def _access_from_row(row: tuple[str, int, str, str, str, str]) -> AccessRecord:
    household, at, account, role, profile, view = row
    return AccessRecord(household, at, account, Role(role), profile, ViewedPart(view))


def _last_notice(
    connection: SqlConnection, household: str, kind: NoticeKind, about: str
) -> GuardianNotice | None:
    row = connection.execute(
        f"""
        select {_NOTICE} from notice where household = ? and kind = ? and about = ?
         order by id desc limit 1
        """,  # noqa: S608
        (household, kind, about),
    ).fetchone()
    return None if row is None else _notice_from_row(row)


def _notice_from_row(row: tuple[int, str, NoticeKind, str, str, int, int, int]) -> GuardianNotice:
    return GuardianNotice(*row)._replace(kind=NoticeKind(row[2]))
