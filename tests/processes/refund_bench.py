"""The jobs of refund on ports in memory, with the real journal, case file and books of refunds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from time import time
from typing import Any

from sqlalchemy import insert, update

from api.people import Role
from tests.api.people import add
from tests.fakes import FakeAlerts, FakeEventBus, FakeLedger, FakeMailer, FakePayments, FakeShop
from tests.processes.bench import an_order
from workers.casefile.approvals import POLICY, TASK, Approvals
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.journal import SETTLING, Journal
from workers.casefile.models import Effect
from workers.casefile.record_models import Instance, Record
from workers.casefile.refund_models import Refund
from workers.casefile.refunds import Refunds
from workers.common import Effects, Pager
from workers.ports.shop import Order
from workers.refund import RefundJobs
from workers.runtime.context import JobContext, enter_job

_numbers = count(int(time() * 1000))
YES = {"decision": "approve", "why": "It was broken"}


@dataclass
class RefundBench:
    """One paid order of 49.95 EUR, one refund of it, and everything that its jobs touch."""

    database: Database
    order: Order = field(default_factory=an_order)

    def __post_init__(self) -> None:
        self.id = self.order.id
        self.refund_id = f"{self.id}-damaged"
        self.instance = next(_numbers)
        self.shop, self.payments = FakeShop(self.order), FakePayments()
        self.charge = self.payments.pay(self.id, self.order.total)
        self.alerts = FakeAlerts()
        self.ledger, self.mailer, self.events = FakeLedger(), FakeMailer(), FakeEventBus()
        self.cases, self.refunds = Cases(self.database), Refunds(self.database)
        journal = Journal(self.database)
        self.jobs = RefundJobs(
            shop=self.shop,
            payments=self.payments,
            journal=journal,
            effects=Effects(journal, self.mailer, self.events, self.ledger),
            pager=Pager(journal, self.alerts),
            cases=self.cases,
            refunds=self.refunds,
            approvals=Approvals(self.database),
        )
        self.enter()

    def enter(self, instance: int | None = None, element: int = 0) -> None:
        """Be at a job of this refund's instance, or of another one."""
        enter_job(JobContext("refund", instance or self.instance, element, 1, "refund.job", "Task", "trace"))

    async def arrive(self) -> None:
        """The engine tells that the instance is at another element: that of the next job."""
        self.enter(element=await self._record("PROCESS_INSTANCE", "ELEMENT_ACTIVATED", "Task", {}))

    async def compute(
        self,
        amount: int = 2_000,
        reason: str = "damaged",
        currency: str = "EUR",
        requested_by: str = "person:requester",
    ) -> Any:
        """The first job."""
        return await self.jobs.compute_refundable(self.id, self.refund_id, amount, currency, reason, requested_by)

    async def decide(self, approvals: int = 0, group: str = "support", **asked: Any) -> None:
        """The engine records what the policy said, about this refund unless told otherwise."""
        refund = await self.refund()
        together = refund.requested_minor + await self.refunds.unasked_before(refund)
        inputs = {
            "Input_Amount": refund.requested_minor,
            "Input_Reason": refund.reason,
            "Input_Together": together,
            **asked,
        }
        said = {"approvals": approvals, "group": group}
        await self._record("DECISION_EVALUATION", "EVALUATED", POLICY, {"inputs": inputs, "output": said})

    async def complete(self, who: str | None, answers: dict[str, Any] | None = None) -> None:
        """The engine records who completed the task, and with what."""
        key = next(_numbers)
        facts = {"assignee": who or "", "userTaskKey": key, "variables": YES if answers is None else answers}
        await self._record("USER_TASK", "COMPLETED", TASK, facts)
        await self.arrive()

    async def decided_before(self, who: str, process: str = "tracking", case_id: str = "") -> None:
        """The engine records who decided in a process that money goes back, by default of the same order."""
        key = next(_numbers)
        facts = {"assignee": who, "userTaskKey": key, "variables": {"answer": "refund"}}
        asking = insert(Instance).values(
            key=key,
            root_key=key,
            case_id=case_id or self.id,
            process=process,
            definition_key=1,
            state="open",
            started_at=datetime.now(UTC),
        )
        async with self.database.transaction() as session:
            await session.execute(asking)
        await self._record("USER_TASK", "COMPLETED", "Task_DecideOnParcel", facts, key)

    async def ready(self, amount: int = 2_000) -> None:
        """A refund that needs nobody's approval, about to be made."""
        await self.compute(amount)
        await self.decide()

    async def somebody(self, *roles: Role) -> str:
        """Somebody new with these roles."""
        return await add(self.database, *roles)

    async def refund(self) -> Refund:
        """As our books have it now."""
        refund = await self.refunds.get(self.refund_id)
        assert refund is not None
        return refund

    async def let_settle(self) -> None:
        """So much time goes by that the provider cannot be at this refund any more."""
        async with self.database.transaction() as session:
            earlier = update(Effect).where(Effect.case_id == self.id)
            await session.execute(earlier.values(intended_at=Effect.intended_at - SETTLING))

    def outside(self) -> list[Any]:
        """Everything there is in the outside world's books because of this refund."""
        return [
            *self.payments.refunds.values(),
            *self.ledger.postings.values(),
            *self.mailer.mails.values(),
            *self.events.events.values(),
            *self.alerts.pushes.values(),
            *self.alerts.posts.values(),
        ]

    async def timeline(self, kind: str = "") -> list[str]:
        """What the case file says happened, oldest first."""
        entries = await self.cases.timeline(self.id)
        return [entry.sentence for entry in entries if kind in {"", entry.kind}]

    async def _record(
        self, value_type: str, intent: str, element: str, facts: dict[str, Any], instance: int | None = None
    ) -> int:
        """Gives its key."""
        position = next(_numbers)
        values = {
            "partition": 1,
            "position": position,
            "happened_at": datetime.now(UTC),
            "value_type": value_type,
            "intent": intent,
            "key": position,
            "process_instance_key": instance or self.instance,
            "process": "refund",
            "element_id": element,
            "facts": facts,
        }
        async with self.database.transaction() as session:
            await session.execute(insert(Record).values(values))
        return position
