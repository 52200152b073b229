"""Asking over HTTP whether something is up."""

import urllib.error
import urllib.request
from http import HTTPStatus

# never through a proxy: everything asked is on this machine
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether GET answers 200."""
    return status(url) == HTTPStatus.OK


def status(url: str, timeout: float = 2) -> int | None:
    """The status GET is answered with; None when nobody answers."""
    try:
        with _OPENER.open(url, timeout=timeout) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None
