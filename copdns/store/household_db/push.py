"""The browsers that get notices by Web Push, with whom each belongs to.

A guardian's browser belongs to its session, a child's to its pairing, and goes with it: triggers of
the database see to that, whoever deletes them.  Whether a browser may still be told is moreover
looked up each time, so that nobody is told for whom a session or pairing no longer counts.

A session that just ran out is not the end: somebody who did not look for a week has most need of
the next notice.  Its browser is told for 30 days more, or until its account changes the password or
logs out everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from copdns.accounts.account import DAY, PAIRING_LASTS, SESSION_IDLE, Account, Pairing
from copdns.accounts.codes import make_short_id
from copdns.accounts.roles import Role
from copdns.model.push import PushBrowser, PushKind, PushSubscription
from copdns.store.connection import SqlConnection
from copdns.store.household_db.thread import StoreThread

LAPSED_LASTS = 30 * DAY  # seconds for which a browser is told after its session ran out
MAX_BROWSERS = 30  # of an account; the one that asked first goes
MAX_LABEL_LENGTH = 80

_COLUMNS = "household, id, endpoint, p256dh, auth, kinds, language, label, made, account, profile"
# Whom a subscription belongs to, while that counts.
_COUNTS = """
    (exists (select 1 from account as a
              where a.household = s.household and a.id = s.account
                and a.role in (:owner, :guardian))
     and (s.lapsed > :lapsed
          or exists (select 1 from session as one where one.digest = s.session)))
    or exists (select 1 from pairing as p
                 join device as d on d.household = p.household and d.id = p.device
                where p.household = s.household and p.id = s.pairing
                  and p.profile = s.profile and d.profile = s.profile
                  and p.used > :paired and p.proof <= :now)
"""


class PushStore:
    """The subscriptions of all households.  Methods raise StoreError.

    now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def add_guardians(
        self,
        account: Account,
        session: str,
        browser: PushBrowser,
        kinds: Iterable[PushKind],
        language: str,
        label: str,
        now: int,
    ) -> PushSubscription:
        """Store a guardian's browser; an earlier one of this session or with this endpoint goes.

        session: the digest of the session that asks.
        """
        new = _new(account.household, browser, kinds, language, label, now, account=account.id)

        def work(connection: SqlConnection) -> PushSubscription:
            connection.execute("delete from push_subscription where session = ?", (session,))
            _insert(connection, new, session=session)
            connection.execute(
                """
                delete from push_subscription
                 where household = :household and account = :account and id not in
                       (select id from push_subscription
                         where household = :household and account = :account
                         order by made desc, id limit :most)
                """,
                {"household": new.household, "account": account.id, "most": MAX_BROWSERS},
            )
            return new

        return await self._thread.write(work, account.household)

    async def add_childs(
        self,
        pairing: Pairing,
        browser: PushBrowser,
        kinds: Iterable[PushKind],
        language: str,
        label: str,
        now: int,
    ) -> PushSubscription:
        """Store the paired browser of somebody's own device; an earlier one of it goes."""
        new = _new(pairing.household, browser, kinds, language, label, now, profile=pairing.profile)

        def work(connection: SqlConnection) -> PushSubscription:
            connection.execute(
                "delete from push_subscription where household = ? and pairing = ?",
                (pairing.household, pairing.id),
            )
            _insert(connection, new, pairing=pairing.id)
            return new

        return await self._thread.write(work, pairing.household)

    async def of_account(self, account: Account) -> tuple[PushSubscription, ...]:
        """Return the browsers of an account, the oldest first."""
        return await self._find(
            "household = ? and account = ? order by made, id", account.household, account.id
        )

    async def of_session(self, session: str) -> PushSubscription | None:
        """Return the browser of a session, by its digest; None where it gets no notices."""
        return next(iter(await self._find("session = ?", session)), None)

    async def of_pairing(self, pairing: Pairing) -> PushSubscription | None:
        """Return the browser of a pairing; None where it gets no notices."""
        found = await self._find("household = ? and pairing = ?", pairing.household, pairing.id)
        return next(iter(found), None)

    async def _find(self, where: str, *values: str) -> tuple[PushSubscription, ...]:
        def work(connection: SqlConnection) -> tuple[PushSubscription, ...]:
            rows = connection.execute(
                f"select {_COLUMNS} from push_subscription where {where}",  # noqa: S608
                values,
            )
            return tuple(map(_from_row, rows))

        return await self._thread.read(work)

    async def choose(self, chosen: PushSubscription, kinds: Iterable[PushKind]) -> None:
        """Store what a browser wants to be told of."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "update push_subscription set kinds = ? where household = ? and id = ?",
                (_write_kinds(kinds), chosen.household, chosen.id),
            )

        await self._thread.write(work, chosen.household)

    async def forget(self, gone: PushSubscription) -> None:
        """Delete a browser; a second time is harmless."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "delete from push_subscription where household = ? and id = ?",
                (gone.household, gone.id),
            )

        await self._thread.write(work, gone.household)

    async def wanting(
        self, household: str, kind: PushKind, profile: str, now: int
    ) -> tuple[PushSubscription, ...]:
        """Return the browsers to tell of something: those of guardians, and of the person that it
        is about.

        profile: that person's; "" for nobody in particular.
        """

        def work(connection: SqlConnection) -> tuple[PushSubscription, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from push_subscription as s
                 where household = :household and (account is not null or profile = :profile)
                   and ({_COUNTS})
                 order by made, id
                """,  # noqa: S608
                {"household": household, "profile": profile, **_limits(now)},
            )
            found = map(_from_row, rows)
            return tuple(each for each in found if kind in each.kinds)

        return await self._thread.read(work)

    async def households_wanting(self, kind: PushKind, most: int) -> tuple[str, ...]:
        """Return the households in which some browser asked to be told of a kind of things: the
        first by their ids, `most` of them."""

        def work(connection: SqlConnection) -> tuple[str, ...]:
            rows = connection.execute(
                """
                select distinct household from push_subscription
                 where ' ' || kinds || ' ' like :kind order by household limit :most
                """,
                {"kind": f"% {kind} %", "most": most},
            )
            return tuple(str(household) for (household,) in rows)

        return await self._thread.read(work)

    async def is_current(self, subscription: PushSubscription, now: int) -> bool:
        """Tell whether a browser is still to be told."""

        def work(connection: SqlConnection) -> bool:
            row = connection.execute(
                f"""
                select 1 from push_subscription as s
                 where household = :household and id = :id and endpoint = :endpoint and ({_COUNTS})
                """,  # noqa: S608
                {
                    "household": subscription.household,
                    "id": subscription.id,
                    "endpoint": subscription.browser.endpoint,
                    **_limits(now),
                },
            ).fetchone()
            return row is not None

        return await self._thread.read(work)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            return connection.execute(
                "delete from push_subscription where lapsed <= ?", (now - LAPSED_LASTS,)
            ).rowcount

        return await self._thread.write(work)


def lapse_sessions(connection: SqlConnection, now: int) -> None:
    """Note of browsers whose session just ran out that they stay; before such sessions are
    deleted."""
    connection.execute(
        """
        update push_subscription set lapsed = :now
         where lapsed is null and session in
               (select digest from session where expires <= :now or used <= :now - :idle)
        """,
        {"now": now, "idle": SESSION_IDLE},
    )


def move_to_session(connection: SqlConnection, account: Account, old: str, new: str) -> None:
    """Let a browser that logs in again keep its notices.

    old, new: digests of the sessions.  Those of another account are no business of this one: they
    end with the old session.
    """
    connection.execute(
        """
        update push_subscription set session = :new, lapsed = null
         where session = :old and household = :household and account = :account
        """,
        {"new": new, "old": old, "household": account.household, "account": account.id},
    )
    connection.execute("delete from push_subscription where session = ?", (old,))


def end_lapsed(connection: SqlConnection, household: str, account: str) -> None:
    """Delete the browsers of an account whose session ran out: it logs out everywhere."""
    connection.execute(
        "delete from push_subscription where household = ? and account = ? and lapsed is not null",
        (household, account),
    )


def _new(
    household: str,
    browser: PushBrowser,
    kinds: Iterable[PushKind],
    language: str,
    label: str,
    now: int,
    *,
    account: str = "",
    profile: str = "",
) -> PushSubscription:
    return PushSubscription(
        household,
        make_short_id(),
        browser,
        frozenset(kinds),
        language,
        label[:MAX_LABEL_LENGTH],
        now,
        account,
        profile,
    )


def _insert(
    connection: SqlConnection,
    new: PushSubscription,
    *,
    session: str | None = None,
    pairing: str | None = None,
) -> None:
    connection.execute("delete from push_subscription where endpoint = ?", (new.browser.endpoint,))
    connection.execute(
        f"insert into push_subscription ({_COLUMNS}, session, pairing)"  # noqa: S608
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.household, new.id, *new.browser, _write_kinds(new.kinds)),
            *(new.language, new.label, new.made, new.account or None, new.profile or None),
            *(session, pairing),
        ),
    )


def _limits(now: int) -> dict[str, object]:
    return {
        "owner": Role.OWNER,
        "guardian": Role.GUARDIAN,
        "now": now,
        "lapsed": now - LAPSED_LASTS,
        "paired": now - PAIRING_LASTS,
    }


def _write_kinds(kinds: Iterable[PushKind]) -> str:
    return " ".join(sorted(kinds))


def _from_row(row: tuple[str, ...]) -> PushSubscription:
    household, new, endpoint, p256dh, auth, kinds, language, label, made, account, profile = row
    wanted = frozenset(PushKind(each) for each in kinds.split())
    browser = PushBrowser(endpoint, p256dh, auth)
    return PushSubscription(
        household, new, browser, wanted, language, label, int(made), account or "", profile or ""
    )
