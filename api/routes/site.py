"""The front page, the documentation, and what the problems mean."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api import pages
from api.errors import PROBLEMS

router = APIRouter(include_in_schema=False)

_SCRIPTS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
}
"""The documentation needs scripts, all of them from here."""


@router.get("/")
async def index() -> HTMLResponse:
    """Where to go from here."""
    return pages.page("index.html", title="orderops")


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
