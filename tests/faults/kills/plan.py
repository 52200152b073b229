"""Which order's worker is killed where: each order exactly once, decided by its number."""

import mmap
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Deed:
    """What workers are killed at: jobs that change the outside world, and the message that leads to them.

    It starts the first of the processes, which calls the others.
    """

    processes: tuple[str, ...]
    jobs: tuple[str, ...]
    message: str

    @property
    def process(self) -> str:
        """The one that is started."""
        return self.processes[0]


PURCHASES = Deed(("fulfillment",), ("fulfillment.place_supplier_order",), "order_paid")
REFUNDS = Deed(("refund",), ("refund.execute_refund",), "refund_requested")
TICKETS = Deed(
    ("triage", "resolution", "escalation"), ("resolution.send_reply", "escalation.alert"), "ticket_created"
)
_NUMBER = re.compile(r"\d+")


def refund_of(order_id: str) -> str:
    """The one refund of an order."""
    return f"{order_id}-damaged"


def order_of(name: str) -> str:
    """The order that a refund, a ticket or an effect is called after."""
    found = _NUMBER.search(name)
    assert found is not None, name
    return found[0]


class Point(StrEnum):
    """Where a worker is killed."""

    BEFORE_INTENT = "before_intent"
    """It has the job, and has written nothing."""
    BEFORE_CALL = "before_call"
    """The intent is in the journal, the supplier has heard nothing."""
    AFTER_CALL = "after_call"
    """The supplier has the order, the journal does not know."""
    AFTER_RECORD = "after_record"
    """The journal knows, the engine does not."""
    AFTER_COMPLETION_SENT = "after_completion_sent"
    """The engine has the completion, and its answer has not been read."""


POINTS = tuple(Point)


@dataclass(frozen=True)
class Plan:
    """What every process of one run has to know. Plain values: it travels to the workers."""

    times: int
    """Kills per point."""
    first_order: int
    """Number of the first order; the others follow."""
    settings: Mapping[str, Any]
    """Where engine and PostgreSQL are."""
    folder: Path
    """Holds the hits and the workers' log."""
    deed: Deed = PURCHASES
    copy: str = ""
    """Ends the processes' ids in the engine, when they are copies that leave workers of the originals alone."""
    job_seconds: int = 4
    """How long a job is its doomed worker's. It comes again after that."""
    settling_seconds: int = 3
    """How long a supplier may still execute what a dead worker asked for; the mocked one needs 2 at most."""

    def named(self, process: str) -> str:
        """The process's id in the engine."""
        return f"{process}_{self.copy}" if self.copy and process in self.deed.processes else process

    @property
    def message(self) -> str:
        """The message that starts the process."""
        return f"{self.deed.message}_{self.copy}" if self.copy else self.deed.message

    @property
    def total(self) -> int:
        """Orders, and kills."""
        return self.times * len(POINTS)

    @property
    def orders(self) -> list[str]:
        """Every order's id."""
        return [str(self.first_order + number) for number in range(self.total)]

    @property
    def hits_file(self) -> Path:
        """One byte per order: whether its worker was killed."""
        return self.folder / "hits"

    def number(self, order_id: str) -> int:
        """Which of the orders this is, from 0."""
        return int(order_id) - self.first_order

    def point_of(self, order_id: str) -> Point:
        """Where this order's worker is killed."""
        return POINTS[self.number(order_id) % len(POINTS)]

    def as_deployed(self, job_type: str) -> str:
        """The job type as the deployed process has it."""
        process, _, job = job_type.partition(".")
        return f"{self.named(process)}.{job}"


class Hits:
    """Which orders' workers were killed, in memory that all processes share and that outlives each of them."""

    def __init__(self, plan: Plan) -> None:
        with plan.hits_file.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), plan.total)

    @staticmethod
    def prepare(plan: Plan) -> None:
        """Nobody was killed yet."""
        plan.hits_file.write_bytes(bytes(plan.total))

    def has(self, number: int) -> bool:
        """Whether this order's worker was killed."""
        return self._bytes[number] > 0

    def add(self, number: int) -> None:
        """It is killed now; counts up, so that a second kill of one order would show."""
        self._bytes[number] += 1

    def counts(self) -> bytes:
        """Kills by order number."""
        return self._bytes[:]


class Scythe:
    """Kills this very process where the plan says so."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._hits = Hits(plan)

    def due(self, point: Point, order_id: str) -> bool:
        """Whether this is the order's point and its worker was not killed yet."""
        return self._plan.point_of(order_id) is point and not self._hits.has(self._plan.number(order_id))

    def strike(self, point: Point, order_id: str) -> None:
        """SIGKILL, if it is due. Does not return then."""
        if self.due(point, order_id):
            self._hits.add(self._plan.number(order_id))
            os.kill(os.getpid(), signal.SIGKILL)
