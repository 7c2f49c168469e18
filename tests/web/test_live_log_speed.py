"""Following the log costs little, however much goes on: measured, with no other test beside it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from tests.web.filled import come_in, full_site, next_rows, row

MOST_ROWS = 40


async def test_following_a_busy_log_takes_less_than_three_percent_of_a_processor() -> None:
    """What one second costs: as many new rows as are ever shown, for twenty browsers."""
    site = full_site()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(site.visited())
        await come_in(client, site)
        for each in range(MOST_ROWS):
            site.log.add(row(each, MOST_ROWS))
        site.log.flush()
        live = [client.get("/guardian/log/live") for _ in range(20)]
        streams = [await stack.enter_async_context(each) for each in live]
        for stream in streams:
            await next_rows(stream)
        taken = []
        for _ in range(5):
            for each in range(MOST_ROWS):
                site.log.add(row(each, MOST_ROWS))
            site.log.flush()
            start = time.process_time()
            for stream in streams:
                await next_rows(stream)
            taken.append(time.process_time() - start)
    assert min(taken) < 0.03
