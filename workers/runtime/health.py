"""What is known of the connections to the engine."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

log = structlog.get_logger()


@dataclass
class Link:
    """One way to or from the engine. Logs once per change, not per attempt."""

    subject: str
    """What travels this way: a job type, or the inbox."""
    way: str
    """stream, poll or relay."""
    up: bool | None = None
    last_success: datetime | None = None
    last_error: str | None = None

    def succeeded(self) -> None:
        """It works."""
        self.last_success = datetime.now(UTC)
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
    running: int = 0
    stream: Link = field(init=False)
    poll: Link = field(init=False)

    def __post_init__(self) -> None:
        self.stream = Link(self.job_type, "stream")
        self.poll = Link(self.job_type, "poll")

    @property
    def last_contact(self) -> datetime | None:
        """When the engine last gave a sign of life for this type, by either way."""
        return max(filter(None, (self.stream.last_success, self.poll.last_success)), default=None)
