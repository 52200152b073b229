"""Sockets that listen."""

import os
import socket

from workers.runtime.errors import UserError


def listen(host: str, port: int, who: str) -> socket.socket:
    """A socket that listens; UserError when the port is taken. `who` is api, bridge or worker, as in settings."""
    try:
        return socket.create_server((host, port), reuse_port=False, backlog=2048)
    except OSError as error:
        raise UserError(
            f"The {who} cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}.",
            hint=f"Stop what uses the port, or set ORDEROPS_{who.upper()}_PORT to a free one.",
        ) from None
