"""The board of escalations: what nobody has handled yet, who was woken for it, and who has it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse

from api.deps import StoreOf
from api.ui import PageOf
from workers.casefile.escalation_models import Escalation, HazardReport
from workers.casefile.escalations import open_escalations
from workers.casefile.lists import number_of
from workers.casefile.models import Case, Effect, Task
from workers.casefile.people import Names, names_of
from workers.casefile.record_models import Instance
from workers.contracts.hazard import case_of

router = APIRouter(include_in_schema=False)

SHOWN = 100
"""Escalations on the board; the oldest."""


@dataclass(frozen=True, slots=True)
class Row:
    """An escalation as the board shows it."""

    escalation: Escalation
    case_id: str
    task: Task | None
    """To be done; None before the engine told of it."""
    woken: Sequence[Effect]
    """Whom, round by round; also where it is not known yet whether the alert arrived."""
    reports: int
    """Of hazards of the same product."""
    product_case: str | None
    """The case that gathers them, once there is one."""


@router.get("/ui/escalations")
async def show_board(page: PageOf, store: StoreOf) -> HTMLResponse:
    """The oldest first."""
    rows, total, names = await store.run(_read)
    return page.show("escalations.html", rows=rows, total=total, called=names, now=datetime.now(UTC))


async def _read(session: AsyncSession) -> tuple[list[Row], int, Names]:
    shown = (await session.scalars(open_escalations().limit(SHOWN))).all()
    total = await session.scalar(select(number_of(open_escalations()))) or 0
    keys = [each.process_instance_key for each in shown]
    cases = dict(
        (await session.execute(select(Instance.key, Instance.case_id).where(Instance.key.in_(keys)))).all()
    )
    tasks = select(Task).where(Task.process_instance_key.in_(keys), Task.state == "open")
    task_of = {task.process_instance_key: task for task in await session.scalars(tasks.order_by(Task.key))}
    woken = await _woken(session, shown)
    products = {each.product: case_of(each.product) for each in shown if each.product}
    reports, gathered = await _reports(session, products.values())
    rows = [
        Row(
            escalation=each,
            case_id=cases.get(each.process_instance_key, each.ticket_id),
            task=task_of.get(each.process_instance_key),
            woken=woken.get(each.id, []),
            reports=reports.get(products.get(each.product or "", ""), 0),
            product_case=gathered.get(products.get(each.product or "", "")),
        )
        for each in shown
    ]
    names = await names_of(session, [task.assignee for task in task_of.values()])
    return rows, total, names


async def _woken(session: AsyncSession, shown: Sequence[Escalation]) -> Mapping[str, list[Effect]]:
    """By escalation: whom workers/escalation.py alerted, round by round."""
    of = {f"alert:{each.id}:{number}": each.id for each in shown for number in range(1, each.round + 1)}
    alerts = await session.scalars(select(Effect).where(Effect.key.in_(of)).order_by(Effect.key))
    woken: dict[str, list[Effect]] = {}
    for alert in alerts:
        woken.setdefault(of[alert.key], []).append(alert)
    return woken


async def _reports(session: AsyncSession, cases: Collection[str]) -> tuple[Mapping[str, int], Mapping[str, str]]:
    """How many of each product, and which of these cases there are."""
    counted = select(HazardReport.hazard_case, func.count()).where(HazardReport.hazard_case.in_(cases))
    reports = {row[0]: row[1] for row in await session.execute(counted.group_by(HazardReport.hazard_case))}
    there = await session.scalars(select(Case.id).where(Case.id.in_(cases)))
    return reports, {each: each for each in there}
