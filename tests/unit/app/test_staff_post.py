"""A target of the staff's messages that hangs holds up no other one, and is left alone for longer
and longer."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from copdns.app.node import staff_post
from copdns.app.node.staff_post import MOST_REST, REST, StaffPost
from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool

HANGS, TAKES = "mailto://hangs.example", "mailto://takes.example"


class Targets:
    """Targets that do as they are told.  tried: in their order.  hang: those that do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[str] = []
        self.hang = {HANGS}
        self.now = 0.0
        monkeypatch.setattr(staff_post, "send_message", self._send)

    async def _send(self, fields: dict[str, object], _times: DeliveryTimes) -> str:
        url = str(fields["url"])
        self.tried.append(url)
        if url in self.hang:
            await asyncio.Event().wait()
        return ""

    def post(self, *notices: str) -> StaffPost:
        pool = PostgresPool("dbname=nowhere", opens=False)
        with closing(pool):  # no language of anybody is looked for
            times = DEFAULT_TIMES._replace(whole=0.05)
            return StaffPost(pool, RolloutSettings(notices=notices), times, lambda: self.now)

    async def send(self, post: StaffPost) -> tuple[bool, list[str]]:
        """Send a message; tell whether it reached somebody, and who was tried."""
        self.tried = []
        has_reached = await post.send(lambda _: NoticeText("A title", "A body"), {})
        return has_reached, self.tried


async def test_the_others_get_each_message_and_the_one_that_hangs_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = Targets(monkeypatch)
    post = targets.post(HANGS, TAKES)
    assert await targets.send(post) == (True, [HANGS, TAKES])
    assert await targets.send(post) == (True, [TAKES])
    rest, rests = REST, []
    while rest < 2 * MOST_REST:
        targets.now += min(rest, MOST_REST)
        rests.append(await targets.send(post))
        rests.append(await targets.send(post))
        rest *= 2
    assert rests == [(True, [HANGS, TAKES]), (True, [TAKES])] * (len(rests) // 2)
    targets.now += MOST_REST
    targets.hang.clear()
    assert await targets.send(post) == (True, [HANGS, TAKES])
    targets.hang.add(HANGS)
    await targets.send(post)
    targets.now += REST  # as if it had never hung
    assert await targets.send(post) == (True, [HANGS, TAKES])


async def test_what_only_a_target_that_is_left_alone_could_get_counts_as_unsent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = Targets(monkeypatch)
    post = targets.post(HANGS)
    assert await targets.send(post) == (False, [HANGS])
    assert await targets.send(post) == (False, []), "so that it is sent later"
    assert await targets.send(targets.post()) == (True, []), "there is nobody to tell"
