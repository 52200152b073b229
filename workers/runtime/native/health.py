"""Asking over HTTP whether something is up."""

import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException

# never through a proxy: everything asked is on this machine
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, timeout: float = 2) -> bool:
    """Whether GET answers 200."""
    try:
        with _OPENER.open(url, timeout=timeout) as response:
            return bool(response.status == HTTPStatus.OK)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, HTTPException):  # nobody, or nobody who speaks HTTP: a connection may even meet itself
        return False
