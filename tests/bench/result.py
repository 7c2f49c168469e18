"""What a run gave, as a value: written to a file, read back, and told as tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import quiet
from tests.bench.aims import verdicts
from tests.bench.quiet import Look
from tests.bench.table import Style, glance, log_rows, plain, side_by_side, tables
from tests.bench.workloads import Sample


@dataclass(frozen=True, slots=True)
class Result:
    """names: in every list.  told: of the machine.  machine: its facts.

    versions: of each build of copdns and of each peer, as they give it.  looks: at the cores,
    before and after.  missing, wrong: see run.Run.
    """

    names: int
    told: str
    machine: Mapping[str, object]
    samples: Sequence[Sample]
    versions: Mapping[str, str] = field(default_factory=dict)
    peers: Sequence[str] = ()
    builds: Sequence[str] = ()
    looks: Sequence[Look] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    wrong: Sequence[str] = ()

    def report(self, style: Style = plain) -> str:
        """Return all tables, and whatever a reader has to know beside them."""
        latencies = [each for each in self.samples if each.workload == "latency"]
        parts = [
            f"{self.names:,} names in every list; {self.told}\n{_pairs(self.machine)}",
            "; ".join(
                f"{name}: {version or 'not here'}" for name, version in self.versions.items()
            ),
            quiet.told(self.looks, latencies),
            glance(self.samples, style),
            tables(self.samples, [*self.peers, "echo"], style),
            side_by_side(self.samples, self.builds, style),
            verdicts(self.samples, self.names, style, busy=not quiet.is_quiet(self.looks)),
            log_rows(self.samples, style),
            quiet.held_up(self.samples),
            "\n".join(f"{name}: missing: {why}" for name, why in self.missing.items()),
            "\n".join(f"WRONG: {line}" for line in self.wrong),
        ]
        return "\n\n".join(part for part in parts if part)

    def write(self, folder: Path) -> Path:
        """Write the numbers themselves, for whoever wants to look closer."""
        dropped: dict[str, float] = {}
        for each in self.samples:
            if "dropped" in each.values:
                dropped[each.server] = dropped.get(each.server, 0) + each.values["dropped"]
        return keep({**asdict(self), "log_rows_dropped": dropped}, folder)


def _pairs(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def keep(content: Mapping[str, object], folder: Path) -> Path:
    """Write numbers into a file of their own, with when and how they were measured."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    about = {"at": now.isoformat(), "arguments": sys.argv[1:]}
    path.write_text(json.dumps({**about, **content}, indent=1))
    return path


def read(path: Path) -> Result:
    """Read what `Result.write` wrote; KeyError, TypeError or ValueError where it did not."""
    content: dict[str, Any] = json.loads(path.read_text())
    return Result(
        content["names"],
        content["told"],
        content["machine"],
        [Sample(**each) for each in content["samples"]],
        content["versions"],
        content["peers"],
        content["builds"],
        [Look(**each) for each in content["looks"]],
        content["missing"],
        content["wrong"],
    )
