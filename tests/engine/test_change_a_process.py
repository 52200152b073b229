"""docs/howto/change-a-process.md, done literally: each edit, and each command with what the page shows.

The edits are those that Modeler makes; the commands run in a copy of the checkout, against the session's engine.
"""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.orders import an_order, wrong_address
from tests.engine.shop_floor import Floor
from tests.engine.test_fulfillment import GOOD_ADDRESS
from workers.casefile.deployments import Deployments
from workers.runtime.deploy import deploy
from workers.runtime.resources import forms_dir, models_dir

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "change-a-process.md"
BPMN, SUPPLIER, MARGIN = "bpmn/fulfillment.bpmn", "bpmn/fulfillment_supplier.dmn", "forms/fulfillment_margin.form"


@dataclass(frozen=True)
class Shown:
    """A command of the page, and the lines that it shows."""

    command: str
    lines: tuple[str, ...]


def shown(section: str) -> list[Shown]:
    """The console blocks of a section, in their order."""
    text = re.split(r"\n(?=## )", PAGE.read_text(encoding="utf-8"))
    [found] = [each for each in text if each.startswith(f"## {section}\n")]
    blocks = re.findall(r"```console\n\$ (.+)\n((?:.*\n)*?)```", found)
    return [Shown(command, tuple(filter(plain, output.splitlines()))) for command, output in blocks]


def plain(line: str) -> str:
    """Versions, keys and counts differ from run to run; blanks and rules of tables are no words."""
    return " ".join(re.sub(r"\d+", "0", re.sub(r"[^\w\s.,;:=+~()→\"'<>\[\]-]|─", " ", line)).split())


@dataclass
class Checkout:
    """A copy of the checkout that somebody edits."""

    folder: Path
    floor: Floor
    to_show: list[Shown] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """Versions as the page has them → as they are here."""

    def follow(self, section: str, versions: dict[str, str] | None = None) -> None:
        """The next commands are those of this section."""
        self.to_show, self.versions = shown(section), versions or {}

    async def deployed(self) -> int:
        """Deploy; the version that the process has then, once the records tell it."""
        run = await asyncio.to_thread(self.run, "orderops deploy")
        assert run.returncode == 0, run.stderr
        [version] = re.findall(r"process\W+fulfillment\W+(\d+)", run.stdout)
        async with asyncio.timeout(30):
            while int(version) not in await self._known():  # noqa: ASYNC110  # told by the records
                await asyncio.sleep(0.05)
        return int(version)

    async def _known(self) -> set[int]:
        versions = await Deployments(self.floor.app.database).versions("fulfillment")
        return {each.version for each in versions}

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    async def as_shown(self, refused: bool = False) -> None:
        """Run the section's next command: it says what the page shows, line by line."""
        block = self.to_show.pop(0)
        command = block.command
        for there, here in self.versions.items():
            command = command.replace(there, here)
        run = await asyncio.to_thread(self.run, command)
        said = [plain(line) for line in (run.stdout + run.stderr).splitlines()]
        missing = [line for line in block.lines if plain(line) not in said]
        assert not missing, f"{command} does not say {missing}, but:\n{run.stdout}{run.stderr}"
        assert run.returncode == (1 if refused else 0)

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        program, *arguments = shlex.split(command)
        assert program == "orderops"
        settings = self.floor.app.settings
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "ORDEROPS_DATABASE_URL": str(settings.database_url),
            "ORDEROPS_ZEEBE_GRPC": settings.zeebe_grpc,
            "ORDEROPS_ZEEBE_REST": settings.zeebe_rest,
            "ORDEROPS_LINK_SECRET": "links",
            "ORDEROPS_RECORDS_PASSWORD": "records",
            "COLUMNS": "500",
        }
        return subprocess.run(
            [sys.executable, "-m", "workers.runtime.cli", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture
async def checkout(floor: Floor, tmp_path: Path) -> AsyncIterator[Checkout]:
    """Afterwards the engine has the files as they are again."""
    for folder in (models_dir().parent / "workers", models_dir(), forms_dir()):
        shutil.copytree(folder, tmp_path / folder.name)  # what Python has compiled of it, too
    checkout = Checkout(tmp_path, floor)
    await checkout.deployed()
    yield checkout
    await deploy(floor.app.engine, floor.app.processes)


MARGIN_OF_USUAL_ORDERS = 'id="Rule_Policy_EuropeMiddle_Output_MinMarginPercent">\n          <text>{}</text>'
BOUND_OF_SMALL_ORDERS = 'id="Rule_Policy_EuropeSmall_Input_PolicyTotal">\n          <text>&lt; {}</text>'
THRESHOLD = (MARGIN_OF_USUAL_ORDERS.format(15), MARGIN_OF_USUAL_ORDERS.format(70))
BOX = """<bpmn:task id="Task_GetOrderAgain" name="Get order again">
      <bpmn:incoming>Flow_DayPassed</bpmn:incoming>
      <bpmn:outgoing>Flow_OrderGotAgain</bpmn:outgoing>
    </bpmn:task>
    <bpmn:sequenceFlow id="Flow_OrderGotAgain" sourceRef="Task_GetOrderAgain" targetRef="Join_CheckStock" />
    """
FROM_TEMPLATE = """<bpmn:serviceTask id="Task_GetOrderAgain" name="Get order again" \
zeebe:modelerTemplate="orderops.fulfillment.get_order" zeebe:modelerTemplateVersion="1">
      <bpmn:extensionElements>
        <zeebe:taskDefinition type="fulfillment.get_order" retries="5" />
      </bpmn:extensionElements>"""
DRAWN = """<bpmndi:BPMNShape id="Task_GetOrderAgain_di" bpmnElement="Task_GetOrderAgain">
        <dc:Bounds x="1290" y="940" width="100" height="80" />
      </bpmndi:BPMNShape>
      <bpmndi:BPMNEdge id="Flow_OrderGotAgain_di" bpmnElement="Flow_OrderGotAgain">
        <di:waypoint x="1290" y="980" />
        <di:waypoint x="1210" y="980" />
        <di:waypoint x="1210" y="345" />
      </bpmndi:BPMNEdge>
      <bpmndi:BPMNEdge id="Flow_DayPassed_di" bpmnElement="Flow_DayPassed">
        <di:waypoint x="1482" y="980" />
        <di:waypoint x="1390" y="980" />
      </bpmndi:BPMNEdge>"""
UNDRAWN = """<bpmndi:BPMNEdge id="Flow_DayPassed_di" bpmnElement="Flow_DayPassed">
        <di:waypoint x="1482" y="980" />
        <di:waypoint x="1210" y="980" />
        <di:waypoint x="1210" y="345" />
      </bpmndi:BPMNEdge>"""
FLOW = '<bpmn:sequenceFlow id="Flow_DayPassed" sourceRef="Event_DayPassed" targetRef="{}" />'
FIELD = """{
      "label": "If not, why",
      "values": [
        { "label": "The margin is too small", "value": "margin_too_small" },
        { "label": "We do not trust this supplier", "value": "supplier_not_trusted" }
      ],
      "type": "select",
      "layout": { "row": "Row_4", "columns": null },
      "id": "Field_FailureReason",
      "key": "failure_reason"
    }"""
END_OF_FIELDS = """"key": "buy_anyway",
      "validate": {
        "required": true
      }
    }"""
WHY = '=if buy_anyway = true then reason else &#34;margin_too_small&#34;"'
WHY_ASKED = (
    "=if buy_anyway = true then reason else if failure_reason = null then &#34;margin_too_small&#34;"
    ' else failure_reason"'
)


async def test_change_a_threshold(checkout: Checkout) -> None:
    """Cases that run go on by their own rules, those that start by the new ones."""
    floor = checkout.floor
    running = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(running, "Task_CorrectAddress")
    checkout.follow("Change a threshold")
    checkout.edit(SUPPLIER, THRESHOLD)
    await checkout.as_shown()
    boundary = BOUND_OF_SMALL_ORDERS.format(5000), BOUND_OF_SMALL_ORDERS.format(6000)
    checkout.edit(SUPPLIER, boundary)
    await checkout.as_shown(refused=True)
    checkout.edit(SUPPLIER, (boundary[1], boundary[0]))
    await checkout.as_shown()
    assert (await floor.complete(task, GOOD_ADDRESS)).is_success
    assert await floor.ends(running) == "supplied"
    await floor.task(await floor.pay(an_order()), "Task_DecideOnMargin")


async def test_add_a_service_task_from_the_catalogue(checkout: Checkout) -> None:
    floor = checkout.floor
    checkout.follow("Add a service task from the catalogue")
    incoming = "<bpmn:incoming>Flow_DayPassed</bpmn:incoming>"
    checkout.edit(
        BPMN,
        (incoming, incoming.replace("DayPassed", "OrderGotAgain")),
        (FLOW.format("Join_CheckStock"), BOX + FLOW.format("Task_GetOrderAgain")),
        (UNDRAWN, DRAWN),
    )
    await checkout.as_shown(refused=True)
    checkout.edit(
        BPMN,
        ('<bpmn:task id="Task_GetOrderAgain" name="Get order again">', FROM_TEMPLATE),
        ("</bpmn:task>", "</bpmn:serviceTask>"),
    )
    await checkout.as_shown()
    assert checkout.run("orderops deploy").returncode == 0
    order = an_order()
    await floor.sold_out(str(order["id"]), times=1)
    case_id = await floor.pay(order)
    link = await floor.link_in_mail(case_id, "fulfillment_ask_refund_or_wait")
    assert (await floor.http.post(link, data={"choice": "wait"})).is_success
    await floor.until(case_id, "Event_DayPassed")
    await floor.travel(days=1, minutes=1)
    await floor.until(case_id, "Task_GetOrderAgain", "ELEMENT_COMPLETED")
    assert await floor.ends(case_id) == "supplied"


async def test_add_a_field_to_a_form(checkout: Checkout) -> None:
    """The engine is told the answer directly: the api of this process has the forms of the real checkout."""
    floor = checkout.floor
    checkout.follow("Add a field to a form")
    checkout.edit(MARGIN, (END_OF_FIELDS, f"{END_OF_FIELDS},\n    {FIELD}"))
    await checkout.as_shown(refused=True)
    checkout.edit(BPMN, (WHY, WHY_ASKED))
    await checkout.as_shown()
    assert checkout.run("orderops deploy").returncode == 0
    case_id = await floor.pay(an_order(total_price="52.00"))
    task = await floor.task(case_id, "Task_DecideOnMargin")
    answers = {"buy_anyway": False, "failure_reason": "supplier_not_trusted"}
    await floor.app.engine.complete_user_task(task.key, answers)
    assert await floor.ends(case_id, "fulfillment") == "refund_requested"
    [failed] = [each for each in await floor.app.cases.timeline(case_id) if each.kind == "order_failed"]
    assert "supplier not trusted" in failed.sentence


async def test_move_running_cases(checkout: Checkout) -> None:
    """Assignee and timers are kept, the new table counts; what cannot move stays as it is."""
    floor = checkout.floor
    checkout.edit(BPMN, ('name="Get order"', 'name="Get the order"'))
    first = await checkout.deployed()
    cases = [await floor.pay(an_order(shipping_address=wrong_address())) for _ in range(2)]
    tasks = [await floor.task(case_id, "Task_CorrectAddress") for case_id in cases]
    await floor.app.engine.assign_user_task(tasks[0].key, "anna")
    await floor.travel(hours=13)
    checkout.edit(SUPPLIER, THRESHOLD)
    second = await checkout.deployed()
    checkout.follow("Move running cases", {"--from 1 --to 2": f"--from {first} --to {second}"})
    await checkout.as_shown()
    await checkout.as_shown()
    await floor.travel(hours=12)
    await floor.until(cases[0], "Boundary_AddressReminder", "ELEMENT_COMPLETED")
    assert len(await floor.mails(cases[0], "fulfillment_remind_customer")) <= 1
    assert (await floor.task(cases[0], "Task_CorrectAddress")).assignee == "anna"
    assert (await floor.complete(tasks[0], GOOD_ADDRESS)).is_success
    await floor.task(cases[0], "Task_DecideOnMargin")
    text = (checkout.folder / BPMN).read_text(encoding="utf-8")
    (checkout.folder / BPMN).write_text(text.replace("Task_CorrectAddress", "Task_MendAddress"), encoding="utf-8")
    third = await checkout.deployed()
    checkout.versions = {"--from 2 --to 3": f"--from {second} --to {third}"}
    await checkout.as_shown(refused=True)
    await checkout.as_shown()
    renamed = await floor.task(cases[1], "Task_MendAddress")
    await floor.app.engine.complete_user_task(renamed.key, GOOD_ADDRESS)
    await floor.task(cases[1], "Task_DecideOnMargin")
