"""The one tree of errors.

    OrderopsError
    ├── UserError             somebody at the command line can mend it: one sentence and a hint
    ├── EngineError           the engine did not do what was asked of it
    │   ├── EngineUnavailable     no answer in time, or too busy: perhaps done, worth another try
    │   │   └── EngineBusy            back-pressure: surely not done, and fewer at once would do
    │   └── EngineRefused         it will never accept this
    │       ├── EngineNotFound        what was named is not there, or no longer
    │       └── EngineConflict        not in its present state (a task that somebody else has, for instance)
    └── JobError              what a job handler may raise; the worker host answers the engine accordingly
        ├── BusinessOutcome   an outcome the diagram knows: thrown as a BPMN error
        ├── Retryable         may succeed later: the job fails with back-off
        │   ├── Unavailable       surely not executed (refused, 503); a retry is harmless
        │   │   └── RateLimited       the same, with the earliest time to call again
        │   ├── OutcomeUnknown    perhaps executed: to be settled by asking, never by trying blindly again
        │   └── EffectInProgress  another worker or the provider may be at this very effect now
        └── NeedsHuman        no retry helps: an incident at once, with a sentence an operator can act on
            ├── EffectConflict    an effect's key was used before for something else
            └── EffectStopped     the effect was stopped before it happened

Expected results (no stock at this supplier, address wrong) are variables and gateways wherever a result can be
reached; an error is for "no result reachable here".
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any


class OrderopsError(Exception):
    """Root of every error of ours."""


class UserError(OrderopsError):
    """Something a person can mend; printed as one sentence and a hint, never as a stack trace."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class EngineError(OrderopsError):
    """The engine did not do what was asked of it. Messages carry no variables."""


class EngineUnavailable(EngineError):  # named like the others: by what happened
    """No answer in time, or too busy; it may have been done, and asking again is harmless."""


class EngineBusy(EngineUnavailable):
    """The engine has too much to do and did nothing of this: ask for less at once."""


class EngineRefused(EngineError):
    """The engine will never accept this request."""


class EngineNotFound(EngineRefused):
    """What was named is not there, or no longer."""


class EngineConflict(EngineRefused):
    """Not possible in the present state, for instance a task that somebody else has claimed."""


class JobError(OrderopsError):
    """Anything a job handler raises on purpose. Messages carry no personal data: they reach logs and incidents."""


class BusinessOutcome(JobError):
    """Thrown to the engine as BPMN error `code`; `variables` become local to the event that catches it."""

    def __init__(self, code: StrEnum, message: str, variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.variables = dict(variables or {})


class Retryable(JobError):
    """May succeed later.

    `retry_after` is the earliest next attempt, `burns_retry` whether the attempt counts against the job's retries:
    waiting for somebody else's outage does not.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None, burns_retry: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.burns_retry = burns_retry


class Unavailable(Retryable):
    """The other side surely did nothing."""


class RateLimited(Unavailable):
    """The other side asks for fewer calls; its Retry-After is kept and no retry is burnt."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message, retry_after=retry_after, burns_retry=False)


class OutcomeUnknown(Retryable):
    """The other side may have acted: its answer did not arrive."""


class EffectInProgress(Retryable):
    """Another worker or the provider may be at this effect now; it will be found done, or settled, later."""

    def __init__(self, key: str, retry_after: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(f"effect {key} is in progress elsewhere", retry_after=retry_after, burns_retry=False)


class NeedsHuman(JobError):
    """No retry helps: becomes an incident with this message."""


class EffectConflict(NeedsHuman):
    """The effect's key was used before with another request, so its result is not the one asked for."""


class EffectStopped(NeedsHuman):
    """The effect was stopped (for instance because the order was cancelled) before it happened."""
