"""copdns whose notices to browsers go to this machine, which no setting lets.

It is run with this file in place of `-m copdns`, as tests/web/test_worker.py does.
"""

from __future__ import annotations

from functools import partial

from copdns.app import push_chores
from copdns.cli import main
from copdns.events.push_sender import PushSender
from tests.push_service import to_loopback

if __name__ == "__main__":
    push_chores.PushSender = partial(PushSender, resolver=to_loopback)  # type: ignore[assignment, misc]
    main()
