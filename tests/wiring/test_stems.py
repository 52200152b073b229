"""One process is one stem, the same everywhere; and every rule that says so is shown to fail on a broken copy.

That jobs, errors, messages, forms and decisions fit together is in test_wiring.py.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from pydantic import PostgresDsn, SecretStr

from workers.runtime.bootstrap import assemble
from workers.runtime.jobs import Job, Process
from workers.runtime.model import NAMES, Element
from workers.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
OF_A_PROCESS = (
    "workers/{}.py",
    "tests/processes/test_{}.py",
    "tests/engine/test_{}.py",
    "docs/processes/{}.md",
    "docs/processes/{}.svg",
)
SHARED = {"__init__", "common"}


def stems(root: Path, pattern: str) -> list[str]:
    return sorted(path.stem for path in root.glob(pattern))


def missing(root: Path) -> Iterator[str]:
    """Every diagram has its module, its tests, its page and its picture."""
    for stem in stems(root, "bpmn/*.bpmn"):
        for place in OF_A_PROCESS:
            if not (root / place.format(stem)).is_file():
                yield f"bpmn/{stem}.bpmn has no {place.format(stem)}."


def orphans(root: Path) -> Iterator[str]:
    """Nothing carries the name of a process, or a picture the name of a model, that is not there."""
    processes = stems(root, "bpmn/*.bpmn")
    models = [*processes, *stems(root, "bpmn/*.dmn")]
    for pattern in ("workers/*.py", "workers/contracts/*.py", "docs/processes/*.md"):
        yield from _strangers(root, pattern, lambda stem: stem in processes or stem in SHARED)
    yield from _strangers(root, "docs/processes/*.svg", lambda stem: stem in models)
    for pattern in ("tests/processes/test_*.py", "forms/*.form", "bpmn/*.dmn"):
        yield from _strangers(root, pattern, lambda stem: any(stem.startswith(each) for each in processes))


def _strangers(root: Path, pattern: str, known: Callable[[str], bool]) -> Iterator[str]:
    for path in sorted(root.glob(pattern)):
        name = path.relative_to(root)
        if not known(path.stem.removeprefix("test_")):
            yield f"{name} is named after nothing in bpmn/."


def case_ends(diagram: bytes) -> set[str]:
    """End events that end the case: reached by its own token, or ending everything.

    What only a non-interrupting event leads to (a reminder, for instance) goes on beside the case and ends nothing
    but itself; the inside of an embedded sub-process ends that only.
    """
    process = etree.fromstring(diagram).find("bpmn:process", NAMES)
    assert process is not None
    scopes = [process, *process.iterfind("bpmn:subProcess[@triggeredByEvent='true']", NAMES)]
    ends = [end for scope in scopes for end in scope.iterfind("bpmn:endEvent", NAMES)]
    starts = {
        start.get("id", "")
        for scope in scopes
        for start in scope.iterfind("bpmn:startEvent", NAMES)
        if start.get("isInterrupting") != "false"
    }
    reached = _reached(starts, _ways(process))
    return {
        end.get("id", "")
        for end in ends
        if end.get("id") in reached or end.find("bpmn:terminateEventDefinition", NAMES) is not None
    }


def _ways(process: Element) -> dict[str, set[str]]:
    """Where the case's own token can go from each element."""
    ways: dict[str, set[str]] = defaultdict(set)
    for flow in process.iterfind(".//bpmn:sequenceFlow", NAMES):
        ways[flow.get("sourceRef", "")].add(flow.get("targetRef", ""))
    for boundary in process.iterfind(".//bpmn:boundaryEvent", NAMES):
        if boundary.get("cancelActivity") != "false":
            ways[boundary.get("attachedToRef", "")].add(boundary.get("id", ""))
    return ways


def _reached(starts: set[str], ways: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = set(starts)
    while ahead:
        reached |= ahead
        ahead = {target for element in ahead for target in ways[element]} - reached
    return reached


def outcomes(process: Process, diagram: bytes) -> Iterator[str]:
    """Every end event that ends a case says how it ended, and no other does."""
    ends = case_ends(diagram)
    for event in sorted(ends - process.outcomes.keys()):
        yield f"{process.id}: {event} ends the case, but no outcome is registered for it."
    for event in sorted(process.outcomes.keys() - ends):
        yield f"{process.id}: an outcome is registered for {event}, which does not end the case."


def handler_names(process: Process) -> Iterator[str]:
    """grep finds a job type's handler by its second part."""
    for job in process.jobs:
        _, _, name = job.type.partition(".")
        if job.handler.__name__ != name:
            yield f"{process.id}: the handler of {job.type} is called {job.handler.__name__}, expected {name}."


@pytest.fixture(scope="module")
async def registered() -> dict[str, Process]:
    """The processes that are really wired; nothing connects."""
    settings = Settings(
        database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
    )
    async with assemble(settings) as assembled:
        return {process.id: process for process in assembled.processes}


@pytest.fixture
def process(registered: dict[str, Process]) -> Process:
    return registered["fulfillment"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files of the processes, to be broken."""
    for folder in (
        "bpmn",
        "forms",
        "workers",
        "workers/contracts",
        "tests/processes",
        "tests/engine",
        "docs/processes",
    ):
        (tmp_path / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.*"):
            shutil.copy(path, tmp_path / folder)
    return tmp_path


def test_every_process_has_all_its_files() -> None:
    assert list(missing(ROOT)) == []


def test_nothing_carries_the_name_of_no_process() -> None:
    assert list(orphans(ROOT)) == []


def test_every_diagram_is_served(registered: dict[str, Process]) -> None:
    assert sorted(registered) == stems(ROOT, "bpmn/*.bpmn")


def test_every_end_of_a_case_has_an_outcome(registered: dict[str, Process]) -> None:
    for process in registered.values():
        assert list(outcomes(process, (ROOT / f"bpmn/{process.id}.bpmn").read_bytes())) == []


def test_every_handler_is_named_like_its_job(registered: dict[str, Process]) -> None:
    for process in registered.values():
        assert list(handler_names(process)) == []


@pytest.mark.parametrize("place", [place.format("fulfillment") for place in OF_A_PROCESS])
def test_a_file_that_a_process_lacks_is_noticed(copy: Path, place: str) -> None:
    (copy / place).unlink()
    assert list(missing(copy)) == [f"bpmn/fulfillment.bpmn has no {place}."]


@pytest.mark.parametrize(
    "path",
    [
        "workers/donation.py",
        "workers/contracts/donation.py",
        "docs/processes/donation.md",
        "docs/processes/donation.svg",
        "docs/processes/fulfillment_donation.svg",
        "tests/processes/test_donation.py",
        "forms/donation_approval.form",
        "bpmn/donation_approval.dmn",
    ],
)
def test_a_file_of_no_process_is_noticed(copy: Path, path: str) -> None:
    (copy / path).touch()
    assert list(orphans(copy)) == [f"{path} is named after nothing in bpmn/."]


def test_a_diagram_that_is_gone_leaves_orphans_everywhere(copy: Path) -> None:
    (copy / "bpmn/fulfillment.bpmn").unlink()
    told = list(orphans(copy))
    names = {"workers/fulfillment.py", "docs/processes/fulfillment.md", "forms/fulfillment_address.form"}
    assert names <= {sentence.partition(" ")[0] for sentence in told}


DIAGRAM = (ROOT / "bpmn/fulfillment.bpmn").read_bytes()
REMINDED = b'<bpmn:endEvent id="Event_CustomerReminded" name="Customer reminded">'
ENDS = {
    "a reminder that interrupts": (
        b' cancelActivity="false"',
        b"",
        ["fulfillment: Event_CustomerReminded ends the case, but no outcome is registered for it."],
    ),
    "a reminder that ends everything": (
        REMINDED,
        REMINDED + b'<bpmn:terminateEventDefinition id="Terminate" />',
        ["fulfillment: Event_CustomerReminded ends the case, but no outcome is registered for it."],
    ),
    "another end event": (
        b"Event_OrderSupplied",
        b"Event_OrderShipped",
        [
            "fulfillment: Event_OrderShipped ends the case, but no outcome is registered for it.",
            "fulfillment: an outcome is registered for Event_OrderSupplied, which does not end the case.",
        ],
    ),
    "a cancellation beside the case": (
        b'<bpmn:startEvent id="Event_OrderCancelled"',
        b'<bpmn:startEvent isInterrupting="false" id="Event_OrderCancelled"',
        [
            "fulfillment: an outcome is registered for Event_OrderMarkedForReturn, which does not end the case.",
            "fulfillment: an outcome is registered for Event_OrderStopped, which does not end the case.",
        ],
    ),
    "a sub-process on the way": (
        b'triggeredByEvent="true"',
        b"",
        [
            "fulfillment: an outcome is registered for Event_OrderMarkedForReturn, which does not end the case.",
            "fulfillment: an outcome is registered for Event_OrderStopped, which does not end the case.",
        ],
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), ENDS.values(), ids=ENDS)
def test_an_end_that_differs_from_the_outcomes_is_noticed(
    process: Process, old: bytes, new: bytes, expected: list[str]
) -> None:
    assert old in DIAGRAM, "the diagram no longer has this: choose another place to break it"
    assert list(outcomes(process, DIAGRAM.replace(old, new))) == expected


def test_an_outcome_that_is_forgotten_is_noticed(process: Process) -> None:
    fewer = {event: word for event, word in process.outcomes.items() if event != "Event_RefundRequested"}
    assert list(outcomes(replace(process, outcomes=fewer), DIAGRAM)) == [
        "fulfillment: Event_RefundRequested ends the case, but no outcome is registered for it."
    ]


def test_an_outcome_of_a_reminder_is_noticed(process: Process) -> None:
    more = {**process.outcomes, "Event_CustomerReminded": "reminded"}
    assert list(outcomes(replace(process, outcomes=more), DIAGRAM)) == [
        "fulfillment: an outcome is registered for Event_CustomerReminded, which does not end the case."
    ]


def test_a_handler_under_another_name_is_noticed(process: Process) -> None:
    first, second, *_ = process.jobs
    swapped = replace(process, jobs=(Job(first.type, second.handler),))
    assert list(handler_names(swapped)) == [
        "fulfillment: the handler of fulfillment.get_order is called check_stock, expected get_order."
    ]
