"""What is known of the connections to the engine, and whether what a process needs answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

log = structlog.get_logger()

SILENT_SECONDS = 90.0
"""A job type without a sign of the engine for so long does not work: an idle one polls every 30 s."""
CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[bool]]


class State(StrEnum):
    """How something that a process needs is."""

    OK = "ok"
    AWAY = "away"
    """It does not answer, or says that it cannot work."""
    WAITING = "waiting"
    """The engine has not answered for this job type yet."""
    SILENT = "silent"
    """The engine has given no sign for this job type for too long."""


@dataclass
class Link:
    """One way to or from the engine. Logs once per change, not per attempt."""

    subject: str
    """What travels this way: a job type, or the inbox."""
    way: str
    """stream, poll or relay."""
    up: bool | None = None
    last_success: float | None = None
    """By time.monotonic(): clocks are set."""
    last_error: str | None = None

    def succeeded(self) -> None:
        """It works."""
        self.last_success = time.monotonic()
        if self.up is False:
            log.info(f"{self.way}.back", subject=self.subject)
        self.up = True

    def failed(self, status: str) -> None:
        """It does not, for this reason."""
        if self.up is not False or self.last_error != status:
            log.warning(f"{self.way}.lost", subject=self.subject, status=status)
        self.up = False
        self.last_error = status


@dataclass
class Health:
    """Both ways of one job type, and how many handlers are at work."""

    job_type: str
    slots: int = 1
    """Most handlers at once."""
    running: int = 0
    since: float = field(default_factory=time.monotonic)
    stream: Link = field(init=False)
    poll: Link = field(init=False)

    def __post_init__(self) -> None:
        self.stream = Link(self.job_type, "stream")
        self.poll = Link(self.job_type, "poll")

    @property
    def last_contact(self) -> float | None:
        """When the engine last gave a sign of life for this type, by either way; by time.monotonic()."""
        return max(filter(None, (self.stream.last_success, self.poll.last_success)), default=None)

    @property
    def silent_seconds(self) -> float:
        """How long the engine has given no sign; 0 while all slots are taken, when nothing is asked for."""
        if self.running >= self.slots:
            return 0.0
        return time.monotonic() - (self.last_contact or self.since)

    @property
    def state(self) -> State:
        """Whether jobs of this type are got."""
        if self.silent_seconds > SILENT_SECONDS:
            return State.SILENT
        return State.OK if self.last_contact else State.WAITING


async def states(checks: Mapping[str, Check]) -> dict[str, State]:
    """Do all checks at once. Any failure is a no; a check that hangs is one, too, and left behind."""
    answers = await asyncio.gather(*(_within(check) for check in checks.values()))
    return {name: State.OK if well else State.AWAY for name, well in zip(checks, answers, strict=True)}


async def _within(check: Check) -> bool:
    task = asyncio.ensure_future(check())
    await asyncio.wait({task}, timeout=CHECK_SECONDS)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None and task.result()
