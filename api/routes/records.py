"""Where the engine's own records arrive: the few calls of Elasticsearch's API that the broker's exporter makes.

They lie at the root because the exporter's address cannot have a path. Records that are not answered 200 are kept
by the broker and sent again, so that nothing is lost while we, or our database, are away.
"""

import hmac
import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.responses import JSONResponse

from api import body
from api.deps import SettingsOf
from api.errors import Problem
from workers.casefile.records import Projection
from workers.runtime.metrics import RECORDS, RECORDS_LAG

MAX_BYTES = 64 * body.MEGABYTE

_TYPES = frozenset({"application/json", "application/x-ndjson", "application/vnd.elasticsearch+json"})
_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
_basic = HTTPBasic(auto_error=False)


async def _engine_only(
    settings: SettingsOf, credentials: Annotated[HTTPBasicCredentials | None, Depends(_basic)]
) -> None:
    """401 for anybody but the exporter; user and password are compared in constant time."""
    user, password = (credentials.username, credentials.password) if credentials else ("", "")
    known = (settings.records_user, settings.records_password.get_secret_value())
    fits = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip((user, password), known, strict=True)]
    if not all(fits):
        raise Problem(
            "unauthorized",
            "Only the engine sends records here, with its user and password.",
            headers={"WWW-Authenticate": 'Basic realm="engine records"'},
        )


async def projection(request: Request) -> Projection:
    """What takes the records in."""
    return request.app.state.assembled.projection  # type: ignore[no-any-return]


router = APIRouter(include_in_schema=False, dependencies=[Depends(_engine_only)])


@router.put("/_component_template/{name}")
@router.put("/_index_template/{name}")
@router.put("/_ilm/policy/{name}")
@router.put("/{name}/_settings")
async def set_up(name: str) -> JSONResponse:
    """There are no indexes here, so whatever is said of them is fine."""
    return JSONResponse({"acknowledged": bool(name)}, headers=_PRODUCT)


@router.post("/_bulk")
async def take_in(request: Request, projection: Annotated[Projection, Depends(projection)]) -> Response:
    """Take in a batch, commit, and only then say so. Idempotent by partition and position."""
    raw = await body.read(request, types=_TYPES, limit=MAX_BYTES)
    actions, records = _parse(raw)
    if written := [at for record in records if isinstance(at := record.get("timestamp"), int)]:
        RECORDS_LAG.observe(max(time.time() - min(written) / 1000, 0))
    RECORDS.inc(await projection.take_in(records))
    items = [{"index": {**action["index"], "status": 201, "result": "created"}} for action in actions]
    answer = orjson.dumps({"took": 1, "errors": False, "items": items})
    return Response(answer, media_type="application/json", headers=_PRODUCT)


def _parse(raw: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Action and record take turns, one line each."""
    try:
        lines = [orjson.loads(line) for line in raw.splitlines() if line]
    except orjson.JSONDecodeError:
        raise Problem("bad-json", "A line is not JSON.") from None
    actions, records = lines[::2], lines[1::2]
    complete = len(actions) == len(records) and all(isinstance(line, dict) for line in lines)
    if not complete or any(not isinstance(action.get("index"), dict) for action in actions):
        raise Problem("invalid", "Lines must be an action `index` and its record by turns.")
    return actions, records
