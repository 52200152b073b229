"""Which job is being done right now: for collaborators of handlers that sign their work with it."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobContext:
    """One job as the engine handed it out. `trace` names this attempt in logs and incidents."""

    process: str
    process_instance_key: int
    element_instance_key: int
    job_key: int
    job_type: str
    element_id: str
    trace: str


_current: ContextVar[JobContext | None] = ContextVar("job", default=None)


def current_job() -> JobContext | None:
    """The job this task works on, or None outside of a job."""
    return _current.get()


def current_instance() -> int:
    """The process instance of the job at work; 0 outside of jobs."""
    job = current_job()
    return job.process_instance_key if job else 0


def current_element() -> int:
    """The element instance of the job at work; 0 outside of jobs."""
    job = current_job()
    return job.element_instance_key if job else 0


def enter_job(context: JobContext) -> None:
    """Make this the current task's job. Each job runs in a task of its own, so nothing has to be put back."""
    _current.set(context)
