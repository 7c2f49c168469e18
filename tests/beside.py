"""Files beside each other, one process each; what measures comes last, with little or nothing
beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ALONE = "alone"  # stands for all files that run alone, which one process takes together
PAIR = 2  # processes, at most, while what waits for most of its time is measured


class MeasuringLast(LoadFileScheduling):
    """As --dist loadfile, with files in the order of tests/conftest.py; after them all those that
    are waiting, for which a pair of processes stays, and then ALONE, for which one does.

    The other processes end first, with what they had started.
    """

    def __init__(
        self, config: pytest.Config, log: Producer, measures: Sequence[str], waiting: Sequence[str]
    ) -> None:
        super().__init__(config, log)
        self._measures = frozenset(measures)
        self._waiting = frozenset(waiting)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return ALONE if file in self._measures - self._waiting else file

    def _most(self, scope: str) -> int:
        """Return how many processes may be there when a unit of work is given to one of them."""
        return {ALONE: 1}.get(scope, PAIR if scope in self._waiting else self.numnodes)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node not in self.registered_collections:
            return  # of one that died, in whose place it is; it is given work when it has its list
        if not self.workqueue:
            node.shutdown()
            return
        scope = max(self.workqueue, key=self._most)  # what a process died of is put at the end
        self.workqueue.move_to_end(scope, last=False)
        most = self._most(scope)
        others = [each for each in self.nodes if each is not node]
        if len(others) < most:
            super()._assign_work_unit(node)
            self._reschedule(node)  # it runs the last test that it has when it knows what follows
        elif sum(not each.shutting_down for each in others) >= most:
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        crashed = super().remove_node(node)
        if self.workqueue:
            for each in self.nodes:
                self._reschedule(each)
        return crashed
