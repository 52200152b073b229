"""Logging in by way of an OpenID provider, when one is configured."""

import secrets
from dataclasses import astuple
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import RedirectResponse, Response

from api import pages
from api.deps import SettingsOf
from api.errors import Problem
from api.identity import cookie_name, drop_cookie, set_cookie
from api.openid import Flow, OpenId
from api.routes.login import LoginsOf, logged_in, own_path
from workers.runtime.settings import Settings

router = APIRouter(include_in_schema=False)

FLOW_COOKIE = "login-flow"
FLOW_LASTS = timedelta(minutes=10)


async def openid(request: Request) -> OpenId:
    """The provider; 404 without one."""
    provider: OpenId | None = request.app.state.openid
    if provider is None:
        raise Problem("not-found", "There is no other place to log in.")
    return provider


OpenIdOf = Annotated[OpenId, Depends(openid)]
Sent = Annotated[str, Query(max_length=4000)]


@router.get("/login/openid")
async def begin(
    settings: SettingsOf, openid: OpenIdOf, goal: Annotated[str, Query(alias="next", max_length=2000)] = "/"
) -> Response:
    """To the provider, and from there to the goal."""
    address, flow = await openid.begin(own_path(goal))
    answer = RedirectResponse(address, 303, headers=pages.HEADERS)
    set_cookie(answer, settings, FLOW_COOKIE, _signer(settings).dumps(astuple(flow)), FLOW_LASTS)
    return answer


@router.get("/login/openid/callback")
async def come_back(
    request: Request, settings: SettingsOf, openid: OpenIdOf, logins: LoginsOf, code: Sent = "", state: Sent = ""
) -> Response:
    """A session for whom the provider sends; 403 when it is nobody, or did not begin in this browser."""
    flow = _flow(request, settings)
    if flow is None or not secrets.compare_digest(flow.state.encode(), state.encode()):
        raise Problem("forbidden", "This log-in took too long, or began in another browser. Please try again.")
    if not code:
        raise Problem("forbidden", "You were not logged in there. Please try again.")
    before = request.cookies.get(cookie_name(settings))
    token = await logins.with_openid(await openid.finish(flow, code), before)
    if token is None:
        raise Problem("forbidden", "You may not log in here any more.")
    answer = logged_in(settings, token, logins.session_lasts, flow.goal)
    drop_cookie(answer, settings, FLOW_COOKIE)
    return answer


def _flow(request: Request, settings: Settings) -> Flow | None:
    try:
        values = _signer(settings).loads(
            request.cookies.get(FLOW_COOKIE, ""), max_age=int(FLOW_LASTS.total_seconds())
        )
    except BadSignature:
        return None
    return Flow(*values)


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.link_secret.get_secret_value(), salt="openid-flow")
