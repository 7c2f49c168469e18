"""Messages about the queue, over a real PostgreSQL and by mail: once each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty

import pytest

from copdns.app.node.queue_messages import QueueMessenger
from copdns.appeals.review import DecisionReason
from copdns.provider.law.edits import DAY
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.staff.desk import (
    CaseOrigin,
    CaseReason,
    DeskCase,
    decide_case,
    with_target,
)
from copdns.provider.staff.queue_news import QueueKind, QueueMessage, QueueNews
from copdns.settings.provider import RolloutSettings, StaffNotice
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.queue_told_rows import KEPT_AFTER, QueueTold
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.staff_languages import StaffLanguages
from tests.provider_staff import NOW, REVIEWER, STAFF, staff_added
from tests.running import PATIENCE
from tests.unit.mail_server import MailServer, mail_server
from tests.unit.store.test_rollout_messages import ONCE, pass_time, text_of

pytest.importorskip("apprise")
pytestmark = pytest.mark.once

CASE = with_target(
    DeskCase(
        *(0, "north", CaseOrigin.GUARDIAN, "club.example", "casinos", "club.example"),
        *(CaseReason.HARMLESS, NOW, 0, ("rev", "rev2")),
    )
)
NO = DecisionReason.HARMFUL_CONTENT
TITLES = {
    "near": "L’examen {} d’une liste arrive bientôt à échéance",
    "over": "L’examen {} d’une liste est en retard",
}


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def notice(mail: MailServer, whom: str) -> str:
    server = f"mailto://127.0.0.1:{mail.port}?mode=insecure&smtp=127.0.0.1"
    return f"{server}&from=copdns@mail.example&to={whom}@mail.example"


async def test_who_has_to_decide_is_told_once_before_and_once_after_the_target(
    postgres: str, mail: MailServer, tmp_path: Path
) -> None:
    keys = ProviderKeys(tmp_path)
    keys.make()
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        pool = households.pool
        register, desk = RegisterStore(pool, keys), DeskStore(pool, keys)
        for each in STAFF:
            register.write("console", NOW, lambda _, who=each: staff_added(who))  # type: ignore[misc]
        number = desk.add(CASE).number
        StaffLanguages(pool).keep("rev", "fr")
        people = tuple(
            StaffNotice(staff=each, notice=notice(mail, each)) for each in ("rev", "aud")
        )
        told = RolloutSettings(people=people)
        clock = [CASE.due - 3600]
        right, ahead = lambda: clock[0], lambda: clock[0] + 9 * DAY
        nodes = [QueueMessenger(pool, keys, told, each, ONCE, right) for each in (right, ahead)]
        sent = [await each.send_due() for each in (*nodes, *nodes)]
        clock[0] = CASE.due + 1
        assert (sent, [await each.send_due() for each in nodes]) == ([1, 0, 0, 0], [1, 0])
        pass_time(pool, "queue_told")
        assert [await each.send_due() for each in nodes] == [0, 0]
        texts = [text_of(mail.mail.get(timeout=PATIENCE)) for _ in TITLES]
        assert [each.partition("\n")[0] for each in texts] == [
            each.format(number) for each in TITLES.values()
        ]
        assert not any(word in "".join(texts) for word in ("example", "casinos", "north"))
        with pytest.raises(Empty):
            mail.mail.get_nowait()

        other = desk.add(with_target(replace(CASE, list="bets", asked=CASE.due)))
        desk.change(other.number, lambda case: decide_case(case, REVIEWER, NO, CASE.due))
        clock[0] = other.due + 1
        assert [await each.send_due() for each in nodes] == [0, 0], "it was decided"


def test_a_node_whose_clock_is_ahead_has_nothing_told_twice_and_nothing_left_out(
    postgres: str,
) -> None:
    at = int(time.time())  # of a clock that is right, as that of PostgreSQL
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        told = QueueTold(households.pool)
        assert abs(told.database_now() - at) < DAY
        one, other = (
            QueueMessage(QueueKind.CASE, number, at, QueueNews.OVER, frozenset())
            for number in (71, 72)
        )
        assert told.take(one)
        assert not told.take(one), "whoever took it may still be sending it"
        told.note_told(one, at + KEPT_AFTER + 60)
        assert told.take(other)
        pass_time(households.pool, "queue_told")
        assert told.take(other), "it was not sent"
        told.note_told(other, at + KEPT_AFTER + 60)
        assert not any(told.take(each) for each in (one, other))
