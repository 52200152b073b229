"""One case for people: everything that is known of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse

from api.deps import Acting, ClocksOf, EngineOf, FormOf, SettingsOf, StoreOf
from api.diagrams import name_of, unsaid
from api.errors import Problem
from api.people import Actor
from api.routes import incidents
from api.routes.refunds import refunds_of
from api.schemas.common import MAX_KEY, KeyInPath
from api.schemas.refunds import RefundInfo
from api.story import people_in, story
from api.task_forms import Sheet, sheets
from api.ticket_file import TicketFile, ticket_files
from api.ui import PageOf, address, back_to
from api.words import words
from workers.casefile import lists
from workers.casefile.models import Case, CustomerRequest, Effect, Incident, Task, TimelineEntry
from workers.casefile.people import Names, names_of
from workers.casefile.record_models import Decision, Instance
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.versions import version_of
from workers.casefile.way import Way, instances_of, way_of

router = APIRouter(include_in_schema=False)

ENTRIES = 200
"""Entries of a timeline on one page."""
PIECES = 200
"""Effects, tasks or incidents that a case page shows at most; the newest."""


@router.get("/ui/cases/{case_id}")
async def show_case(
    case_id: Annotated[str, Path(max_length=200)],
    page: PageOf,
    store: StoreOf,
    settings: SettingsOf,
    clocks: ClocksOf,
    before: Annotated[int, Query(ge=1, le=MAX_KEY)] = MAX_KEY,
    instance: Annotated[int | None, Query(ge=1, le=MAX_KEY)] = None,
) -> HTMLResponse:
    """The whole story of one case, and the way that one of its instances took."""
    file = await store.run(lambda session: _read(session, page.actor, clocks, case_id, before, instance))
    case = file.case
    return page.show(
        "case.html",
        **file.pieces,
        case=case,
        order=case.shop_order,
        now=datetime.now(UTC),
        headline=_headline(file),
        timeline=story(file.timeline, file.names),
        older=_older(file, instance),
        diagram_state=_drawn(file),
        operate_url=settings.operate_address(file.key),
        in_tasklist=settings.tasklist_address,
    )


@dataclass(frozen=True, slots=True)
class File:
    """What is read for a case page."""

    case: Case
    instances: Sequence[Instance]
    """Those that are open first, the newest first; what they called after the others."""
    key: int | None
    """Of the instance whose way is shown."""
    way: Way
    place: Way
    """Where the instance is that stands for the case."""
    timeline: list[TimelineEntry]
    """Oldest first."""
    names: Names
    """Of people."""
    older: bool
    """Whether there are entries before."""
    tasks: list[Task]
    sheets: Mapping[int, Sheet]
    """The forms of those that are open, by key."""
    incidents: list[Incident]
    effects: list[Effect]
    refunds: list[RefundInfo]
    tickets: list[TicketFile]
    questions: list[CustomerRequest]
    decisions: list[Decision]
    version: int | None
    """Of the diagram that the instance shown goes by."""

    @property
    def process(self) -> str:
        """Whose diagram is shown."""
        return self.process_of.get(self.key, self.case.process)

    @property
    def process_of(self) -> dict[int | None, str]:
        """By instance key."""
        return {each.key: each.process for each in self.instances}

    @property
    def pieces(self) -> dict[str, Any]:
        """For the template."""
        return {
            "runs": _runs(self.instances, self.incidents),
            "shown": self.key,
            "process_of": self.process_of,
            "tasks": self.tasks,
            "called": self.names,
            "several": len(self.instances) > 1,
            "instance_of": {each.key: each for each in self.instances},
            "sheets": self.sheets,
            "finished": [task for task in self.tasks if task.state != "open"],
            "incidents": self.incidents,
            "resolved": [incident for incident in self.incidents if incident.resolved_at],
            "effects": self.effects,
            "refunds": self.refunds,
            "unsettled": any(effect.state in lists.UNSETTLED for effect in self.effects),
            "tickets": self.tickets,
            "questions": self.questions,
            "decisions": self.decisions,
            "diagram_url": address(f"/ui/processes/{self.process}/diagram", version=self.version),
        }


async def _read(
    session: AsyncSession, actor: Actor, clocks: TicketClocks, case_id: str, before: int, wanted: int | None
) -> File:
    case = await session.get(Case, case_id)
    if case is None:
        raise Problem("not-found", "There is no case of this id.")
    instances = await instances_of(session, case.id, PIECES)
    if wanted is not None and wanted not in {each.key for each in instances}:
        raise Problem("not-found", "This case has no such instance.")
    key = wanted or case.process_instance_key
    place = await way_of(session, case.process_instance_key)
    entries = select(TimelineEntry).where(TimelineEntry.case_id == case.id, TimelineEntry.id < before)
    newest = (await session.scalars(entries.order_by(TimelineEntry.id.desc()).limit(ENTRIES + 1))).all()
    keys = select(Instance.key).where(Instance.case_id == case.id)
    tasks = select(Task).where(Task.process_instance_key.in_(keys)).order_by(Task.key.desc()).limit(PIECES)
    incidents = select(Incident).where(Incident.process_instance_key.in_(keys)).order_by(Incident.key.desc())
    effects = select(Effect).where(Effect.case_id == case.id).order_by(Effect.intended_at.desc(), Effect.key)
    decisions = select(Decision).where(Decision.process_instance_key.in_(keys)).order_by(Decision.decided_at)
    questions = select(CustomerRequest).where(CustomerRequest.case_id == case.id)
    timeline = sorted(newest[:ENTRIES], key=lambda entry: (entry.happened_at, entry.id))
    refunds = await refunds_of(session, case.id)
    files = await ticket_files(session, _tickets(case, instances), clocks)
    in_order = list(reversed((await session.scalars(tasks)).all()))
    return File(
        case=case,
        instances=instances,
        key=key,
        way=place if key == case.process_instance_key else await way_of(session, key),
        place=place,
        timeline=timeline,
        names=await names_of(session, [*people_in(timeline), *_people(in_order, refunds, files)]),
        older=len(newest) > ENTRIES,
        tasks=in_order,
        sheets=await sheets(session, in_order, case.id, actor),
        incidents=list(reversed((await session.scalars(incidents.limit(PIECES))).all())),
        refunds=refunds,
        tickets=files,
        effects=list(reversed((await session.scalars(effects.limit(PIECES))).all())),
        questions=list(await session.scalars(questions.order_by(CustomerRequest.created_at).limit(PIECES))),
        decisions=list(await session.scalars(decisions.limit(PIECES))),
        version=await version_of(session, key),
    )


def _tickets(case: Case, instances: Sequence[Instance]) -> list[str]:
    """Ids of tickets: a case is named by its ticket until its order is known."""
    return [case.id, *(each.correlation_key or "" for each in instances if each.process == "triage")]


def _people(
    tasks: Sequence[Task], refunds: Sequence[RefundInfo], files: Sequence[TicketFile]
) -> Iterator[str | None]:
    for file in files:
        yield from file.people
    yield from (task.assignee for task in tasks)
    for refund in refunds:
        yield refund.requested_by
        yield from (answer.person for answer in refund.approvals)


@dataclass(frozen=True, slots=True)
class Run:
    """An instance as a page shows it, and those that it called."""

    instance: Instance
    state: str
    called: list["Run"]

    @property
    def outcome(self) -> str | None:
        """How it ended."""
        return self.instance.outcome


def _runs(instances: Sequence[Instance], incidents: Sequence[Incident]) -> list[Run]:
    """In the order given; one whose caller is not among them stands by itself."""
    stuck = {incident.process_instance_key for incident in incidents if incident.resolved_at is None}
    runs = {each.key: Run(each, "incident" if each.key in stuck else each.state, []) for each in instances}
    for run in runs.values():
        if run.instance.parent_key in runs:
            runs[run.instance.parent_key].called.append(run)
    return [run for run in runs.values() if run.instance.parent_key not in runs]


def _older(file: File, instance: int | None) -> str | None:
    if not file.older:
        return None
    first = min(entry.id for entry in file.timeline)
    return address(f"/ui/cases/{file.case.id}", before=first, instance=instance)


def _headline(file: File) -> str:
    """One sentence that says where the case is."""
    case, now = file.case, datetime.now(UTC)
    if case.state == "done":
        return f"Ended: {words(case.outcome)}." if case.outcome else "Ended."
    if case.state == "terminated":
        return "It was cancelled in the engine."
    for incident in file.incidents:
        if incident.resolved_at is None:
            return f"Stands still until somebody mends the cause: {incident.message}"
    for task in file.tasks:
        if task.state == "open":
            whom = (
                file.names[task.assignee]
                if task.assignee
                else f"somebody of {', '.join(task.candidate_groups) or 'us'}"
            )
            return f"Waits for {whom}: {name_of(task.process, task.element_id)}."
    for question in file.questions:
        if not question.answered_at and not question.closed_at and question.expires_at > now:
            return "Waits for the customer's answer."
    places = ", ".join(name_of(case.process, element) for element in file.place.present)
    return f"Under way: {places}." if places else "Under way."


def _drawn(file: File) -> Mapping[str, Any]:
    """What the diagram shows."""
    unresolved = [incident for incident in file.incidents if incident.resolved_at is None]
    stuck = {each.element_id: 1 for each in unresolved if each.process_instance_key == file.key}
    told = set(file.way.taken)
    untold = [flow for flow, event in unsaid(file.process).items() if event in told]
    return {"taken": [*file.way.taken, *untold], "present": file.way.present, "stuck": stuck, "tallied": False}


@router.post("/ui/incidents/{key}/retry")
async def retry_incident(
    key: Annotated[int, KeyInPath], actor: Acting, store: StoreOf, engine: EngineOf, sent: FormOf
) -> RedirectResponse:
    """Let the case go on; back to where the button was."""
    answer = back_to(sent.get("back", "/ui/cases?state=incident"))
    await incidents.retry_incident(key, actor, store, engine)
    return answer
