"""Pages for those who work here: what every one of them has, and where their forms lead."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse

from api import pages
from api.deps import Acting, Csrf
from api.errors import Problem
from api.people import Actor
from api.rights import Right

HEADERS = {
    **pages.HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
"""Scripts and styles are files of ours, nothing is inline; pictures as data are in the libraries' styles."""

ROWS = 50
"""Rows on a page of a list."""


class Page:
    """What a page needs to know of who looks at it."""

    def __init__(self, request: Request, actor: Actor, csrf: str) -> None:
        self.actor = actor
        self._request = request
        self._csrf = csrf

    def show(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        """The page, from its template."""
        url = self._request.url
        answer = pages.page(
            f"ui/{template}",
            status,
            actor=self.actor,
            csrf=self._csrf,
            path=url.path,
            here=f"{url.path}?{url.query}" if url.query else url.path,
            may={"work": Right.WORK.held_by(self.actor), "retry": Right.RETRY.held_by(self.actor)},
            **values,
        )
        answer.headers.update(HEADERS)
        return answer


async def page(request: Request, actor: Acting, csrf: Csrf) -> Page:
    """The page somebody asked for."""
    return Page(request, actor, csrf)


PageOf = Annotated[Page, Depends(page)]


def address(path: str, **query: Any) -> str:
    """An address with those parameters that say something."""
    given = {name: value for name, value in query.items() if value not in {None, "", False}}
    return f"{path}?{urlencode(given)}" if given else path


def back_to(path: str) -> RedirectResponse:
    """On to a page of ours, after a form was sent; 400 when it leads elsewhere."""
    if not path.startswith("/ui") or not path.isprintable() or "\\" in path:
        raise Problem("bad-request", "This does not lead to a page of ours.")
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=HEADERS)
