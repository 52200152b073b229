"""Logging in with name and password, and logging out. Forms without script."""

import re
import secrets
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import csrf, form_body, pages
from api.deps import Acting, Csrf, FormOf, SettingsOf, StoreOf, Visiting
from api.errors import Problem
from api.identity import cookie_name, drop_cookie, set_cookie
from api.logins import Logins
from api.ui import HEADERS
from workers.casefile import people
from workers.runtime.settings import Settings

log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)

FORM_COOKIE = "login-form"
FORM_LASTS = timedelta(hours=1)
LONGEST_NAME = 100

_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_WRONG = "Name and password do not fit together."
_OUT_OF_DATE = "This page was out of date. Please try again."


async def logins(request: Request, settings: SettingsOf, store: StoreOf) -> Logins:
    """What happens at a log-in."""
    return Logins(store, request.app.state.hashing, timedelta(hours=settings.session_hours))


LoginsOf = Annotated[Logins, Depends(logins)]


def own_path(path: str) -> str:
    """An address of ours to go on to; 400 for anything that a browser could take for another site's."""
    if not path.startswith("/") or path.startswith("//") or _NOT_IN_A_PATH.search(path):
        raise Problem("bad-request", "This does not lead to a page of ours.")
    return path


def to_log_in(request: Request) -> Response:
    """Log in first, then come back to what was asked for."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(wanted)}" if request.method == "GET" and wanted != "/" else ""
    return RedirectResponse(f"/login{back}", 303, headers=pages.HEADERS)


@router.get("/login")
async def show(
    request: Request,
    settings: SettingsOf,
    visiting: Visiting,
    goal: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """The form; those who are logged in go on at once."""
    if visiting is not None:
        return RedirectResponse(own_path(goal), 303, headers=pages.HEADERS)
    return _form(request, settings, own_path(goal))


@router.post("/login")
async def log_in(request: Request, settings: SettingsOf, logins: LoginsOf) -> Response:
    """A session in a cookie; 401 when it is not them, 429 when there were too many attempts."""
    csrf.same_site(request, settings)
    _, fields = await form_body.read(request)
    goal, name = own_path(fields.get("next", "/")), fields.get("name", "").strip().lower()[:LONGEST_NAME]
    if not csrf.fits(request.cookies.get(FORM_COOKIE, ""), fields.get(csrf.FIELD, "")):
        return _form(request, settings, goal, name, _OUT_OF_DATE, 403)
    address = request.client.host if request.client else ""
    before = request.cookies.get(cookie_name(settings))
    try:
        token = await logins.with_password(name, fields.get("password", ""), address, before)
    except Problem as problem:
        if problem.name != "too-many":
            raise
        answer = _form(request, settings, goal, name, problem.detail, problem.kind.status)
        answer.headers.update(problem.headers)
        return answer
    if token is None:
        return _form(request, settings, goal, name, _WRONG, 401)
    return logged_in(settings, token, logins.session_lasts, goal)


@router.get("/logout")
async def show_log_out(actor: Acting, csrf_token: Csrf) -> HTMLResponse:
    """A button."""
    answer = pages.page("logout.html", title="Log out", display_name=actor.display_name, csrf=csrf_token)
    answer.headers.update(HEADERS)
    return answer


@router.post("/logout")
async def log_out(
    request: Request, settings: SettingsOf, store: StoreOf, actor: Acting, _sent: FormOf
) -> Response:
    """The session ends here and in the browser."""
    cookie = request.cookies[cookie_name(settings)]

    async def end(session: AsyncSession) -> None:
        await people.end_session(session, people.hashed(cookie))
        await people.record(session, "logged_out", actor.id)

    await store.run(end)
    log.info("access.logged_out", who=actor.id)
    answer = RedirectResponse("/login", 303, headers=pages.HEADERS)
    drop_cookie(answer, settings, cookie_name(settings))
    return answer


def logged_in(settings: Settings, token: str, lasts: timedelta, goal: str) -> Response:
    """On to the goal, with the session in a cookie."""
    answer = RedirectResponse(goal, 303, headers=pages.HEADERS)
    set_cookie(answer, settings, cookie_name(settings), token, lasts)
    drop_cookie(answer, settings, FORM_COOKIE)
    return answer


def _form(
    request: Request, settings: Settings, goal: str, name: str = "", error: str = "", status: int = 200
) -> HTMLResponse:
    """The page, and the cookie for which it was made: the same one for all the log-in pages of a browser."""
    cookie = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
    answer = pages.page(
        "login.html",
        status,
        next=goal,
        name=name,
        error=error,
        csrf=csrf.token_for(cookie),
        elsewhere=f"/login/openid?next={quote(goal)}" if settings.oidc_issuer else None,
    )
    set_cookie(answer, settings, FORM_COOKIE, cookie, FORM_LASTS)
    return answer
