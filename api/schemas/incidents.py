"""Incidents as operators and their programs see them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.common import Answer, Key
from workers.casefile.models import Incident


class IncidentInfo(Answer):
    """Something an operator has to look at, or had to."""

    key: Key = Field(description="The engine's key.", examples=["2251799813685301"])
    case_id: str | None = Field(None, description="The shop's order id.", examples=["450789469"])
    process: str = Field(examples=["fulfillment"])
    element_id: str = Field(description="Where the case stands still.", examples=["Task_GetOrder"])
    error_type: str = Field(description="As the engine names it.", examples=["JOB_NO_RETRIES"])
    message: str = Field(description="What has to be mended.", examples=["The shop has no order 450789469."])
    created_at: datetime
    resolved_at: datetime | None


def incident_info(incident: Incident, case_id: str | None) -> IncidentInfo:
    """A row of ours as it is shown."""
    return IncidentInfo.model_validate(incident).model_copy(update={"case_id": case_id})


class Incidents(Answer):
    """One page of incidents, by key."""

    incidents: list[IncidentInfo]
    next: str | None = Field(description="Value of `after` for the next page; null on the last one.")


class IncidentRetried(Answer):
    """The engine tries again. When that fails, there is a new incident."""

    key: Key = Field(examples=["2251799813685301"])
    status: Literal["retried"] = "retried"
