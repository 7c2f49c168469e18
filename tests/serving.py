"""Run a server of the library `socketserver` in a thread, for as long as a test needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TypeVar

Server = TypeVar("Server", bound=BaseServer)


@contextmanager
def serving(server: Server, poll: float = 0.05) -> Iterator[Server]:
    """Serve until the block ends, and close the server.

    poll: seconds between two looks whether it ends.
    """
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": poll})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
