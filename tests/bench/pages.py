"""python -m tests.bench.pages: what each page takes of the processor, in a house with a full log,
and a second of following the log.

100,000 rows of look-ups, a month of counts, 500 questions, and 500 lines each of the audit, of
looks and of notices.  Measured is this process, whatever else the machine does: the server, and
the small part of the client that asks and reads.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median

import click

from tests.bench.table import aligned
from tests.web.filled import (
    come_in,
    fill_household,
    fill_log,
    full_site,
    next_rows,
    opened,
    row,
)
from tests.web.site import Client, Site, text

ROWS, APPEALS = 100_000, 500
AIM = 50.0  # milliseconds
# What takes more of the log than a page shows at first.
DEEPER = (
    "/guardian/numbers?days=30",
    "/guardian/numbers?days=30&person=mia",
    "/guardian/log?person=tom",
    "/guardian/log?before=50000",
    "/guardian/log?q=toys",
    "/guardian/log?q=nothing-like-it",
)
BROWSERS, NEW_ROWS = 20, 40  # that follow the log; in a second: as many as are ever shown
FOLLOWING_AIM = 30.0  # milliseconds


@click.command()
@click.option("--rows", default=ROWS, show_default=True, help="Of the log.")
@click.option("--appeals", default=APPEALS, show_default=True, help="Questions that wait.")
@click.option("--times", default=9, show_default=True, help="How often each page is asked for.")
def main(rows: int, appeals: int, times: int) -> None:
    """Print the median of each page in milliseconds, the slowest first."""
    found = asyncio.run(measured(rows, appeals, times))
    table = [
        (path, f"{taken:.1f}", "more than 50 ms" if taken > AIM else "")
        for path, taken in sorted(found.items(), key=lambda each: -each[1])
    ]
    click.echo(aligned([("page", "median ms", ""), *table]))
    taken = asyncio.run(following(times))
    click.echo(
        f"following the log for a second, {BROWSERS} browsers, {NEW_ROWS} new rows: {taken:.1f} ms"
        + (f", more than {FOLLOWING_AIM:.0f} ms" if taken > FOLLOWING_AIM else "")
    )


async def measured(rows: int, appeals: int, times: int) -> dict[str, float]:
    """Return the median of each page, in milliseconds of the processor."""
    site, found = full_site(), {}
    async with site.visited() as client:
        await come_in(client, site)
        fill_log(site, rows)
        await fill_household(site, appeals)
        for path, who in [*await opened(client, site), *((each, "mia") for each in DEEPER)]:
            site.who = who
            await text(client, path)  # the look is kept, the template is read
            found[path] = median([await _milliseconds(client, path) for _ in range(times)])
    return found


async def following(times: int) -> float:
    """Return the median of what a second of following the log takes, in milliseconds."""
    site, taken = full_site(), []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(site.visited())
        await come_in(client, site)
        _log_rows(site)
        live = [client.get("/guardian/log/live") for _ in range(BROWSERS)]
        streams = [await stack.enter_async_context(each) for each in live]
        for stream in streams:
            await next_rows(stream)
        for _ in range(times):
            _log_rows(site)
            start = time.process_time()
            for stream in streams:
                await next_rows(stream)
            taken.append(1000 * (time.process_time() - start))
    return median(taken)


def _log_rows(site: Site) -> None:
    for each in range(NEW_ROWS):
        site.log.add(row(each, NEW_ROWS))
    site.log.flush()


async def _milliseconds(client: Client, path: str) -> float:
    start = time.process_time()
    await text(client, path)
    return 1000 * (time.process_time() - start)


if __name__ == "__main__":
    main()
