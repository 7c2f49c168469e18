"""Rollouts with their files, freezes, and what nodes tell of themselves, in PostgreSQL."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeVar

from copdns.model.errors import RolloutError
from copdns.provider.rollout.figures import FigureRow, NodeFigures
from copdns.provider.rollout.messages import RolloutNews, news_of_freeze, news_of_step
from copdns.provider.rollout.reasons import load_reason, store_reason
from copdns.provider.rollout.rollouts import (
    NODE_KEPT,
    PROGRAMS,
    FleetNode,
    Rollout,
    RolloutFreeze,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
    begin_step,
    end_freeze,
    find_rollout,
)
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.rollout_messages import put_message

ROWS_KEPT: Final = 7_200  # seconds of figures
FILES_KEPT: Final = 5  # rollouts of a kind that stand, whose files are kept
ROLLOUT_KEPT: Final = 400 * 86_400  # seconds after it began; those with files stay
MOST_OCTETS: Final = 512 << 20  # of all files of a rollout
_LOCK: Final = "=rollouts"  # no household has this id

Step = TypeVar("Step", bound=RolloutStep | None)


class RolloutStore:
    """Methods block, and raise StoreError and RolloutError.  pool: lent; its tables are made."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        apply_own_steps(pool, PROVIDER)

    # --- rollouts ---

    def load(self) -> tuple[Rollout, ...]:
        """Return all rollouts, the oldest first."""
        with self._pool.connection() as connection:
            return _load(connection)

    def begin(
        self,
        kind: RolloutKind,
        label: str,
        files: Mapping[str, bytes],
        by: str,
        now: int,
        *,
        again: bool = False,
        schema: frozenset[str] = frozenset(),
        is_final: bool = False,
    ) -> Rollout | None:
        """Store a new rollout; None where the newest that stands has these files, or this label.

        again: also where those are of the one that was undone last; else RolloutError.  schema,
        is_final: of a schema, as a `Rollout` has them; the steps are what has to differ.  What
        nobody goes back to any more, `forget` deletes.
        """
        if sum(map(len, files.values())) > MOST_OCTETS:
            raise RolloutError("its files have more than %(most)s MiB", most=MOST_OCTETS >> 20)
        digests = {name: sha256(content).hexdigest() for name, content in files.items()}
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            rollouts = _load(connection)
            step = begin_step(rollouts, kind, by, now)
            alike = PROGRAMS if kind is RolloutKind.PACKAGE else {kind}
            before = [each for each in rollouts if each.kind in alike]
            standing = [each for each in before if each.state is not RolloutState.UNDONE]

            def is_same(other: Rollout) -> bool:
                if files:
                    return _digests(connection, other.number) == digests
                return other.schema == schema if schema else other.label == label

            if standing and is_same(standing[-1]):
                return None
            newest = before[-1] if before else None
            if newest and newest not in standing and not again and is_same(newest):
                raise RolloutError(
                    "rollout %(number)s had the same and was undone: %(why)s; with --again it is "
                    "begun again",
                    number=newest.number,
                    why=newest.steps[-1].why,
                )
            ((number,),) = connection.execute(
                "insert into rollout (kind, label, is_final) values (?, ?, ?) returning number",
                (str(kind), label, is_final),
            ).fetchall()
            connection.executemany(
                "insert into rollout_schema values (?, ?)", [(number, each) for each in schema]
            )
            _add_files(connection, int(number), files, digests)
            rollout = Rollout(int(number), kind, label, (step,), schema, is_final)
            _add_step(connection, rollout.number, 0, step)
            return rollout

    def forget(self, now: int) -> None:
        """Delete the files of rollouts that nobody goes back to any more, and old rollouts.

        Who begins one by a command does so: the staff's program begins some too, and may delete
        nothing.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            _forget(connection, _load(connection), now)

    def add_step(self, number: int, step: Callable[[Sequence[Rollout]], Step]) -> Step:
        """Add what `step` makes of all rollouts to one of them; nothing for None.

        One program does so at a time.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            rollouts = _load(connection)
            found = step(rollouts)
            if found is not None:
                rollout = find_rollout(rollouts, number)
                _add_step(connection, number, len(rollout.steps), found)
                put_message(connection, news_of_step(rollout, found))
            return found

    def make_final(self, number: int, step: Callable[[Sequence[Rollout]], RolloutStep]) -> None:
        """Add a step to a rollout of a schema, from which on there is no way back."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            rollouts = _load(connection)
            found = step(rollouts)
            rollout = replace(find_rollout(rollouts, number), is_final=True)
            _add_step(connection, number, len(rollout.steps), found)
            connection.execute("update rollout set is_final = 1 where number = ?", (number,))
            put_message(connection, news_of_step(rollout, found))

    def files(self, number: int) -> dict[str, str]:
        """Return the SHA-256 of each file of a rollout, by name; none where they were deleted."""
        with self._pool.connection() as connection:
            return _digests(connection, number)

    def content(self, digest: str) -> bytes:
        """Return a file; raise RolloutError where it is gone or damaged."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "select packed from rollout_content where digest = ?", (digest,)
            ).fetchone()
        try:
            content = zlib.decompress(row[0]) if row else b""
        except zlib.error as error:
            raise RolloutError("a file of a rollout is damaged: %(why)s", why=str(error)) from error
        if sha256(content).hexdigest() != digest:
            raise RolloutError("a file of a rollout is gone or damaged")
        return content

    # --- freezes ---

    def freezes(self, now: int) -> tuple[RolloutFreeze, ...]:
        """Return those that are not over."""
        with self._pool.connection() as connection:
            return _freezes(connection, now)

    def freeze(self, new: RolloutFreeze, now: int) -> RolloutFreeze:
        """Store a freeze; return it with its number."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            ((number,),) = connection.execute(
                """
                insert into rollout_freeze (begins, ends, by, why) values (?, ?, ?, ?)
                    returning number
                """,
                (new.begins, new.ends, new.by, new.why),
            ).fetchall()
            stored = replace(new, number=int(number))
            put_message(connection, news_of_freeze(stored, RolloutNews.FROZEN, new.by, now))
            return stored

    def end_freeze(self, number: int, by: str, now: int) -> RolloutFreeze:
        """End a freeze.  by: who does."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            ended = end_freeze(_freezes(connection, now), number, now)
            connection.execute(
                "update rollout_freeze set ends = ? where number = ?", (ended.ends, number)
            )
            put_message(connection, news_of_freeze(ended, RolloutNews.THAWED, by, now))
            return ended

    # --- nodes ---

    def fleet(self) -> tuple[FleetNode, ...]:
        """Return the nodes that were heard of within the last week."""
        with self._pool.connection() as connection:
            return _fleet(connection)

    def note_failing(self, node: str, is_failing: bool) -> tuple[FleetNode, ...]:
        """Store whether a node's dnsdist is silent; return all nodes.

        Of two that fail at the same time, the second one sees that the first does.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.execute(
                "update fleet_node set is_failing = ? where name = ? and is_failing <> ?",
                (is_failing, node, is_failing),
            )
            return _fleet(connection)

    def report(self, node: FleetNode, figures: NodeFigures | None = None) -> None:
        """Store what a node tells of itself at `node.seen`, and what it counted since it last did.

        It takes no lock: what follows households waits for it, and its rows are the node's own.
        Its figures of more than two hours before are deleted, and those of a clock that was ahead;
        others' are theirs, since this clock may be wrong.  A node counts as gone by the database's
        clock as well.
        """
        with self._pool.connection() as connection:
            connection.execute(
                """
                insert into fleet_node (name, site, is_canary, seen, families, answers)
                values (?, ?, ?, ?, ?, ?)
                    on conflict (name) do update
                   set site = excluded.site, is_canary = excluded.is_canary, seen = excluded.seen,
                       families = excluded.families, answers = excluded.answers
                """,
                (
                    *(node.name, node.site, node.is_canary, node.seen),
                    *(" ".join(map(str, sorted(node.families))), node.answers),
                ),
            )
            for kind, each in node.taken.items():
                _put_taken(connection, node.name, kind, each)
            if figures is not None:
                connection.execute(
                    """
                    insert into fleet_figures values (?, ?, ?, ?, ?, ?)
                        on conflict (node, at) do nothing
                    """,
                    (
                        *(node.name, node.seen, figures.queries, figures.servfails),
                        *(figures.blocks, list(figures.latencies)),
                    ),
                )
            connection.execute(
                "delete from fleet_figures where node = ? and (at <= ? or at > ?)",
                (node.name, node.seen - ROWS_KEPT, node.seen),
            )
            connection.execute(
                """
                delete from fleet_node
                 where seen < least(cast(? as bigint), extract(epoch from now()) - ?)
                """,
                (node.seen - NODE_KEPT, NODE_KEPT),
            )

    def note_taken(self, node: str, kind: RolloutKind, taken: TakenRollout) -> None:
        """Store what a node has of a kind; raise RolloutError for one that never told of itself."""
        with self._pool.connection() as connection:
            if not connection.execute(
                "select 1 from fleet_node where name = ?", (node,)
            ).fetchone():
                raise RolloutError(
                    "nothing is known of a node %(node)s; copdns node run has to run there",
                    node=node,
                )
            _put_taken(connection, node, kind, taken)

    def figures(self, since: int) -> tuple[FigureRow, ...]:
        """Return what nodes counted after a second."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                """
                select node, at, queries, servfails, blocks, latencies from fleet_figures
                 where at > ? order by at, node
                """,
                (since,),
            ).fetchall()
        return tuple(
            FigureRow(node, int(at), NodeFigures(queries, servfails, blocks, tuple(latencies)))
            for node, at, queries, servfails, blocks, latencies in rows
        )


def _fleet(connection: PostgresConnection) -> tuple[FleetNode, ...]:
    taken: dict[str, dict[RolloutKind, TakenRollout]] = {}
    for node, kind, number, at in connection.execute(
        "select node, kind, rollout, at from fleet_taken where rollout <> 0"  # 0: none any more
    ):
        taken.setdefault(node, {})[RolloutKind(kind)] = TakenRollout(int(number), int(at))
    rows = connection.execute(
        """
        select name, site, is_canary, seen, families, answers, is_failing from fleet_node order by 1
        """
    ).fetchall()
    return tuple(
        FleetNode(
            *(name, site, bool(is_canary), int(seen), frozenset(map(int, families.split()))),
            *(bool(answers), bool(is_failing), taken.get(name, {})),
        )
        for name, site, is_canary, seen, families, answers, is_failing in rows
    )


def _load(connection: PostgresConnection) -> tuple[Rollout, ...]:
    steps: dict[int, list[RolloutStep]] = {}
    for number, at, by, stage, state, why, because in connection.execute(
        """
        select rollout, at, by, stage, state, why, because
          from rollout_step order by rollout, place
        """
    ):
        step = RolloutStep(
            *(int(at), by, RolloutStage(stage), RolloutState(state), why, load_reason(because))
        )
        steps.setdefault(int(number), []).append(step)
    schemas: dict[int, set[str]] = {}
    for number, name in connection.execute("select rollout, step from rollout_schema"):
        schemas.setdefault(int(number), set()).add(name)
    rows = connection.execute("select number, kind, label, is_final from rollout order by number")
    return tuple(
        Rollout(
            *(int(number), RolloutKind(kind), label, tuple(steps[int(number)])),
            *(frozenset(schemas.get(int(number), ())), bool(is_final)),
        )
        for number, kind, label, is_final in rows
        if int(number) in steps  # one begun since is read next time
    )


def _put_taken(
    connection: PostgresConnection, node: str, kind: RolloutKind, taken: TakenRollout
) -> None:
    """Store what a node has; one that had it already has it since then."""
    connection.execute(
        """
        insert into fleet_taken values (?, ?, ?, ?)
            on conflict (node, kind) do update
           set rollout = excluded.rollout, at = excluded.at
         where fleet_taken.rollout <> excluded.rollout
        """,
        (node, str(kind), taken.number, taken.at),
    )


def _add_step(connection: PostgresConnection, number: int, place: int, step: RolloutStep) -> None:
    connection.execute(
        "insert into rollout_step values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(number, place, step.at, step.by, str(step.stage), str(step.state), step.why),
            store_reason(step.because),
        ),
    )


def _add_files(
    connection: PostgresConnection,
    number: int,
    files: Mapping[str, bytes],
    digests: Mapping[str, str],
) -> None:
    """Store the files of a new rollout; a content that is there already is not stored again."""
    contents = {digests[name]: content for name, content in files.items()}
    for digest, content in contents.items():
        # Without naming the column: that would take the right to read what nodes get.
        connection.execute(
            "insert into rollout_content values (?, ?) on conflict do nothing",
            (digest, zlib.compress(content, 6)),
        )
    connection.executemany(
        "insert into rollout_file values (?, ?, ?)",
        [(number, name, digest) for name, digest in digests.items()],
    )


def _digests(connection: PostgresConnection, number: int) -> dict[str, str]:
    return dict(
        connection.execute(
            "select name, digest from rollout_file where rollout = ? order by name", (number,)
        ).fetchall()
    )


def _freezes(connection: PostgresConnection, now: int) -> tuple[RolloutFreeze, ...]:
    rows = connection.execute(
        "select number, begins, ends, by, why from rollout_freeze where ends > ? order by 1", (now,)
    )
    return tuple(RolloutFreeze(int(a), int(b), int(c), by, why) for a, b, c, by, why in rows)


def _forget(connection: PostgresConnection, rollouts: Sequence[Rollout], now: int) -> None:
    """Delete the files of rollouts that nobody goes back to any more, and old rollouts."""
    oldest = now - ROLLOUT_KEPT
    for kind in RolloutKind:
        standing = [
            each.number
            for each in rollouts
            if each.kind is kind and each.state is not RolloutState.UNDONE
        ]
        kept = standing[-FILES_KEPT:]
        connection.execute(
            """
            delete from rollout_file where rollout in (
                select number from rollout where kind = ? and not (number = any(?)))
            """,
            (str(kind), kept),
        )
        old = [
            each.number
            for each in rollouts
            if each.kind is kind and each.number not in kept and each.steps[0].at < oldest
        ]
        connection.execute("delete from rollout where number = any(?)", (old,))
    connection.execute(
        """
        delete from rollout_content
         where not exists (select 1 from rollout_file f where f.digest = rollout_content.digest)
        """
    )
