"""`orderops token`: which programs may call the api, and for what. A token is shown once and stored hashed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.people import Scope
from workers.casefile import people
from workers.casefile.people_models import ApiToken
from workers.runtime.commands.user import checked_name, in_database

Name = Annotated[str, typer.Argument(help="What the program is called.")]

tokens = typer.Typer(no_args_is_help=True, help="Say which programs may call the api, and for what.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tokens, name="token")


@tokens.command("create")
def create_command(
    name: Name,
    scope: Annotated[list[Scope], typer.Option(help="Repeatable.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is good.")] = 90,
) -> None:
    """Make a token and print it: it is not shown again. Nothing else goes to standard output."""
    name = checked_name(name)
    token = in_database(lambda session: people.create_token(session, name, scope, timedelta(days=days)))
    typer.echo(token)
    typer.echo(f"Keep it: it is not shown again. Days it is good: {days}.", err=True)


@tokens.command("list")
def list_command() -> None:
    """Show every token there is or was, never the token itself."""
    table = Table("Name", "Scopes", "Made", "Good until")
    for token in in_database(_everyone):
        cells = (token.name, ", ".join(token.scopes), f"{token.created_at:%Y-%m-%d}", _end(token))
        table.add_row(*map(Text, cells))
    Console().print(
        table if table.row_count else "There is no token yet: `orderops token create NAME --scope read`."
    )


@tokens.command("revoke")
def revoke_command(name: Name) -> None:
    """Let nobody in with this token any more."""
    in_database(lambda session: people.revoke_token(session, name))
    Console(highlight=False).print(Text(f"The token {name} is revoked."), soft_wrap=True)


async def _everyone(session: AsyncSession) -> Sequence[ApiToken]:
    return (await session.scalars(select(ApiToken).order_by(ApiToken.name))).all()


def _end(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    over = " (over)" if token.expires_at < datetime.now(UTC) else ""
    return f"{token.expires_at:%Y-%m-%d}{over}"
