"""The front page, the documentation, and what the problems mean."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse

from api import pages
from api.errors import PROBLEMS

router = APIRouter(include_in_schema=False)

_SCRIPTS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
}
"""The documentation needs scripts, all of them from here."""


@router.get("/")
async def index() -> RedirectResponse:
    """To the start page, which leads to the log-in first."""
    return RedirectResponse("/ui", HTTPStatus.SEE_OTHER, headers=pages.HEADERS)


@router.get("/problems")
async def problems() -> HTMLResponse:
    """What the types of problems mean."""
    return pages.page("problems.html", title="Problems", problems=PROBLEMS)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Swagger UI from our own files: works offline."""
    answer = pages.page("docs.html", title="orderops API")
    answer.headers.update(_SCRIPTS)
    return answer
