"""Asking whether something is up, whatever is there instead."""

import socket
import threading

import pytest

from workers.runtime.native.health import answers


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"", b"HTTP/1.1 banana\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
def test_who_does_not_speak_http_is_not_up(said: bytes) -> None:
    """On a port that connections are made from, one to nobody can meet itself and hear what it said."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        assert answers(f"http://127.0.0.1:{server.getsockname()[1]}/") is (said.endswith(b"200 OK\r\n"))
        thread.join(5)


def test_nobody_is_not_up() -> None:
    assert not answers("http://127.0.0.1:1/")
