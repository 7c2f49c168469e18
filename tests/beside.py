"""Files beside each other, one process each; what measures comes last, with nothing beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ALONE = "alone"  # stands for all files that measure, which one process takes together


class MeasuringLast(LoadFileScheduling):
    """As --dist loadfile, with files in the order of tests/conftest.py and ALONE after them all.

    It goes to the last process that is there; the others end first, with what they had started.
    """

    def __init__(
        self, config: pytest.Config, log: Producer, measures: Callable[[str], bool]
    ) -> None:
        super().__init__(config, log)
        self._measures = measures
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return ALONE if self._measures(file) else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node not in self.registered_collections:
            return  # of one that died, in whose place it is; it is given work when it has its list
        if [*self.workqueue] != [ALONE] or self.nodes == [node]:
            super()._assign_work_unit(node)
        elif any(not each.shutting_down for each in self.nodes if each is not node):
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        crashed = super().remove_node(node)
        if self.workqueue:
            for each in self.nodes:
                self._reschedule(each)
        return crashed
