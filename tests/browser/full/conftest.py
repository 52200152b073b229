"""One full stack and one Chromium for all browser tests; a picture of each test's last page in build/browser."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.browser.full.people import AGENT, PASSWORD, Person, file_name, orderops
from tests.engine.shop_floor import Floor
from workers.adapters.mock_world import MockWorld
from workers.runtime.bootstrap import assemble
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.stack import Stack, running_stack
from workers.runtime.native.webapps import USER
from workers.runtime.settings import Settings

PICTURES = Path(__file__).parents[3] / "build" / "browser"


def tell(step: str) -> None:
    """It takes half a minute."""
    sys.stderr.write(f"{step}\n")


@pytest.fixture(scope="session")
def stack(scratch: Path) -> Iterator[Stack]:
    """What `make up` starts, with everything of its own."""
    config = StackConfig(
        instance="browser", home=scratch, base_port=free_base_port(), full=True, heap="512m", short_lived=True
    )
    with running_stack(config, tell) as stack:
        yield stack


@pytest.fixture(scope="session")
async def floor(stack: Stack) -> AsyncIterator[Floor]:
    """The stack's api, database and outside world, as engine tests use them."""
    environment = stack.environment()
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in environment.items()}
    settings = Settings.model_validate(values)
    token = stack.secrets["ORDEROPS_API_TOKENS"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        MockWorld(stack.database_url) as world,
        assemble(settings) as app,
        httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=10) as http,
    ):
        host = Host([], GrpcJobGateway(app.engine.channel))
        secret = stack.secrets["ORDEROPS_SHOPIFY_SECRETS"]
        yield Floor(app, world, http, stack.management_url, host=host, secret=secret)


@pytest.fixture(scope="session")
async def tasklist(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Tasklist's own API, logged in."""
    url = stack.webapps.tasklist_url.removesuffix("/tasklist")
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        password = stack.secrets["ORDEROPS_WEBAPPS_PASSWORD"]
        answer = await http.post("/api/login", data={"username": USER, "password": password})
        assert answer.is_success, answer.status_code
        yield http


@pytest.fixture
async def page(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A page of a browser that nobody has logged in with."""
    context = await chromium.new_context(viewport={"width": 1400, "height": 900})
    page = await context.new_page()
    yield page
    await page.screenshot(path=PICTURES / f"{file_name(request.node.name)}.png")
    await context.close()


@pytest.fixture(scope="session")
def anna(stack: Stack) -> str:
    """Somebody who may log in here and there."""
    orderops(stack, "user", "add", AGENT, "--role", "agent", "--webapps", typed=PASSWORD)
    return AGENT


@pytest.fixture
def agent(page: Page, stack: Stack, anna: str) -> Person:
    return Person(page, stack, anna)


@pytest.fixture
def operator(page: Page, stack: Stack) -> Person:
    """Who comes with the instance, in Operate; has the same browser as the agent."""
    return Person(page, stack, USER, stack.secrets["ORDEROPS_WEBAPPS_PASSWORD"])
