"""How a process module says what it offers: jobs, messages, error codes. Pure data, no engine in it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

Handler = Callable[..., Awaitable[Any]]

CASE_ID = "shopify_order_id"
"""The variable that says of which case an instance is; without it, its case is called like its correlation key."""
CASE_URL = "case_url"
"""The variable by which forms in Tasklist link to our page of the case; instances bring it where there is one."""


class MessagePayload(BaseModel):
    """Base of every message's variables: validated, frozen, and nothing unknown gets through."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class Job:
    """One job type and the bound method that does it.

    The variables fetched are the handler's parameters; they are validated by their annotations before the call.
    The result, a frozen dataclass or None, becomes the job's variables.
    """

    type: str
    handler: Handler
    timeout: timedelta = timedelta(seconds=60)
    """Above the slowest adapter's limit; the host extends it while the handler works."""
    max_running: int = 32
    """Most handlers of this type at once in one worker process."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message the process waits for, or starts by."""

    name: StrEnum
    payload: type[MessagePayload]
    correlation_key: str
    """Name of the payload field whose value is the correlation key."""
    time_to_live: timedelta
    """How long the engine buffers it until somebody waits for it."""
    starts: bool = False
    """An instance starts by it, and none waits for it."""
    starts_when_none_runs: bool = False
    """The running instance takes it; when none runs for its correlation key, one starts by it."""
    asked_for_at: str = ""
    """The route at which callers of the api ask for it instead: they do not fill in such a message themselves."""
    may_be_unknown: bool = False
    """It tells of something by a number that may not be ours, or not yet: people see those that nobody takes."""
    follows: StrEnum | None = None
    """The message of another process with which it is stored, so that both hear of the same: the engine gives one
    message to one instance of each process only."""
    identity: str = ""
    """Name of the payload field that tells several messages of one key apart. Without one, a key has one message
    for ever: told again it is the same."""


@dataclass(frozen=True, slots=True)
class Process:
    """Everything a process module registers; compared with its diagram before a worker starts."""

    id: str
    jobs: tuple[Job, ...]
    messages: tuple[Message, ...]
    errors: type[StrEnum]
    outcomes: Mapping[str, str]
    """End event id → the word for how a case ended that reached it."""

    def message(self, name: str) -> Message | None:
        """The message called `name`, or None."""
        return next((message for message in self.messages if message.name == name), None)

    @property
    def start_message(self) -> Message | None:
        """The message that starts an instance; where several do, the first, which is the usual way. None when only
        other processes call this one, or the running instance takes the message, too."""
        return next((message for message in self.messages if message.starts), None)
