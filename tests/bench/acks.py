"""How long a webhook's sender waits for 200, at fixed rates, with the engine up and down.

Webhooks leave at fixed times whether the earlier ones were answered or not, and each is timed from when it was
due: a sender that waits for slow answers would hide them. Every webhook is an order of its own, and all of its
work happens meanwhile on the same machine. Down means stopped (SIGSTOP): the engine neither answers nor refuses.
"""

import asyncio
import os
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from tests.bench.ground import Ground
from tests.bench.usage import percentile
from tests.bench.webhooks import Delivery, Door, new_orders
from workers.casefile.db import Database
from workers.runtime.errors import UserError

RATES = (50, 200)
GENTLE = 10
"""Webhooks a second that the engine takes without a queue, for the time from webhook to instance."""
CONNECTIONS = 64


ROUNDS = 3
"""In turns; the figures are the medians of these, the longest wait is that of all."""


@dataclass(frozen=True)
class Answers:
    """One round: milliseconds from when each webhook was due to its answer, and how many were not taken."""

    took_ms: list[float]
    refused: int


async def measure(ground: Ground, seconds: float | None = None) -> dict[str, Any]:
    """The figures of this part. Leaves orders behind that are still being worked on."""
    quick = ground.lengths.quick
    seconds = seconds or (0.35 * ground.lengths.window if quick else 10)
    database = Database(ground.stack.database_url, 4)
    door = Door(ground.stack.api_url, CONNECTIONS)
    took = defaultdict[str, list[Answers]](list)
    try:
        await _send(ground, database, door, GENTLE, 1)
        gentle: list[float] = [] if quick else await _to_instance(ground, database, door, seconds)
        for _ in range(1 if quick else ROUNDS):
            for rate in RATES:
                ground.say(f"Acknowledgements: {rate} a second")
                took[str(rate)].append(await _send(ground, database, door, rate, seconds))
            for rate in () if quick else RATES:
                ground.say(f"Acknowledgements: {rate} a second while the engine is down")
                with _down(ground.pids["broker"]):
                    took[f"{rate}_engine_down"].append(await _send(ground, database, door, rate, seconds / 2))
    finally:
        door.close()
        await database.close()
    return figures_of(took, gentle)


async def _to_instance(ground: Ground, database: Database, door: Door, seconds: float) -> list[float]:
    """Milliseconds from the webhook's arrival to its instance's start, by the clocks of database and engine."""
    ground.say(f"From webhook to instance: {GENTLE} a second")
    deliveries = await new_orders(database, ground.secret, int(GENTLE * seconds))
    if refused := (await _at_fixed_times(door, deliveries, GENTLE)).refused:
        raise UserError(f"{refused} webhooks were not taken.", hint="The api's log says why.")
    query = text(TO_INSTANCE).bindparams(ids=[delivery.case_id for delivery in deliveries])
    for _ in range(100):
        async with database.connection() as connection:
            ages = (await connection.scalars(query)).all()
        if len(ages) == len(deliveries):
            return [float(age) for age in ages]
        await asyncio.sleep(0.2)
    raise UserError(
        f"{len(deliveries) - len(ages)} of {len(deliveries)} webhooks had not become instances after 20 s.",
        hint="The api's log says how its relay fares.",
    )


TO_INSTANCE = """
SELECT 1000 * extract(epoch FROM opened_at - received_at)
FROM orderops.cases JOIN orderops.inbox ON correlation_key = cases.id
WHERE cases.id = ANY(:ids) AND process_instance_key IS NOT NULL
"""


async def _send(ground: Ground, database: Database, door: Door, rate: int, seconds: float) -> Answers:
    deliveries = await new_orders(database, ground.secret, int(rate * seconds))
    return await _at_fixed_times(door, deliveries, rate)


async def _at_fixed_times(door: Door, deliveries: Sequence[Delivery], rate: int) -> Answers:
    began = time.monotonic()

    async def one(delivery: Delivery, due: float) -> tuple[int, float]:
        status = await door.deliver(delivery)
        return status, 1000 * (time.monotonic() - due)

    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, delivery in enumerate(deliveries):
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            tasks.append(group.create_task(one(delivery, due)))
    answers = [task.result() for task in tasks]
    return Answers([took for _, took in answers], sum(status != 200 for status, _ in answers))


@contextmanager
def _down(broker: int) -> Iterator[None]:
    os.kill(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker, signal.SIGCONT)


def figures_of(took: Mapping[str, Sequence[Answers]], gentle: list[float]) -> dict[str, Any]:
    """What is reported of these rounds, by name, and of the times from webhook to instance."""

    def each(share: float) -> dict[str, float]:
        return {
            name: round(statistics.median(percentile(answers.took_ms, share) for answers in rounds), 1)
            for name, rounds in took.items()
        }

    longest = {name: round(max(max(answers.took_ms) for answers in rounds), 1) for name, rounds in took.items()}
    figures: dict[str, Any] = {"ack_p50_ms": each(0.5), "ack_p99_ms": each(0.99), "ack_max_ms": longest}
    figures["ack_refused"] = {name: sum(each.refused for each in rounds) for name, rounds in took.items()}
    if gentle:
        figures["webhook_to_instance_ms"] = {
            "p50": round(percentile(gentle, 0.5), 1),
            "p99": round(percentile(gentle, 0.99), 1),
        }
    return figures
