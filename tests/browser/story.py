"""Invented cases with long and hostile texts among them, as a busy week leaves them behind."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from tests.api.ui_data import (
    HOSTILE,
    a_case,
    a_task,
    add,
    ago,
    an_element,
    an_entry,
    an_incident,
    an_instance,
    number,
)
from workers.casefile.db import Database
from workers.casefile.models import Case, CustomerRequest, Effect, InboxRow, Task
from workers.casefile.record_models import Decision

LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 2
DAY = timedelta(days=1)
LETTER = {
    "to": "ada@example.com",
    "subject": "Reminder: we still need the delivery address of your order #1001",
    "text": "Hello,\n\nyour order is ready to be sent. Please correct the address here:\n[link]\n\nKind regards",
}

_TAKEN = (
    "Event_OrderPaid", "Flow_OrderPaid", "Join_GetOrder", "Flow_ToGetOrder", "Task_GetOrder", "Flow_OrderGot",
    "Gateway_OrderOpen", "Flow_OrderOpen", "Task_CheckAddress", "Flow_AddressChecked", "Gateway_AddressValid",
    "Flow_AddressInvalid",
)  # fmt: skip
_KINDS = {
    "Flow": "SEQUENCE_FLOW",
    "Task": "SERVICE_TASK",
    "Gate": "EXCLUSIVE_GATEWAY",
    "Join": "EXCLUSIVE_GATEWAY",
}


def _way(case: Case, present: str) -> list[Any]:
    """As far as the address check, and what came after it."""
    rows: list[Any] = []
    for element in _TAKEN:
        kind = _KINDS.get(element[:4], "START_EVENT")
        if kind == "SEQUENCE_FLOW":
            rows.append(an_element(case, element, "SEQUENCE_FLOW_TAKEN", kind))
        else:
            rows += [an_element(case, element, f"ELEMENT_{intent}", kind) for intent in ("ACTIVATED", "COMPLETED")]
    return [*rows, an_element(case, present, "ELEMENT_ACTIVATED", "USER_TASK")]


def _order(name: str, title: str) -> dict[str, Any]:
    return {
        "email": "ada@example.com", "financial_status": "paid", "cancelled_at": None,
        "shipping_address": {
            "name": name, "street": "Haupstr.", "street2": "", "postcode": "10827", "city": "Berlin", "region": "",
            "country": "DE",
        },
        "lines": [
            {"sku": "LAMP-01", "title": title, "quantity": 2, "unit_price": {"minor": 2_495, "currency": "EUR"}},
            {"sku": "BULB-27", "title": "Bulb", "quantity": 10, "unit_price": {"minor": 50, "currency": "EUR"}},
        ],
    }  # fmt: skip


async def nobody_waits(database: Database) -> None:
    """Whatever waits is done: what comes next stands at the top of the list."""
    async with database.transaction() as session:
        await session.execute(update(Task).where(Task.state == "open").values(state="completed"))


async def waiting(database: Database, assignee: str | None = None, hostile: bool = False) -> tuple[Case, Task]:
    """A case whose address somebody has to correct."""
    name, title = (HOSTILE, LONG) if hostile else ("Ada Example", "Desk lamp “Luna”, brass")
    case = a_case(order_number="#1042", opened_at=ago(days=2, hours=3), shop_order=_order(name, title))
    task = a_task(case, assignee=assignee, due_at=ago(hours=2), created_at=ago(days=1), priority=80)
    facts = {**_order(name, title)["shipping_address"], "problems": ["Please add the house number."]}
    asked = CustomerRequest(
        id=f"{case.id}-address-1", case_id=case.id, kind="address", facts=facts,
        created_at=ago(days=2), expires_at=ago(days=-5),
    )  # fmt: skip
    decision = Decision(
        partition=1, position=number(), process_instance_key=case.process_instance_key, process="fulfillment",
        element_id="Task_CheckAddress", decision="fulfillment_address_check", name="Check address", version=3,
        output=["house_number_missing"], decided_at=ago(days=2),
        tables=[{"decision": "check", "name": "Check address", "rules": [{"index": 4, "id": "r"}]}],
    )  # fmt: skip
    story = [
        an_entry(case, "Message order_paid received: “Order paid”", happened_at=ago(days=2, hours=3)),
        an_entry(
            case, "Asked the customer for the address", happened_at=ago(days=2), element_id="Task_AskForAddress"
        ),
        an_entry(
            case, "Reminded the customer", kind="mail_sent", happened_at=ago(days=1), facts={"letter": LETTER}
        ),
        an_entry(case, "Task “Correct address” waits for support", happened_at=ago(days=1)),
    ]
    if hostile:
        letter = {"to": f"{LONG[:60]}@example.com", "subject": f"{HOSTILE} {LONG}", "text": f"{HOSTILE}\n{LONG}"}
        story += [
            an_entry(case, f"{HOSTILE} {LONG}", happened_at=ago(hours=1), actor=LONG[:60]),
            an_entry(case, "Mail sent", kind="mail_sent", happened_at=ago(hours=1), facts={"letter": letter}),
        ]
    mails = [
        Effect(
            key=f"mail:{case.id}:{kind}", kind=kind, case_id=case.id, state="done", request={}, result={},
            intended_at=ago(days=2), settled_at=ago(days=2),
        )
        for kind in ("ask_for_address", "remind_customer")
    ]  # fmt: skip
    await add(database, case, task, asked, decision, *story, *mails, *_way(case, "Task_CorrectAddress"))
    return case, task


async def stuck(
    database: Database, message: str = "The supplier's answer cannot be read: no field “cost”."
) -> Case:
    """A case that stands still, with an effect nobody knows the outcome of, and instances of other processes."""
    case = a_case(order_number="#1038", state="incident", opened_at=ago(days=5), total_minor=1_249_900)
    effect = Effect(
        key=f"supplier_order:{case.id}", kind="supplier_order", case_id=case.id, state="unknown", request={},
        attempts=3, intended_at=ago(hours=4),
    )  # fmt: skip
    incident = an_incident(case, element_id="Task_PlaceSupplierOrder", message=message, created_at=ago(hours=4))
    parcel, refund = number(), number()
    instances = [
        an_instance(case),
        an_instance(
            case, key=parcel, process="tracking", correlation_key=f"SO-{parcel}", state="done", outcome="lost",
            ended_at=ago(hours=5),
        ),
        an_instance(
            case, key=refund, process="refund", parent_key=parcel, root_key=parcel, correlation_key=None,
            state="done", outcome="refunded", ended_at=ago(hours=6),
        ),
    ]  # fmt: skip
    await add(database, case, *instances, effect, incident, *_way(case, "Task_PlaceSupplierOrder"))
    return case


async def week(database: Database) -> None:
    """So many that lists have pages and pictures have shapes."""
    rows: list[Any] = []
    for day in range(30):
        for each in range(3 + (day * 7) % 11):
            opened = ago(days=day, minutes=each * 7)
            rows.append(
                a_case(
                    state="done", outcome="supplied" if each % 4 else "refund_requested", opened_at=opened,
                    closed_at=opened + timedelta(minutes=20), cost_minor=3_000,
                )
            )  # fmt: skip
    rows += [
        InboxRow(
            source="shop", process="fulfillment", message_name="order_paid", correlation_key=str(number()),
            time_to_live_ms=1, variables={}, dedupe_key=str(number()), body_sha256=b"", trace_id="", attempts=7,
            received_at=ago(minutes=9), last_error="The engine does not answer.",
        )
        for _ in range(3)
    ]  # fmt: skip
    for each in range(4):
        case = a_case(opened_at=ago(hours=each), currency="JPY" if each == 2 else "EUR")
        groups = ["lead"] if each == 1 else ["support"]
        element = "Task_DecideOnMargin" if each == 1 else "Task_CorrectAddress"
        rows += [case, a_task(case, element_id=element, candidate_groups=groups, due_at=ago(hours=-each * 9))]
    await add(database, *rows)
