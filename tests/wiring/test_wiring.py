"""Code, diagrams, tables and forms agree; and every rule that says so is shown to fail on a broken copy."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import PostgresDsn, SecretStr

from workers import fulfillment
from workers.runtime import wiring
from workers.runtime.bootstrap import assemble
from workers.runtime.errors import UserError
from workers.runtime.jobs import Job, Process
from workers.runtime.resources import forms_dir, models_dir, samples_dir
from workers.runtime.settings import Settings


def registered() -> Process:
    """The real handlers: the wiring looks at their names and signatures and calls none."""
    nobody = cast(Any, None)
    return fulfillment.registration(
        fulfillment.Fulfillment(
            shop=nobody,
            suppliers=nobody,
            addresses=nobody,
            journal=nobody,
            effects=nobody,
            questions=nobody,
            cases=nobody,
            requests=nobody,
            handover=nobody,
        )
    )


@dataclass
class Copy:
    """The files of the fulfillment process, to be broken."""

    bpmn: Path
    forms: Path

    def edit(self, name: str, old: str, new: str) -> None:
        path = (self.forms if name.endswith(".form") else self.bpmn) / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} no longer has {old}: choose another place to break it"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def check(self, process: Process | None = None) -> list[str]:
        return wiring.check([process or registered()], self.bpmn, self.forms)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    copy = Copy(tmp_path / "bpmn", tmp_path / "forms")
    shutil.copytree(models_dir(), copy.bpmn, ignore=lambda _, names: [n for n in names if "fulfillment" not in n])
    shutil.copytree(forms_dir(), copy.forms, ignore=lambda _, names: [n for n in names if "fulfillment" not in n])
    return copy


async def test_everything_agrees() -> None:
    """All processes that are really wired; nothing connects."""
    settings = Settings(
        database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
    )
    async with assemble(settings) as assembled:
        assert wiring.check(assembled.processes, models_dir(), forms_dir()) == []


def test_models_forms_and_samples_lie_where_the_code_looks() -> None:
    assert (models_dir() / "fulfillment.bpmn").is_file()
    assert (forms_dir() / "fulfillment_address.form").is_file()
    assert samples_dir().parts[-1] == "samples"


BPMN, ADDRESS = "fulfillment.bpmn", "fulfillment_address.form"
DECISION, SUPPLIER, MARGIN = "fulfillment_no_answer.dmn", "fulfillment_supplier.dmn", "fulfillment_margin.form"

BROKEN = {
    "job type without a handler": (
        BPMN,
        'type="fulfillment.get_order"',
        'type="fulfillment.fetch_order"',
        "Task_GetOrder has job type fulfillment.fetch_order, which no handler does",
    ),
    "handler without a task": (
        BPMN,
        'type="fulfillment.get_order"',
        'type="fulfillment.check_stock"',
        "a handler is registered for fulfillment.get_order, which nothing in the diagram has",
    ),
    "error that nobody throws": (
        BPMN,
        'errorCode="OUT_OF_STOCK"',
        'errorCode="SOLD_OUT"',
        "Boundary_SupplierOutOfStock catches error SOLD_OUT, which no handler throws",
    ),
    "error that nothing catches": (
        BPMN,
        'errorCode="OUT_OF_STOCK"',
        'errorCode="SUPPLIER_SILENT"',
        "error OUT_OF_STOCK is declared, but nothing in the diagram catches it",
    ),
    "message that is not declared": (
        BPMN,
        'name="address_corrected"',
        'name="address_mended"',
        "waits for message address_mended, undeclared",
    ),
    "message that nothing waits for": (
        BPMN,
        'name="address_corrected"',
        'name="address_mended"',
        "message address_corrected is declared, but nothing in the diagram waits for it",
    ),
    "another correlation key": (
        BPMN,
        'correlationKey="=choice_request"',
        'correlationKey="=shopify_order_id"',
        "Task_AwaitChoice correlates by =shopify_order_id; make it =choice_request",
    ),
    "form that is not there": (
        BPMN,
        'formId="fulfillment_margin"',
        'formId="fulfillment_profit"',
        "Task_DecideOnMargin uses form fulfillment_profit, which no file has",
    ),
    "form that nothing uses": (
        BPMN,
        'formId="fulfillment_margin"',
        'formId="fulfillment_address"',
        "fulfillment_margin.form: no user task uses this form",
    ),
    "form bound to the latest": (
        BPMN,
        'formId="fulfillment_margin" bindingType="deployment"',
        'formId="fulfillment_margin"',
        "Task_DecideOnMargin binds its form to latest; choose deployment",
    ),
    "decision that is not there": (
        BPMN,
        'decisionId="fulfillment_no_answer"',
        'decisionId="fulfillment_silence"',
        "uses decision fulfillment_silence, which no file has",
    ),
    "decision that nothing calls": (
        BPMN,
        'decisionId="fulfillment_no_answer"',
        'decisionId="fulfillment_supplier"',
        "nothing in the diagram calls decision fulfillment_no_answer",
    ),
    "decision bound to the latest": (
        BPMN,
        'resultVariable="supplier_choice" bindingType="deployment"',
        'resultVariable="supplier_choice" bindingType="latest"',
        "Task_ChooseSupplier binds its decision to latest; choose deployment",
    ),
    "user task of the old kind": (
        BPMN,
        "<zeebe:userTask />",
        "",
        "Task_CorrectAddress is not of the engine's own kind",
    ),
    "process id that is not the file's name": (
        BPMN,
        '<bpmn:process id="fulfillment"',
        '<bpmn:process id="supply"',
        "the process id is supply; make it the file's name, fulfillment",
    ),
    "process that cannot run": (BPMN, 'isExecutable="true"', 'isExecutable="false"', "not marked executable"),
    "platform missing": (
        BPMN,
        'modeler:executionPlatform="Camunda Cloud"',
        "",
        "its execution platform is 8.6.0; save it for Camunda Cloud 8.6",
    ),
    "platform too new": (
        DECISION,
        'executionPlatformVersion="8.6.0"',
        'executionPlatformVersion="8.8.0"',
        "fulfillment_no_answer.dmn: its execution platform is Camunda Cloud 8.8.0",
    ),
    "element without a shape": (
        BPMN,
        'bpmnElement="Task_GetOrder"',
        'bpmnElement="Task_Lost"',
        "Task_GetOrder is not drawn completely",
    ),
    "flow without an edge": (
        BPMN,
        'bpmnElement="Flow_OrderGot"',
        'bpmnElement="Flow_Lost"',
        "Flow_OrderGot is not drawn completely",
    ),
    "decision without a shape": (
        DECISION,
        'dmnElementRef="fulfillment_no_answer"',
        'dmnElementRef="lost"',
        "fulfillment_no_answer is not drawn",
    ),
    "decision of no process": (
        DECISION,
        '<decision id="fulfillment_no_answer"',
        '<decision id="no_answer"',
        "decision no_answer does not begin with the name of a process",
    ),
    "decision that is not the file's name": (
        DECISION,
        '<decision id="fulfillment_no_answer"',
        '<decision id="fulfillment_silence"',
        "it holds no decision fulfillment_no_answer; give the decision that is called the file's name",
    ),
    "form id that is not the file's name": (
        ADDRESS,
        '"fulfillment_address"',
        '"address"',
        "its id is address; make it the file's name, fulfillment_address",
    ),
    "form of another platform": (
        ADDRESS,
        '"Camunda Cloud"',
        '"Camunda Platform"',
        "fulfillment_address.form: its execution platform is Camunda Platform",
    ),
    "end event without a name": (
        BPMN,
        'name="Order supplied"',
        'name=""',
        "end event Event_OrderSupplied has no name",
    ),
    "outcome of no end event": (
        BPMN,
        "Event_OrderSupplied",
        "Event_OrderShipped",
        "an outcome is registered for end event Event_OrderSupplied, which the diagram has not",
    ),
    "start that starts nothing": (
        BPMN,
        'messageRef="Msg_OrderPaid"',
        "",
        "no start event has message order_paid, so nothing would start any more",
    ),
    "message that starts but should not": (
        BPMN,
        'messageRef="Msg_OrderPaid"',
        'messageRef="Msg_CustomerChoice"',
        "message customer_choice does not start the process, but Event_OrderPaid does",
    ),
    "message that should start when none runs": (
        BPMN,
        'id="MessageEvent_OrderCancelledLater" messageRef="Msg_OrderCancelled"',
        'id="MessageEvent_OrderCancelledLater"',
        "message order_cancelled starts an instance when none runs, but no start event has it",
    ),
    "message that the running instance should take": (
        BPMN,
        'id="MessageEvent_OrderCancelled" messageRef="Msg_OrderCancelled"',
        'id="MessageEvent_OrderCancelled"',
        "message order_cancelled is for the running instance too, but nothing in it waits for it",
    ),
    "task without a job type": (
        BPMN,
        '<zeebe:taskDefinition type="fulfillment.get_order" retries="5" />',
        "",
        "Task_GetOrder has no job type, so nobody would do it; choose a template",
    ),
    "field that no mapping takes": (
        MARGIN,
        '"key": "buy_anyway"',
        '"key": "buy_it"',
        "no one reads field Your decision (buy_it): Task_DecideOnMargin has output mappings, none of them with it",
    ),
    "field that goes where no one looks": (
        BPMN,
        'country: country}" target="corrected_address"',
        'country: country}" target="new_address"',
        "no one reads field City (city) as new_address after Task_CorrectAddress",
    ),
    "form that shows what nobody sets": (
        MARGIN,
        "{{offer}}",
        "{{bid}}",
        "fulfillment_margin.form: it shows bid, which nothing before Task_DecideOnMargin sets",
    ),
    "table with a gap": (
        SUPPLIER,
        "[5000..30000)",
        "[6000..30000)",
        "no rule of fulfillment_supplier_policy fires for Zone = Europe, Order total (minor units) = 5000",
    ),
    "table with two rules for the same": (
        SUPPLIER,
        "[5000..30000)",
        "[4000..30000)",
        "rules 1 and 2 of fulfillment_supplier_policy both fire for Zone = Europe, Order total (minor units) = 40",
    ),
    "table without a rule for the rest": (
        SUPPLIER,
        '<text>null</text>\n        </inputEntry>\n        <outputEntry id="Rule_Policy_TotalUnknown',
        '<text>0</text>\n        </inputEntry>\n        <outputEntry id="Rule_Policy_TotalUnknown',
        "no rule of fulfillment_supplier_policy fires for Zone = Europe, Order total (minor units) = null",
    ),
    "no XML": (BPMN, "</bpmn:definitions>", "", "fulfillment.bpmn is not XML"),
    "no JSON": (ADDRESS, "{", "", "fulfillment_address.form is not a form"),
}


@pytest.mark.parametrize(("name", "old", "new", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_noticed(copy: Copy, name: str, old: str, new: str, expected: str) -> None:
    copy.edit(name, old, new)
    differences = copy.check()
    assert any(expected in difference for difference in differences), differences


def test_a_field_that_is_marked_as_read_by_nobody_may_be_so(copy: Copy) -> None:
    """In Modeler: custom properties of the field."""
    copy.edit(MARGIN, '"key": "buy_anyway"', '"key": "buy_it", "properties": {"read_by": "nobody"}')
    assert copy.check() == []


def test_a_table_that_is_silent_is_fine_while_its_reader_asks_for_null(copy: Copy) -> None:
    """Postcodes have patterns in some countries only."""
    check = "fulfillment_address_check.dmn"
    copy.edit(check, "? != null", "-")
    copy.edit(check, "? = null", "-")
    [sentence] = copy.check()
    assert "no rule of fulfillment_address_postcode fires for Country = anything else" in sentence


def test_an_execution_listener_needs_a_handler_too(copy: Copy) -> None:
    task = '<zeebe:taskDefinition type="fulfillment.get_order"'
    listener = '<zeebe:executionListener eventType="start" type="fulfillment.look_on" />'
    copy.edit(BPMN, task, f"<zeebe:executionListeners>{listener}</zeebe:executionListeners>{task}")
    [sentence] = copy.check()
    assert "Task_GetOrder has job type fulfillment.look_on, which no handler does" in sentence


def test_a_called_process_must_be_there_and_bound_to_the_deployment(copy: Copy) -> None:
    called = '<zeebe:calledElement processId="refund" bindingType="latest" /><zeebe:userTask />'
    copy.edit(BPMN, "<zeebe:userTask />", called)
    differences = copy.check()
    assert any("uses process refund, which no file has" in each for each in differences)
    assert any("binds its process to latest; choose deployment" in each for each in differences)


def test_a_diagram_without_registration_is_noticed(copy: Copy) -> None:
    differences = wiring.check([], copy.bpmn, copy.forms)
    assert any("fulfillment.bpmn: process fulfillment is not registered" in each for each in differences)


def test_a_registration_without_diagram_is_noticed(copy: Copy) -> None:
    (copy.bpmn / BPMN).unlink()
    assert "Process fulfillment is registered, but there is no fulfillment.bpmn with it." in copy.check()


def test_a_job_registered_twice_is_noticed(copy: Copy) -> None:
    process = registered()
    twice = replace(process, jobs=(*process.jobs, process.jobs[0]))
    assert copy.check(twice) == ["fulfillment: fulfillment.get_order is registered twice; remove one."]


def test_a_job_type_of_another_process_is_noticed(copy: Copy) -> None:
    process = registered()
    foreign = replace(process, jobs=(*process.jobs, Job("refund.pay", process.jobs[0].handler)))
    assert "fulfillment: job type refund.pay does not begin with fulfillment; rename it." in copy.check(foreign)


def test_nothing_is_served_or_deployed_while_anything_differs() -> None:
    process = replace(registered(), jobs=())
    with pytest.raises(UserError, match="which no handler does"):
        wiring.require_agreement([process])
