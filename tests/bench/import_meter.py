"""What `copdns run` imports: octets and milliseconds of each module without what that imports.

`python -m tests.bench.import_meter` prints them as JSON; `memory_use.py` reads it.  Octets are what
Python allocates (tracemalloc), so without the files of libraries that are mapped; counting them
makes it slow, so times need a run without.  Imports as little as it can: what is here already is
not counted.
"""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from types import ModuleType
from typing import Any

Own = dict[str, float]


class Meter:
    """Adds up what a gauge rises by in each module; what a module imports counts for that alone."""

    def __init__(self, gauge: Callable[[], float]) -> None:
        self.own: Own = {}
        self._gauge = gauge
        self._within = [0.0]  # what the imports of each module under way took

    def measure(self, name: str, load: Callable[[], Any]) -> Any:
        """Return what `load` returns; what it takes is the module's."""
        before = self._gauge()
        self._within.append(0.0)
        try:
            return load()
        finally:
            taken = self._gauge() - before
            self.own[name] = self.own.get(name, 0.0) + taken - self._within.pop()
            self._within[-1] += taken


def watch_imports(meter: Meter) -> None:
    """Measure every module from now on."""
    for loader in (SourceFileLoader, ExtensionFileLoader):
        _wrap(loader, "exec_module", meter)
    _wrap(ExtensionFileLoader, "create_module", meter)


def _wrap(loader: Any, method: str, meter: Meter) -> None:
    load = getattr(loader, method)

    def measured(self: Any, module: ModuleType) -> Any:  # or a ModuleSpec: both have a name
        name = getattr(module, "__name__", None) or module.name
        return meter.measure(name, lambda: load(self, module))

    setattr(loader, method, measured)


def main() -> None:
    if "--octets" in sys.argv:
        tracemalloc.start(1)
        meter = Meter(lambda: tracemalloc.get_traced_memory()[0])
    else:
        meter = Meter(lambda: 1000 * time.process_time())
    watch_imports(meter)
    # As `copdns run` does.
    import copdns.cli
    from copdns.app.memory_use import leave_out_extras

    leave_out_extras()
    import copdns.app.app
    import copdns.cli.stderr_log  # noqa: F401

    sys.stdout.write(json.dumps(meter.own))


if __name__ == "__main__":
    main()
