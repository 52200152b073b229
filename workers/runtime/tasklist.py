"""Tasklist from our side: a deployment ends when it has the forms.

A user task that is created before Tasklist has imported its form shows raw variables there for ever. Its API
serves a linked form only once a task uses it, so we ask OpenSearch what Tasklist asks it when it imports a task.
"""

import asyncio
from collections.abc import Callable, Iterable

import httpx

from workers.runtime.engine import Deployed
from workers.runtime.errors import UserError

PATIENCE = 90.0
"""Seconds that Tasklist may be behind the engine."""
LOOK_EVERY = 0.3
INDEX = "tasklist-form-8.4.0_"


async def wait_for_forms(
    search_url: str, deployed: Iterable[Deployed], on_wait: Callable[[str], None], patience: float = PATIENCE
) -> None:
    """Wait until Tasklist has imported the forms, saying which are missing.

    Raises UserError when OpenSearch does not answer, or Tasklist takes too long.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + patience
    forms = {str(item.key): item.id for item in deployed if item.kind == "form"}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        while forms and (missing := forms.keys() - await _imported(http, search_url, list(forms))):
            names = ", ".join(sorted(forms[key] for key in missing))
            if loop.time() > ends:
                raise UserError(
                    f"All is deployed, but Tasklist has not got these forms within {patience:.0f} s: {names}.",
                    hint="`orderops logs webapps` says what keeps it; then deploy again, which waits again.",
                )
            on_wait(names)
            await asyncio.sleep(LOOK_EVERY)


async def _imported(http: httpx.AsyncClient, search_url: str, keys: list[str]) -> set[str]:
    """Keys of those forms that Tasklist has; none while it has not made its index."""
    wanted = {"query": {"terms": {"id": keys}}, "_source": ["id"], "size": len(keys)}
    try:
        answer = await http.post(f"{search_url.rstrip('/')}/{INDEX}/_search", json=wanted)
    except httpx.TransportError as error:
        raise UserError(
            f"All is deployed, but OpenSearch does not answer at {search_url} ({type(error).__name__}).",
            hint="`orderops status` says what is running; unset ORDEROPS_SEARCH_URL if there is no full stack.",
        ) from None
    hits = answer.json()["hits"]["hits"] if answer.is_success else []
    return {hit["_source"]["id"] for hit in hits}
