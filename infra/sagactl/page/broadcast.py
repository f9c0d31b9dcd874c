"""Server-sent events: what the page shows without being reloaded."""

import asyncio
import json
from collections.abc import AsyncGenerator

from sagactl.page.activity import RecentActivity

PERIOD_SECONDS = 0.5
BUSY_PERIOD_SECONDS = 0.2  # while events come, so that they are shown at once
_MESSAGES_MAX = 100  # waiting for one listener


class Broadcast:
    """Reads what is new and sends it to every listener, for as long as there is one."""

    def __init__(self, activity: RecentActivity) -> None:
        self._activity = activity
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._reading: asyncio.Task[None] | None = None

    async def listen(self) -> AsyncGenerator[str]:
        """A server-sent event for each reading. They end if reading fails for a reason that nobody expected."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_MESSAGES_MAX)
        self._listeners.add(queue)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_and_send())
        try:
            while message := await queue.get():
                yield f"data: {message}\n\n"
        finally:
            self._listeners.discard(queue)
            self._stop_if_nobody_listens()

    async def _read_and_send(self) -> None:
        try:
            while True:
                news = await asyncio.to_thread(self._activity.read)
                self._send(json.dumps(news))
                await asyncio.sleep(self._pause_seconds())
        finally:
            self._send(None)

    def _pause_seconds(self) -> float:
        if self._activity.is_busy:
            return BUSY_PERIOD_SECONDS
        return PERIOD_SECONDS

    def _send(self, message: str | None) -> None:
        """To every listener; None ends its events."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()  # a listener that reads too slowly misses the oldest
            queue.put_nowait(message)

    def _stop_if_nobody_listens(self) -> None:
        if self._reading and not self._listeners:
            self._reading.cancel()
            self._reading = None
