"""The records of several instances of one order, made by hand: on several partitions, some called by others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from tests.casefile.one_order import NOON, Sent

OUTCOMES = {
    "fulfillment": {"Event_OrderSupplied": "supplied"},
    "tracking": {"Event_Delivered": "delivered", "Event_Lost": "lost"},
    "refund": {"Event_Refunded": "refunded", "Event_NothingCameBack": "nothing_came_back"},
    "chargeback": {"Event_Won": "won"},
}
ORDER = "100"


@dataclass
class Told:
    """What the engine told so far, in the order in which it happened."""

    records: list[Sent] = field(default_factory=list)
    positions: "Counter[int]" = field(default_factory=Counter)
    seconds: "count[int]" = field(default_factory=lambda: count(1))

    def instance(self, process: str, key: int, partition: int = 1) -> "Run":
        return Run(self, process, key, partition)


@dataclass
class Run:
    """One process instance."""

    told: Told
    process: str
    key: int
    partition: int

    def starts(self, correlation_key: str, order: str | None = None, **more: Any) -> None:
        variables = {"shopify_order_id": order} if order else {}
        value: dict[str, Any] = {"correlationKey": correlation_key, "messageName": "m", "processDefinitionKey": 1}
        value |= {"startEventId": "Event_Start", "variables": {**variables, "amount": 5, **more}}
        self._tell("MESSAGE_START_EVENT_SUBSCRIPTION", "CORRELATED", value)

    def calls(self, process: str, key: int) -> "Run":
        called = Run(self.told, process, key, self.partition)
        for intent in ("ELEMENT_ACTIVATING", "ELEMENT_ACTIVATED"):
            called._of_process(intent, self.key)
        return called

    def job(self, intent: str = "COMPLETED", **variables: Any) -> None:
        value = {"type": "t", "retries": 3, "elementId": "Task_Look", "variables": variables}
        self._tell("JOB", intent, value)

    def answers(self, reply: str) -> None:
        """Somebody completes a task by a text."""
        value = {"userTaskKey": self.key, "elementId": "Task_Answer", "assignee": "kim", "candidateGroupsList": []}
        value |= {"dueDate": "", "priority": 50, "variables": {"reply": reply}}
        self._tell("USER_TASK", "COMPLETED", value)

    def decides(self, asked: str) -> None:
        """By a table that was asked this."""
        value = {"decisionId": "d", "decisionName": "D", "decisionVersion": 1, "decisionRequirementsKey": 1}
        inputs = [{"inputId": "i", "inputValue": f'"{asked}"'}]
        value |= {
            "elementId": "Task_Decide",
            "decisionOutput": "1",
            "evaluatedDecisions": [{"evaluatedInputs": inputs}],
        }
        self._tell("DECISION_EVALUATION", "EVALUATED", value)

    def incident(self, key: int, intent: str = "CREATED") -> None:
        value = {"elementId": "Task_Look", "jobKey": -1, "errorType": "UNKNOWN", "errorMessage": "No."}
        self._tell("INCIDENT", intent, value, key=key)

    def ends(self, event: str, parent: int = -1) -> None:
        value = {"elementId": event, "bpmnElementType": "END_EVENT"}
        self._tell("PROCESS_INSTANCE", "ELEMENT_COMPLETED", value)
        self._of_process("ELEMENT_COMPLETED", parent)

    def is_cancelled(self, parent: int = -1) -> None:
        self._of_process("ELEMENT_TERMINATED", parent)

    def _of_process(self, intent: str, parent: int) -> None:
        value = {"elementId": self.process, "bpmnElementType": "PROCESS", "processDefinitionKey": 1}
        self._tell("PROCESS_INSTANCE", intent, {**value, "parentProcessInstanceKey": parent}, key=self.key)

    def _tell(self, value_type: str, intent: str, value: dict[str, Any], key: int | None = None) -> None:
        self.told.positions[self.partition] += 1
        position = self.told.positions[self.partition]
        self.told.records.append(
            {
                "partitionId": self.partition,
                "position": position,
                "recordType": "EVENT",
                "valueType": value_type,
                "intent": intent,
                "timestamp": NOON + next(self.told.seconds) * 1000,
                "key": key or position,
                "value": {"bpmnProcessId": self.process, "processInstanceKey": self.key, **value},
            }
        )


def a_long_story() -> Told:
    """An order is supplied in two parcels; one is lost and refunded, and the customer disputes the payment."""
    told = Told()
    fulfillment, parcel = told.instance("fulfillment", 11, 1), told.instance("tracking", 21, 2)
    other, dispute = told.instance("tracking", 31, 3), told.instance("chargeback", 12, 1)
    fulfillment.starts(ORDER, ORDER)
    parcel.starts("SO-1", ORDER)
    fulfillment.ends("Event_OrderSupplied")
    other.starts("SO-2", ORDER)
    dispute.starts("dp-1")
    dispute.job("FAILED")
    early = dispute.calls("refund", 13)
    early.job("FAILED")
    dispute.job(shopify_order_id=ORDER, evidence=7)
    early.ends("Event_Refunded", parent=12)
    refund = parcel.calls("refund", 22)
    refund.incident(900)
    refund.incident(900, "RESOLVED")
    dispute.job(shopify_order_id="200")
    late = dispute.calls("refund", 14)
    refund.ends("Event_Refunded", parent=21)
    late.is_cancelled(parent=12)
    parcel.ends("Event_Lost")
    dispute.ends("Event_Won")
    other.ends("Event_Delivered")
    return told


def shuffled(records: Sequence[Sent], seed: int) -> list[Sent]:
    """As they may come in: partitions in any order to each other, each in its own."""
    partitions = [each["partitionId"] for each in records]
    Random(seed).shuffle(partitions)
    waiting = {p: iter([r for r in records if r["partitionId"] == p]) for p in set(partitions)}
    return [next(waiting[partition]) for partition in partitions]
