"""User tasks as agents and their programs see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.common import Answer, Asked, Key, TimelineInfo
from workers.casefile.models import Task


class TaskInfo(Answer):
    """A task somebody has to do."""

    key: Key = Field(description="The engine's key.")
    process: str = Field(examples=["fulfillment"])
    element_id: str = Field(examples=["Task_CorrectAddress"])
    case_id: str | None = Field(None, description="The shop's order id.", examples=["450789469"])
    state: Literal["open", "completed", "canceled"]
    assignee: str | None
    candidate_groups: list[str] = Field(examples=[["support"]])
    due_at: datetime | None
    priority: int
    created_at: datetime
    finished_at: datetime | None


def task_info(task: Task, case_id: str | None) -> TaskInfo:
    """A row of ours as it is shown."""
    return TaskInfo.model_validate(task).model_copy(update={"case_id": case_id})


class Tasks(Answer):
    """One page of tasks, oldest first."""

    tasks: list[TaskInfo]
    next: str | None = Field(description="Value of `after` for the next page; null on the last one.")


class RequestInfo(Answer):
    """What the customer was asked, and the facts to prefill a form with."""

    id: str
    kind: str
    state: str
    facts: dict[str, Any]


class TaskDetail(TaskInfo):
    """A task with what is needed to do it."""

    form: dict[str, Any] | None = Field(None, description="Schema of the form, as form-js has it.")
    request: RequestInfo | None = Field(None, description="The question last put to the customer of this case.")
    timeline: list[TimelineInfo] = Field(description="What happened in this case, oldest first.")


class Claim(Asked):
    """Who takes the task: people themselves, so that they may leave it out; programs name somebody."""

    assignee: Annotated[
        str | None, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", examples=["agent-1"])
    ] = None


class Completion(Asked):
    """The form's answers by field key."""

    variables: dict[str, Any] = Field(
        examples=[{"name": "Ada", "street": "Hauptstr. 5", "postcode": "10827", "city": "Berlin", "country": "DE"}]
    )


class TaskChanged(Answer):
    """The engine accepted it; lists show it as soon as the engine's record has arrived."""

    key: Key
    status: Literal["claimed", "unclaimed", "completed"]
