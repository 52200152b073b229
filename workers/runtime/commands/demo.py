"""`orderops demo`: real orders through the real engine, with a table at the end."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import httpx
import psutil
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from workers.adapters.mock_world import MockWorld
from workers.adapters.olist import read_jsonl, read_orders
from workers.casefile.db import Database
from workers.runtime.commands.stack import prepare_with_progress, say_how_to_log_in
from workers.runtime.demo import books, letters, verdict
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.money import read as read_money
from workers.runtime.demo.outside import Outside, secrets_of
from workers.runtime.demo.people import People, hire
from workers.runtime.demo.plan import Json, Plan, Rates, by_rates, one_of_each
from workers.runtime.demo.world import set_up
from workers.runtime.errors import UserError
from workers.runtime.mocked.clock import travel
from workers.runtime.native.config import StackConfig
from workers.runtime.native.keeper import start_keeper
from workers.runtime.native.stack import running_stack
from workers.runtime.native.state import delete_instance, environment_of, stop_instance
from workers.runtime.resources import samples_dir

console = Console(highlight=False)
STALLED_SECONDS = 90
"""Without any progress for so long, what is open counts as left open."""
STILL_SECONDS = 5
"""When nothing happens for so long and nothing is under way, all who are left wait for time to pass."""
CLOSED_SECONDS = 4
"""Closed orders that stay closed for so long are done: customers complain of what was delivered."""
STEPS = (timedelta(days=1, minutes=1), timedelta(days=11), timedelta(days=11), timedelta(days=11))
"""How much time passes then: first for customers who wait for stock, then for parcels that stand still."""
_MARKER = "demo"
"""File in the folder of an instance that a demo made, and may delete."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(  # noqa: PLR0913, PLR0917  # one parameter per option
    orders: Annotated[
        Path | None,
        typer.Option(
            help="Shopify orders as JSON lines, or a folder with the Olist CSVs; our own samples without it."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many orders of --orders.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, help="Webhooks a second.")] = 8,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share delivered twice.")] = 0.10,
    out_of_stock: Annotated[float, typer.Option(min=0, max=1, help="Share sold out at a supplier.")] = 0.05,
    bad_addresses: Annotated[float, typer.Option(min=0, max=1, help="Share with a wrong address.")] = 0.05,
    supplier_errors: Annotated[float, typer.Option(min=0, max=1, help="Share with a failing supplier.")] = 0.05,
    delays: Annotated[float, typer.Option(min=0, max=1, help="Share stuck or lost on its way.")] = 0.04,
    refunds: Annotated[float, typer.Option(min=0, max=1, help="Share damaged on arrival.")] = 0.04,
    disputes: Annotated[float, typer.Option(min=0, max=1, help="Share disputed at the bank.")] = 0.02,
    tickets: Annotated[float, typer.Option(min=0, max=1, help="Share whose customers write to us.")] = 0.10,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    instance: Annotated[str, typer.Option(help="Name of the stack; its data are deleted first.")] = "demo",
    base_port: Annotated[int | None, typer.Option(help="First of its ports.")] = None,
) -> None:
    """From paid to delivered, or made good: feed orders through the webhook, let suppliers, carriers, customers,
    staff and banks act, and judge the result by the books.

    The shares apply to --orders; the samples have one order of each trouble and of each journey.
    """
    began = _began()
    rates = Rates(duplicates, out_of_stock, bad_addresses, supplier_errors, delays, refunds, disputes, tickets)
    plan = _plan(orders, limit, rates)
    config = StackConfig(instance=instance, base_port=base_port, controlled_clock=True, short_lived=True)
    start_afresh(config)
    prepare_with_progress(config)
    with _stack(config, keep=keep) as environment:
        judged = asyncio.run(_run(plan, environment, rate, began))
        _show(judged)
        if keep:
            _say_where(instance, environment)
    if not judged.figures.ok:
        console.print(f"[red]{len(judged.complaints)} complaints: the demo failed.[/]")
        raise typer.Exit(1)
    console.print(f"Every order ended where it should. Figures: {verdict.REPORT}")


def start_afresh(config: StackConfig) -> None:
    """Stop and delete what an earlier demo left. Raises UserError when the instance was not made by a demo."""
    marker = config.state_dir / _MARKER
    if config.state_dir.exists() and not marker.exists():
        raise UserError(
            f"Instance {config.instance} was not made by a demo, and a demo deletes all data of its instance.",
            hint=f"Use another --instance, or `orderops down --delete --instance {config.instance}` first.",
        )
    stop_instance(config)
    delete_instance(config)
    marker.parent.mkdir(parents=True)
    marker.touch()


def _began() -> datetime:
    """When the user pressed return: `make` says so, otherwise when this process was made."""
    seconds = os.environ.get("ORDEROPS_STARTED") or psutil.Process().create_time()
    return datetime.fromtimestamp(float(seconds), UTC)


def _plan(path: Path | None, limit: int, rates: Rates) -> Plan:
    if path is None:
        return one_of_each(list(read_jsonl(samples_dir() / "orders.jsonl")))
    if not path.exists():
        raise UserError(
            f"There is nothing at {path}.",
            hint="--orders takes a file of Shopify order JSON lines, or a folder with the Olist CSVs.",
        )
    found: Iterator[Json] = read_orders(path) if path.is_dir() else read_jsonl(path)
    plan = by_rates(islice(found, limit), rates)
    if not plan.orders:
        raise UserError(f"There is no order in {path}.")
    return plan


@contextmanager
def _stack(config: StackConfig, *, keep: bool) -> Iterator[dict[str, str]]:
    """A stack for the demo; its settings as environment variables."""
    with console.status("Starting") as line:
        if keep:
            start_keeper(config, line.update)
            line.stop()
            yield environment_of(config)
            return
        with running_stack(config, line.update) as stack:
            line.stop()
            yield stack.environment()


def _show(judged: verdict.Verdict) -> None:
    """Tables and the first complaints on the screen, all figures in the report."""
    console.print(verdict.table(judged))
    console.print(verdict.money_table(judged.money))
    verdict.write(judged.figures)
    for complaint in judged.complaints[:20]:
        console.print(f"[red]{complaint}[/]")


def _say_where(instance: str, environment: dict[str, str]) -> None:
    console.print(f"Still running: {environment['ORDEROPS_PUBLIC_URL']} (api)")
    say_how_to_log_in(instance, environment["ORDEROPS_PUBLIC_URL"])
    console.print(f"Look at it:    ORDEROPS_INSTANCE={instance} orderops status | task list | mock mail")
    console.print(f"Stop it:       orderops down --instance {instance} --delete")


async def _run(plan: Plan, environment: dict[str, str], rate: float, began: datetime) -> verdict.Verdict:
    url = environment["ORDEROPS_DATABASE_URL"]
    database = Database(url, 5)
    limits = httpx.Limits(max_connections=50)
    api = httpx.AsyncClient(base_url=environment["ORDEROPS_PUBLIC_URL"], limits=limits, timeout=20)
    secrets, token = secrets_of(environment), environment["ORDEROPS_API_TOKENS"].split(",")[0]
    async with MockWorld(url, pool_size=10) as world, api as http:
        await set_up(world, plan)
        browsers = await hire(database, environment["ORDEROPS_PUBLIC_URL"])
        feed = Feed(http, secrets["shopify"], rate)
        people = People(http, world, token, plan.by_case, feed, browsers)
        written = letters.Letters(http, secrets["zendesk"], plan, feed)
        outside = Outside(http, world, database, token, secrets, plan.by_case)
        time_passes = partial(travel, world, environment["ORDEROPS_ZEEBE_MANAGEMENT"])
        watching = _watch(plan, database, feed, people, time_passes)
        await alongside(watching, feed.run(plan), people.run(), outside.run(), written.run())
        found, money = await books.read(database, world, plan), await read_money(world, plan)
        tickets = await letters.read(database, written.sent)
        judged = verdict.judge(plan, found, money, feed, people.answered, tickets, began)
    await database.close()
    return judged


async def alongside(
    watching: Coroutine[None, None, None],
    feeding: Coroutine[None, None, None],
    *acting: Coroutine[None, None, None],
) -> None:
    """Watch until all is done; raises UserError at once when those who act stop with an error."""
    try:
        async with asyncio.TaskGroup() as group:
            actors = [group.create_task(_or_say("People and systems outside stopped", each)) for each in acting]
            feed = group.create_task(_or_say("The webhooks stopped", feeding))
            await watching
            await feed
            for actor in actors:
                actor.cancel()
    except ExceptionGroup as broken:
        raise broken.exceptions[0] from None


async def _or_say(what: str, work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        raise UserError(
            f"{what}: {type(cause).__name__}: {cause}".splitlines()[0],
            hint="Start the demo again; with --keep its logs stay for `orderops logs`.",
        ) from error


async def _watch(
    plan: Plan,
    database: Database,
    feed: Feed,
    people: People,
    time_passes: Callable[[timedelta], Awaitable[bool]],
) -> None:
    """Show how far the orders are until all are closed and stay so, or nothing has moved for long."""
    last, moved_at, steps = None, time.monotonic(), iter(STEPS)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while (still := time.monotonic() - moved_at) < STALLED_SECONDS:
            now = await books.progress(database, plan)
            live.update(_progress_table(plan, feed, people, now))
            if now != last:
                last, moved_at = now, time.monotonic()
            elif feed.orders < len(plan.orders):
                pass
            elif now.closed == len(plan.orders):
                if still > CLOSED_SECONDS:
                    return
            elif still > STILL_SECONDS and not now.under_way and (step := next(steps, None)):
                left, moved_at = len(plan.orders) - now.closed, time.monotonic()
                went = "a day goes by" if step.days == 1 else f"{step.days} days go by"
                console.print(f"All else is done, and {left} wait for time to pass: {went}.")
                if not await time_passes(step):
                    raise UserError("The engine's clock does not move.", hint="Start the demo again.")
            await asyncio.sleep(0.5)


def _progress_table(plan: Plan, feed: Feed, people: People, now: books.Progress) -> Table:
    table = Table.grid(padding=(0, 2))
    for heading, value in (
        ("delivered", f"{feed.orders} of {len(plan.orders)} orders, {feed.deliveries} deliveries"),
        ("cases", str(now.cases)),
        ("bought", str(now.bought)),
        ("answers by customers and agents", str(sum(map(len, people.answered.values())))),
        ("incidents", str(now.incidents)),
        ("closed", str(now.closed)),
    ):
        table.add_row(heading, value)
    return table
