"""The list of cases for people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse

from api.deps import Registry, RegistryOf, StoreOf
from api.errors import Problem
from api.ui import ROWS, PageOf, address
from workers.casefile import lists
from workers.casefile.lists import CasesWanted, Place, Sort
from workers.casefile.projection.cases import MATCHED

router = APIRouter(include_in_schema=False)

Word = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The list's parameters, as forms send them: empty ones do not narrow."""

    q: Word = ""
    state: Literal["", "open", "incident", "done", "terminated"] = ""
    process: Word = ""
    outcome: Word = ""
    sort: Sort = Sort.NEWEST
    opened_before: Word = ""
    unsettled: bool = False
    after: Annotated[str, Query(max_length=300)] = ""

    @property
    def narrowing(self) -> dict[str, Any]:
        """All but where the page begins."""
        return {
            "q": self.q,
            "state": self.state,
            "process": self.process,
            "outcome": self.outcome,
            "sort": "" if self.sort is Sort.NEWEST else self.sort.value,
            "opened_before": self.opened_before,
            "unsettled": "1" if self.unsettled else "",
        }

    @property
    def wanted(self) -> CasesWanted:
        """The same for the database; 422 when a moment is none."""
        return CasesWanted(
            text=self.q.strip(),
            state=self.state or None,
            process=self.process or None,
            outcome=self.outcome or None,
            opened_before=_moment(self.opened_before) if self.opened_before else None,
            unsettled=self.unsettled,
            sort=self.sort,
        )

    @property
    def place(self) -> Place | None:
        """Where the page begins."""
        if not self.after:
            return None
        moment, _, key = self.after.partition("~")
        return Place(_moment(moment), key)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem("invalid", "A moment in the address is none: 2026-01-31T12:00:00Z is one.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@router.get("/ui/cases")
async def list_cases(
    page: PageOf, store: StoreOf, registry: RegistryOf, asked: Annotated[Asked, Depends()]
) -> HTMLResponse:
    """Search, filter, sort; page by page from an index, however deep."""
    wanted, place = asked.wanted, asked.place

    async def find(session: AsyncSession) -> dict[str, Any]:
        found = await lists.cases(session, wanted, place, ROWS + 1)
        return {
            "cases": found[:ROWS],
            "next": _next(asked, found[ROWS - 1]) if len(found) > ROWS else None,
            "total": await lists.count_cases(session, wanted),
            "waits": await lists.waits(session, [case.id for case in found]),
            "subjects": await lists.subjects(session, [case.id for case in found]),
        }

    return page.show(
        "cases.html",
        asked=asked,
        narrowed=any(asked.narrowing.values()),
        first=address("/ui/cases", **asked.narrowing) if place else None,
        outcomes=_outcomes(registry),
        processes=[process.id for process in registry.all],
        **await store.run(find),
    )


def _next(asked: Asked, last: Any) -> str:
    moment: datetime = last.closed_at if asked.sort is Sort.CLOSED else last.opened_at
    return address("/ui/cases", **asked.narrowing, after=f"{moment.astimezone(UTC).isoformat()}~{last.id}")


def _outcomes(registry: Registry) -> list[str]:
    return sorted({MATCHED, *(outcome for process in registry.all for outcome in process.outcomes.values())})
