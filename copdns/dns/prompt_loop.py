"""An event loop that answers queries as soon as it wakes up.

asyncio makes a list of what is ready, then a list of what is to be called, and calls that in a
context of its own: together that takes as long as a reply of the packet cache.  A prompt reader is
called as soon as epoll(7) says that there is something to read.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE, EpollSelector, SelectorKey
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Read = Callable[[], object]


class PromptSelector(EpollSelector):
    """A selector that calls prompt readers itself, and returns what else is ready."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        """on_error: told what a reader raised."""
        super().__init__()
        self._on_error = on_error
        self._readers: dict[int, Read] = {}  # by file descriptor
        self._keys: dict[int, SelectorKey] = {}  # of what else there is, the same way
        self._epoll: select.epoll = self._selector  # type: ignore[attr-defined]

    def add(self, fd: int, read: Read) -> None:
        """Call `read` whenever there is something to read."""
        self._epoll.register(fd, select.EPOLLIN)
        self._readers[fd] = read

    def remove(self, fd: int) -> None:
        """Call its reader no longer; before it is closed."""
        del self._readers[fd]
        self._epoll.unregister(fd)

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Watch what is no prompt reader's, as any selector does."""
        key = super().register(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Watch the same for something else."""
        key = super().modify(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Watch it no longer."""
        key = super().unregister(fileobj)
        del self._keys[key.fd]
        return key

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for at most so many seconds (None: until something comes); return what is ready."""
        most = max(len(self._readers) + len(self._keys), 1)
        ready: list[tuple[SelectorKey, int]] = []
        for fd, event in self._epoll.poll(-1 if timeout is None else max(timeout, 0), most):
            read = self._readers.get(fd)
            if read is not None:
                try:
                    read()
                except Exception as error:  # noqa: BLE001 - a callback, so the loop goes on
                    self._on_error(error)
                continue
            key = self._keys.get(fd)
            if key is not None:  # else a reader of this turn removed it
                # An error is something to read and to write, as asyncio expects it.
                readable = event & ~select.EPOLLOUT and EVENT_READ
                writable = event & ~select.EPOLLIN and EVENT_WRITE
                ready.append((key, (readable | writable) & key.events))
        return ready


class PromptLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, with prompt readers."""

    def __init__(self) -> None:
        self._prompt = PromptSelector(self._tell)
        super().__init__(self._prompt)

    def add_prompt_reader(self, fd: int, read: Read) -> None:
        """Call `read` whenever there is something to read, before all else that is due."""
        self._prompt.add(fd, read)

    def remove_prompt_reader(self, fd: int) -> None:
        """Call its reader no longer; before it is closed."""
        self._prompt.remove(fd)

    def _tell(self, error: Exception) -> None:
        self.call_exception_handler({"message": "a prompt reader failed", "exception": error})


def add_reader(loop: asyncio.AbstractEventLoop, fd: int, read: Read) -> None:
    """Call `read` whenever there is something to read, as promptly as this loop can."""
    if isinstance(loop, PromptLoop):
        loop.add_prompt_reader(fd, read)
    else:
        loop.add_reader(fd, read)


def remove_reader(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    """Undo `add_reader`, before the descriptor is closed."""
    if isinstance(loop, PromptLoop):
        loop.remove_prompt_reader(fd)
    else:
        loop.remove_reader(fd)
