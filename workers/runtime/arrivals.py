"""From a validated message to what the inbox stores."""

import hashlib
from urllib.parse import quote

from workers.casefile.inbox import Arrival
from workers.runtime import tracing
from workers.runtime.jobs import CASE_ID, CASE_URL, Message, MessagePayload
from workers.runtime.settings import Settings


def arrival_of(
    process: str,
    message: Message,
    payload: MessagePayload,
    *,
    source: str,
    body: bytes,
    trace_id: str,
    settings: Settings,
) -> Arrival:
    """Identified for ever by message and correlation key, and by its identity where a key has several."""
    correlation_key = str(getattr(payload, message.correlation_key))
    told_apart = f":{getattr(payload, message.identity)}" if message.identity else ""
    starts = message.starts or message.starts_when_none_runs
    return Arrival(
        source=source,
        process=process,
        message_name=message.name,
        correlation_key=correlation_key,
        time_to_live_ms=int(message.time_to_live.total_seconds() * 1000),
        variables={
            **payload.model_dump(mode="json"),
            **tracing.for_message(starts=message.starts),
            **(_link_back(settings, getattr(payload, CASE_ID, correlation_key)) if starts else {}),
        },
        dedupe_key=f"{message.name}:{correlation_key}{told_apart}",
        body_sha256=hashlib.sha256(body).digest(),
        trace_id=trace_id,
        matched=False if message.may_be_unknown else None,
    )


def _link_back(settings: Settings, case_id: str) -> dict[str, str]:
    """Only where there is a Tasklist: variables cost the engine."""
    if settings.tasklist_url is None:
        return {}
    return {CASE_URL: f"{settings.public_url.rstrip('/')}/ui/cases/{quote(case_id, safe='')}"}
