"""An asyncio event loop in a thread of its own, for synchronous code that needs calls it can really cancel.

A blocking read can't be interrupted from another thread; a task can, and its connection closes with it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds between looks at whether the caller still wants the answer.
_POLL = 0.05


class BackgroundLoop:
    """Runs coroutines for any number of threads. Work that `close` cuts off or that comes later raises CancelledError.

    (That of concurrent.futures.)
    """

    def __init__(self, name: str) -> None:
        self._closing = threading.Lock()
        self._open = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, or its exception."""
        return self._submit(work).result()

    def iterate(self, pieces: AsyncIterator[T], wanted: Callable[[], bool]) -> Iterator[T]:
        """What the asynchronous iterator yields. Closing this, or `wanted()` turning false, cancels it at once."""
        out: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

        async def pump() -> None:
            async for piece in pieces:
                out.put((True, piece))

        future = self._submit(pump())
        future.add_done_callback(lambda _: out.put((False, None)))
        try:
            while wanted():
                try:
                    more, piece = out.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if not more:
                    future.result()  # raises what the iterator raised
                    return
                yield piece
        finally:
            future.cancel()

    def close(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what is running, wait for it to end, run `farewell`, stop. A second call does nothing."""
        with self._closing:
            if not self._open:
                return
            self._open = False
        asyncio.run_coroutine_threadsafe(_wind_up(farewell), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._closing:  # nothing slips in between the cancelling and the stop
            if not self._open:
                work.close()
                raise CancelledError
            return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _wind_up(farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await farewell()
