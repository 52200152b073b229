"""What a full stack is: where it listens, who gets in, and what it leaves behind."""

from pathlib import Path

import httpx
import psutil
import pytest

from tests.browser.full.people import PASSWORD, orderops
from workers.runtime.native.ports import HOST
from workers.runtime.native.stack import Stack
from workers.runtime.native.webapps import USER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def log_in(stack: Stack, user: str, password: str) -> int:
    url = stack.webapps.tasklist_url.removesuffix("/tasklist")
    return httpx.post(f"{url}/api/login", data={"username": user, "password": password}).status_code


def test_nothing_listens_beyond_this_machine(stack: Stack) -> None:
    """OpenSearch's transport and the gossip of the broker included."""
    named = stack.ports.named(full=True)
    listening: dict[int, set[str]] = {}
    for part in stack.supervisor.state.components.values():
        process = part.program.process() if part.program else None
        for one in process.net_connections("inet") if process else ():
            if one.status == psutil.CONN_LISTEN or (one.laddr and one.laddr[1] in named):
                listening.setdefault(one.laddr[1], set()).add(one.laddr[0].removeprefix("::ffff:"))
    assert {port for port in listening if port in named} == set(named)
    assert set().union(*listening.values()) == {HOST}, listening


@pytest.mark.parametrize("name", ["demo", "view", "act", USER])
def test_nobody_logs_in_with_a_password_that_everybody_knows(stack: Stack, name: str) -> None:
    assert log_in(stack, name, name) == httpx.codes.UNAUTHORIZED


def test_the_first_user_has_the_instances_password(stack: Stack) -> None:
    assert log_in(stack, USER, stack.secrets["ORDEROPS_WEBAPPS_PASSWORD"]) == httpx.codes.NO_CONTENT


def test_a_further_user_logs_in_under_the_own_name(stack: Stack, anna: str) -> None:
    assert log_in(stack, anna, PASSWORD) == httpx.codes.NO_CONTENT
    assert log_in(stack, anna, "guessed") == httpx.codes.UNAUTHORIZED


def test_every_file_that_is_written_is_in_the_folder_of_the_instance(stack: Stack) -> None:
    """So that `orderops down --delete` leaves nothing."""
    for part in stack.supervisor.state.components.values():
        process = part.program.process() if part.program else None
        for file in process.open_files() if process else ():
            written = file.mode != "r"
            assert not written or Path(file.path).is_relative_to(stack.state_dir), (part.name, file.path)


def test_deploying_again_changes_nothing_and_waits_for_nothing(stack: Stack) -> None:
    assert "unchanged" in orderops(stack, "deploy")
