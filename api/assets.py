"""Files that pages load: our own by the hash of what is in them, libraries under names that carry theirs.

Both may be kept by browsers for ever; anything asked for without a hash is asked for again each time.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def own(name: str) -> str:
    """Address of a file of ours."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def vendored(name: str) -> str:
    """Address of a bundle of libraries, by the name of its source in .assets/."""
    return f"/static/vendor/{_manifest()[name]}"


@cache
def _manifest() -> Mapping[str, str]:
    files: Mapping[str, str] = orjson.loads((STATIC / "vendor" / "manifest.json").read_bytes())["files"]
    return files


class Files(StaticFiles):
    """Static files that say how long they may be kept."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As StaticFiles does, with Cache-Control."""
        answer = await super().get_response(path, scope)
        hashed = path.startswith("vendor/") or b"v=" in scope["query_string"]
        answer.headers["Cache-Control"] = FOR_EVER if hashed and answer.status_code < 400 else "no-cache"
        return answer
