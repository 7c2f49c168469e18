"""What a node has of rollouts: it takes what its stage allows, goes back from what was undone, and
tells what it counted.

While PostgreSQL is away, everything stays as it is.  Used by one thread at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from copdns.list_files.rollout_files import put_rollout_files
from copdns.model.errors import CopdnsError, PlaneError, RolloutError
from copdns.provider.rollout.figures import (
    MOST_OCTETS,
    STATISTICS_FILE,
    NodeFigures,
    read_statistics,
)
from copdns.provider.rollout.judge import MOST_COMPARED, RolloutBounds, judge
from copdns.provider.rollout.rollouts import (
    FleetNode,
    Rollout,
    RolloutFreeze,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
    canary_sites,
    choose_rollout,
    find_rollout,
    running_schema,
)
from copdns.settings.config import Settings
from copdns.settings.provider import RolloutSettings
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.store.schema_stages import known_steps

LOOK_EVERY: Final = 1.0  # seconds
TELL_EVERY: Final = 10.0
RETRY: Final = 10.0  # seconds after files could not be taken
FRESH: Final = 10.0  # seconds: dnsdist writes its figures each second
TAKEN_FILE: Final = "rollouts.json"
CONFIGURATION_FOLDER: Final = "configuration"
SECRET: Final = 0o600  # settings have passwords and tokens
MODE: Final = 0o660  # dnsdist, which shares the group, writes its figures

_TAKEN: Final[TypeAdapter[dict[RolloutKind, TakenRollout]]] = TypeAdapter(
    dict[RolloutKind, TakenRollout]
)

log = structlog.get_logger("copdns.node")


class NodeRollouts:
    """now: seconds since 1970.  monotonic: seconds of a clock that nobody sets."""

    def __init__(
        self,
        store: RolloutStore,
        settings: Settings,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        known: frozenset[str] | None = None,
    ) -> None:
        """Make the file for dnsdist's figures; raise PlaneError.

        known: the steps of the schema that this program knows; None for what it really knows.
        """
        self._known = known_steps() if known is None else known
        self._store = store
        self._settings = settings
        self._data = Path(settings.data)
        self._statistics = Path(settings.node.folder) / STATISTICS_FILE
        self._now = now
        self._monotonic = monotonic
        self._bounds = bounds_of(settings.provider.rollouts)
        self._taken = _read_taken(self._data)
        self._counted: NodeFigures | None = None
        self._look_at = self._tell_at = self._take_at = 0.0  # by the monotonic clock
        self._written, self._written_at = -1, 0.0  # dnsdist's figures, by their file; and when
        self._trouble = ""
        try:
            self._statistics.parent.mkdir(parents=True, exist_ok=True)
            self._statistics.touch(MODE)
            self._statistics.chmod(MODE)
        except OSError as error:
            raise PlaneError(f"{self._statistics}: {error.strerror}") from error

    def follow(self) -> None:
        """Do what is due; what goes wrong is logged, and tried again."""
        mono = self._monotonic()
        if mono < self._look_at:
            return
        self._look_at = mono + LOOK_EVERY
        try:
            self._follow(mono)
        except CopdnsError as error:
            self._say_trouble(str(error))
        else:
            self._say_trouble("")

    def _follow(self, mono: float) -> None:
        now = int(self._now())
        rollouts, freezes = self._store.load(), self._store.freezes(now)
        is_frozen = any(each.holds(now) for each in freezes)
        fleet = self._store.fleet()
        has_moved = self._take(rollouts, fleet, is_frozen=is_frozen, mono=mono)
        if has_moved or mono >= self._tell_at:
            self._tell_at = mono + TELL_EVERY
            self._store.report(self._me(), self._count())
            self._judge(rollouts, is_frozen=is_frozen)
            write_metrics(self._statistics.parent, rollouts, freezes, self._taken, now)

    # --- taking ---

    def _me(self) -> FleetNode:
        node = self._settings.node
        listen = (*node.listen, *node.tls_listen, *node.https_listen)
        families = frozenset(6 if each.startswith("[") else 4 for each in listen)
        seen = int(self._now())
        return FleetNode(
            *(node.name, node.site, node.canary, seen, families),
            answers=self._is_counting(),
            taken=self._taken,
        )

    def _take(
        self,
        rollouts: Sequence[Rollout],
        fleet: Sequence[FleetNode],
        *,
        is_frozen: bool,
        mono: float,
    ) -> bool:
        """Take what this node is to have; tell whether it has something else now."""
        if mono < self._take_at:
            return False
        me = self._me()
        sites = canary_sites((me, *(each for each in fleet if each.name != me.name)))
        has_moved = False
        for kind in (RolloutKind.LISTS, RolloutKind.CONFIGURATION):
            found = choose_rollout(rollouts, kind, me, sites, is_frozen=is_frozen)
            before = me.has_taken(kind)
            if found is None or found.number == before.number:
                continue
            try:
                self._put(found)
            except CopdnsError:
                self._take_at = mono + RETRY
                raise
            taken = TakenRollout(found.number, int(self._now()))
            self._taken = {**self._taken, kind: taken}
            _write_taken(self._data, self._taken)
            has_moved = True
            log.info("a rollout was taken", kind=str(kind), number=found.number, had=before.number)
        number = running_schema(rollouts, self._known)
        if number != me.has_taken(RolloutKind.SCHEMA).number:
            taken = TakenRollout(number, int(self._now()))
            self._taken = {**self._taken, RolloutKind.SCHEMA: taken}
            _write_taken(self._data, self._taken)
            has_moved = True
            log.info("this version has another schema", number=number)
        return has_moved

    def _put(self, rollout: Rollout) -> None:
        digests = self._store.files(rollout.number)
        if not digests:
            if rollout.kind is RolloutKind.CONFIGURATION:
                return  # its label alone counts
            raise RolloutError(
                "the files of rollout %(number)s are no longer kept", number=rollout.number
            )
        if rollout.kind is RolloutKind.LISTS:
            put_rollout_files(self._data, digests, self._store.content)
            return
        folder = self._data / CONFIGURATION_FOLDER
        for name, digest in digests.items():
            _write(folder / name, self._store.content(digest), SECRET)

    # --- figures ---

    def _is_counting(self) -> bool:
        try:
            state = self._statistics.stat()
        except OSError:
            return False
        mono = self._monotonic()
        if state.st_mtime_ns != self._written:
            self._written, self._written_at = state.st_mtime_ns, mono
        return state.st_size > 0 and mono - self._written_at <= FRESH

    def _count(self) -> NodeFigures | None:
        """Return what dnsdist counted since the last call; None where that is not known."""
        if not self._is_counting():
            self._counted = None
            return None
        try:
            with self._statistics.open(errors="replace") as file:
                found = read_statistics(file.read(MOST_OCTETS))
        except (OSError, PlaneError):
            return None  # it was just being written: next time it is all there
        before, self._counted = self._counted, found
        return found.since(before).count_answers() if before is not None else None

    def _judge(self, rollouts: Sequence[Rollout], *, is_frozen: bool) -> None:
        """Let rollouts go on, stop or go back, as the figures say; whichever node looks first."""
        going = [
            each for each in rollouts if each.is_under_way and each.state is RolloutState.GOING
        ]
        if not going:
            return
        now = int(self._now())
        nodes, figures = self._store.fleet(), self._store.figures(now - 4 * MOST_COMPARED)

        def next_step(number: int, found: Sequence[Rollout]) -> RolloutStep | None:
            return judge(
                *(found, find_rollout(found, number), nodes, figures, self._bounds),
                is_frozen=is_frozen,
                now=now,
            ).step

        for each in going:
            if next_step(each.number, rollouts) is not None:
                # By what is there now: another node may have decided meanwhile.
                step = self._store.add_step(each.number, partial(next_step, each.number))
                _log_step(each.number, step)

    def _say_trouble(self, text: str) -> None:
        if text and not self._trouble:
            log.warning("what rollouts brought stays as it is", error=text)
        elif self._trouble and not text:
            log.info("rollouts are followed again")
        self._trouble = text


def _log_step(number: int, step: RolloutStep | None) -> None:
    if step is not None:
        tell = log.info if step.state is RolloutState.GOING else log.error
        tell(
            "a rollout has another stage",
            number=number,
            stage=str(step.stage),
            state=str(step.state),
            why=step.why,
        )


def bounds_of(settings: RolloutSettings) -> RolloutBounds:
    """Return what rollouts must keep to, as settings say it."""
    return RolloutBounds(
        {
            RolloutStage.CANARY: settings.canary_seconds,
            RolloutStage.SITE: settings.site_seconds,
            RolloutStage.ALL: settings.all_seconds,
        },
        settings.fewest_queries,
        settings.servfail_points,
        settings.block_points,
        settings.slow_points,
    )


METRICS_FILE: Final = "rollouts.prom"


def write_metrics(
    folder: Path,
    rollouts: Sequence[Rollout],
    freezes: Sequence[RolloutFreeze],
    taken: Mapping[RolloutKind, TakenRollout],
    now: int,
) -> None:
    """Write metrics as node_exporter's textfile collector reads them; raise PlaneError."""
    lines = ["# TYPE copdns_rollout_taken gauge"]
    lines += [f'copdns_rollout_taken{{kind="{k}"}} {each.number}' for k, each in taken.items()]
    under_way = [each for each in rollouts if each.is_under_way]
    for name, found in (
        ("under_way", under_way),
        ("stopped", [each for each in under_way if each.state is RolloutState.STOPPED]),
        ("undone", [each for each in rollouts if each.state is RolloutState.UNDONE]),
    ):
        lines.append(f"# TYPE copdns_rollouts_{name} gauge")
        for kind in RolloutKind:
            many = sum(each.kind is kind for each in found)
            lines.append(f'copdns_rollouts_{name}{{kind="{kind}"}} {many}')
    lines.append("# TYPE copdns_rollouts_frozen gauge")
    lines.append(f"copdns_rollouts_frozen {int(any(each.holds(now) for each in freezes))}")
    _write(folder / METRICS_FILE, ("\n".join(lines) + "\n").encode())


def _read_taken(data: Path) -> dict[RolloutKind, TakenRollout]:
    try:
        return _TAKEN.validate_json((data / TAKEN_FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        log.warning("what this node took is not known; it takes it anew", error=str(error))
        return {}


def _write_taken(data: Path, taken: dict[RolloutKind, TakenRollout]) -> None:
    _write(data / TAKEN_FILE, _TAKEN.dump_json(taken))


def _write(path: Path, octets: bytes, mode: int = 0o644) -> None:
    """Write a file as a whole; raise PlaneError.  mode: of it, and the umask counts."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)  # else it would keep its mode
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
        new.replace(path)
    except OSError as error:
        raise PlaneError(f"{path}: {error.strerror}") from error
