"""From a validated message to what the inbox stores."""

import hashlib

from workers.casefile.inbox import Arrival
from workers.runtime import tracing
from workers.runtime.jobs import Message, MessagePayload, Process


def arrival_of(
    process: Process, message: Message, payload: MessagePayload, *, source: str, body: bytes, trace_id: str
) -> Arrival:
    """Identified for ever by message and correlation key: every interaction has a key of its own."""
    correlation_key = str(getattr(payload, message.correlation_key))
    return Arrival(
        source=source,
        process=process.id,
        message_name=message.name,
        correlation_key=correlation_key,
        time_to_live_ms=int(message.time_to_live.total_seconds() * 1000),
        variables={**payload.model_dump(mode="json"), **tracing.for_message(starts=message.starts)},
        dedupe_key=f"{message.name}:{correlation_key}",
        body_sha256=hashlib.sha256(body).digest(),
        trace_id=trace_id,
    )
