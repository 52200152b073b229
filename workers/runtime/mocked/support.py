"""What is to be seen at the helpdesk, on phones, in the team's chat and at the advertising platform."""

from typing import Annotated

import typer
from sqlalchemy import select

from workers.adapters.mock_ads import MockAds, to_campaign
from workers.adapters.mock_helpdesk import MockHelpdesk
from workers.adapters.mock_support_books import AlertRow, CampaignRow, PostRow, ReplyRow, TicketRow
from workers.adapters.mock_world import MockWorld
from workers.ports.helpdesk import TicketStatus
from workers.runtime.mocked.screen import LimitOption, add, ask, console, new_table, when

TICKET_HELP = """Put a ticket of a customer's past into the helpdesk. No webhook is sent.

Example:

  orderops mock past-ticket zendesk-4711 --email ada@example.com --subject "Where is my lamp?" --status solved
"""
ADVERTISE_HELP = """Start campaigns for a product, or put them back as they were first.

Example:

  orderops mock advertise KETTLE-1 search social video
"""

TicketOption = Annotated[str | None, typer.Option("--ticket", help="Only this ticket's.")]
ProductOption = Annotated[str | None, typer.Option("--product", help="Only this article's.")]


def replies_command(ticket: TicketOption = None, limit: LimitOption = 20) -> None:
    """Read what customers were answered, the newest last, and how often it was asked for."""
    query = select(ReplyRow).order_by(ReplyRow.number.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(ReplyRow.ticket_id == ticket) if ticket else query))
    if not rows:
        console.print("No ticket has been answered.")
    for row in reversed(rows):
        console.rule(f"R-{row.number}", align="left")
        head = {"Ticket": row.ticket_id, "Date": when(row.sent_at), "Language": row.language or "unknown"}
        for name, text in {**head, "Asked for": _times(row.requests)}.items():
            console.print(f"{name + ':':10}{text}", markup=False, soft_wrap=True)
        console.print(f"\n{row.body}\n", markup=False, soft_wrap=True)


def tickets_command(
    email: Annotated[str | None, typer.Option(help="Only this customer's.")] = None, limit: LimitOption = 50
) -> None:
    """Show how tickets stand at the helpdesk."""
    query = select(TicketRow).order_by(TicketRow.created_at.desc(), TicketRow.id.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(TicketRow.email == email.lower()) if email else query))
    table = new_table("Ticket", "Subject", "Status", "Since", "Solved")
    for row in reversed(rows):
        add(
            table,
            row.id,
            row.subject,
            row.status,
            when(row.created_at),
            when(row.solved_at) if row.solved_at else "",
        )
    console.print(table if rows else "The helpdesk has no tickets.")


def past_ticket_command(
    ticket: Annotated[str, typer.Argument(help="The helpdesk's id of it.", metavar="TICKET")],
    email: Annotated[str, typer.Option(help="Whose it is.")],
    subject: Annotated[str, typer.Option(help="What it was about.")],
    status: Annotated[TicketStatus, typer.Option(help="How it stands.")] = TicketStatus.SOLVED,
) -> None:
    """Put a ticket into the helpdesk; TICKET_HELP explains it to people."""

    async def seed(world: MockWorld) -> None:
        solved = None if status in {TicketStatus.OPEN, TicketStatus.PENDING} else await world.now()
        await MockHelpdesk(world).seed_ticket(ticket, email, subject, status=status, solved_at=solved)

    ask(seed)
    console.print(f"Ticket {ticket} is at the helpdesk.", markup=False)


def alerts_command(limit: LimitOption = 50) -> None:
    """Show what was pushed to people's phones."""
    rows = ask(lambda world: world.rows(select(AlertRow).order_by(AlertRow.number.desc()).limit(limit)))
    table = new_table("Number", "To", "Level", "Message", "Sent", "Asked for")
    for row in reversed(rows):
        add(table, f"P-{row.number}", row.to, row.level, row.message, when(row.sent_at), _times(row.requests))
    console.print(table if rows else "Nobody has been called.")


def posts_command(
    channel: Annotated[str | None, typer.Option(help="Only this one's, as #urgent.")] = None,
    limit: LimitOption = 50,
) -> None:
    """Show what was posted in the team's chat, as Slack got it."""
    query = select(PostRow).order_by(PostRow.number.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(PostRow.channel == channel) if channel else query))
    table = new_table("Number", "Channel", "Text", "Posted", "Asked for")
    for row in reversed(rows):
        add(table, f"C-{row.number}", row.channel, row.text, when(row.posted_at), _times(row.requests))
    console.print(table if rows else "Nothing has been posted.")


def campaigns_command(product: ProductOption = None, limit: LimitOption = 50) -> None:
    """Show what is advertised, and by which of our keys it is paused."""
    query = select(CampaignRow).order_by(CampaignRow.id).limit(limit)
    rows = ask(lambda world: world.rows(query.where(CampaignRow.product == product) if product else query))
    table = new_table("Campaign", "Product", "State", "Paused by")
    for campaign in map(to_campaign, rows):
        paused_by = ", ".join(campaign.paused_by) or ("" if campaign.running else "people")
        add(table, campaign.name, campaign.product, "running" if campaign.running else "paused", paused_by)
    console.print(table if rows else "Nothing is advertised. `orderops mock advertise` changes that.")


def advertise_command(
    product: Annotated[str, typer.Argument(help="The article's sku.", metavar="PRODUCT")],
    names: Annotated[list[str], typer.Argument(help="What the campaigns are called.", metavar="NAME...")],
    paused: Annotated[bool, typer.Option("--paused", help="People have paused them.")] = False,
) -> None:
    """Start campaigns; ADVERTISE_HELP explains it to people."""
    campaigns = ask(lambda world: MockAds(world).seed_campaigns(product, *names, paused=paused))
    console.print(f"{product} has {len(campaigns)} campaigns.", markup=False)


def add_to(mock: typer.Typer) -> None:
    """Adds the commands."""
    mock.command("replies")(replies_command)
    mock.command("tickets")(tickets_command)
    mock.command("past-ticket", help=TICKET_HELP)(past_ticket_command)
    mock.command("alerts")(alerts_command)
    mock.command("posts")(posts_command)
    mock.command("campaigns")(campaigns_command)
    mock.command("advertise", help=ADVERTISE_HELP)(advertise_command)


def _times(requests: int) -> str:
    return "once" if requests == 1 else f"{requests} times"
