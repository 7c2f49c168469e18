"""Other guardians: a program that changes households of a PostgreSQL through the store, at a rate.

Each change is an edit of the pages: a rule is added, and removed when its household comes again.
It says when it is ready, ends with SIGTERM, and prints how many changes were confirmed, and how
late the latest was begun.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import suppress
from time import monotonic, time

from copdns.household.rule_edits import add_rule, remove_rule
from copdns.model.household import Household, RuleAction
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from tests.unit.households import shipped_known

AT_ONCE = 16  # changes on their way; more would only wait for a connection


async def change_all(store: ProviderStore, first: int, many: int, rate: float) -> None:
    """Change the households from a number on in turns until SIGTERM; tell how that went."""
    stop, done, latest = asyncio.Event(), 0, 0.0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    known, room = shipped_known(), asyncio.Semaphore(AT_ONCE)

    def edit(home: Household) -> Household:
        name = f"moved-{home.id}.example"
        there = [rule.id for rule in home.rules if str(rule.target) == name]
        if there:
            return remove_rule(home, there[0])
        return add_rule(home, RuleAction.BLOCK, name, known)

    async def change(number: int, due: float) -> None:
        nonlocal done, latest
        async with room:
            latest = max(latest, monotonic() - due)
            await store.change(f"h{number}", edit, author="ada", what="rule", now=int(time()))
            done += 1

    print("ready", flush=True)  # noqa: T201
    running: set[asyncio.Task[None]] = set()
    began, turn = monotonic(), 0
    while not stop.is_set():
        due = began + turn / rate
        if (early := due - monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), early)
                break
        task = asyncio.create_task(change(first + turn % many, due))
        running.add(task)
        task.add_done_callback(running.discard)
        turn += 1
        await asyncio.sleep(0)
    seconds, confirmed = monotonic() - began, done
    await asyncio.gather(*running)
    print(json.dumps({"changes": confirmed, "seconds": seconds, "late": latest}))  # noqa: T201


if __name__ == "__main__":
    conninfo, first, many, rate = sys.argv[1:]
    with ProviderStore.connect(PostgresPool(conninfo)) as opened:
        asyncio.run(change_all(opened, int(first), int(many), float(rate)))
