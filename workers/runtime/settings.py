"""Settings: read once from the environment (ORDEROPS_…), validated, frozen. Messages name keys, never values."""

import os
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, Field, PostgresDsn, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.casefile import opening_hours
from workers.casefile.business_hours import BusinessHours
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig
from workers.runtime.native.state import environment_of


class Settings(BaseSettings):
    """One value object for api, bridge, workers and commands; `orderops up` sets all of it for what it starts."""

    model_config = SettingsConfigDict(
        env_prefix="ORDEROPS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: PostgresDsn
    """PostgreSQL, as postgresql+psycopg://…"""
    database_pool: int = Field(20, ge=1, le=500)
    """Most connections one process opens for the case file; the mocked outside world has as many of its own."""
    database_seconds: float = Field(0.8, gt=0, le=60)
    """How long a request waits for the database; with the rest of it, this makes an answer within a second."""
    settling_seconds: float = Field(30, ge=0, le=86_400)
    """How long a provider may take to execute what it was asked for; before, nothing is asked for again."""
    zeebe_grpc: str = "127.0.0.1:26500"
    """host:port of the gateway's gRPC side."""
    zeebe_rest: str = "http://127.0.0.1:8080"
    """Address of the gateway's REST side (user tasks)."""
    api_host: str = "127.0.0.1"
    """Interface the api listens on."""
    api_port: int = Field(8000, ge=1, le=65535)
    """Port the api listens on."""
    bridge_host: str = "127.0.0.1"
    """Interface the bridge listens on, for the engine's records."""
    bridge_port: int = Field(8002, ge=1, le=65535)
    """Port the bridge listens on."""
    public_url: str = "http://127.0.0.1:8000"
    """What customers' links begin with."""
    shopify_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Webhook secrets, newest first, comma separated; two are valid during a rotation."""
    supplier_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which suppliers sign."""
    easypost_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which EasyPost signs."""
    aftership_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which AfterShip signs."""
    zendesk_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which Zendesk signs."""
    mail_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which the mail service signs that hands customers' mails over."""
    chat_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The same, by which the chat signs."""
    stripe_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Signing secrets of the webhook endpoint at Stripe (whsec_…), the same way."""
    paypal_webhook_ids: Annotated[tuple[str, ...], NoDecode] = ()
    """Ids of our webhooks at PayPal, the same way: what PayPal signs names the webhook it is for."""
    api_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Bearer tokens of programs that may do everything, comma separated; `orderops token` makes lesser ones."""
    session_idle_minutes: int = Field(60, ge=1, le=1440)
    """A log-in ends when nothing was asked for this long."""
    session_hours: int = Field(12, ge=1, le=168)
    """A log-in ends after this, whatever happens."""
    oidc_issuer: str | None = None
    """OpenID provider by which people may log in; without one, with a password only."""
    oidc_client_id: str = Field("", validate_default=True)
    """What the provider calls us."""
    oidc_client_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    """By which the provider knows us."""
    oidc_roles_claim: str = "roles"
    """Where the provider says what somebody is; dots lead into nested claims."""
    oidc_roles: Annotated[tuple[str, ...], NoDecode] = ()
    """Our roles by the provider's words for them, as theirs=ours, comma separated."""
    link_secret: SecretStr
    """Signs the links in customers' mails."""
    records_user: str = "zeebe"
    """User name the engine's exporter logs in with."""
    records_password: SecretStr
    """Password the engine's exporter logs in with."""
    audit_anchors: Path | None = None
    """A file that the bridge tells every anchor of the audit trail; without one, only the log has them."""
    sla_time_zone: str = "Europe/Berlin"
    """By whose clock the hours of the SLA clock are meant."""
    sla_hours: str = "mon-fri 09:00-17:30"
    """When support works, weekday by weekday, or `always`: the SLA clock counts then only."""
    sla_holidays: str = Field("DE", validate_default=False)
    """Country, or country and region, on whose public holidays it does not; empty or `none` for none."""
    sla_closed_days: str = ""
    """Further days on which it does not, or in the hours named with them only."""
    search_url: AnyHttpUrl | None = None
    """OpenSearch of a full local stack: deploying waits for Tasklist's forms there, and log-ins are kept there."""
    worker_host: str = "127.0.0.1"
    """Interface on which a worker tells of itself; without log-in."""
    worker_port: int | None = Field(None, ge=1, le=65535)
    """Port on which a worker tells of itself; without one it does not."""
    operate_url: AnyHttpUrl | None = None
    """Where people reach Operate; without it pages do not lead there."""
    tasklist_url: AnyHttpUrl | None = None
    """Where people reach Tasklist; without it pages do not lead there."""
    analysis_url: AnyHttpUrl | None = None
    """OpenAI-compatible endpoint for tickets, up to and with /v1; without one they are analysed here."""
    analysis_model: str = Field("", validate_default=True)
    """Name of the model there."""
    analysis_key: SecretStr = SecretStr("")
    """By which the endpoint knows us."""
    analysis_seconds: float = Field(8, gt=0, le=60)
    """How long a ticket waits for the model before the local analysis answers."""
    analysis_price_in: float = Field(0, ge=0)
    """What a million tokens sent to the model cost, in the currency one counts in."""
    analysis_price_out: float = Field(0, ge=0)
    """The same for a million tokens of its answers."""
    otlp_endpoint: AnyHttpUrl | None = Field(
        default_factory=lambda: os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None, validate_default=True
    )
    """Where traces are sent, as OTLP over HTTP; without one, nothing is traced."""
    log_format: str = Field("console", pattern="^(console|json)$")
    """console for people, json for machines."""

    @field_validator(
        "shopify_secrets",
        "stripe_secrets",
        "paypal_webhook_ids",
        "supplier_secrets",
        "easypost_secrets",
        "aftership_secrets",
        "zendesk_secrets",
        "mail_secrets",
        "chat_secrets",
        "api_tokens",
        "oidc_roles",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _trusted(cls, value: str | None) -> str | None:
        """What says who somebody is has to be reached in a way that nobody else can answer."""
        _must_be_private(value or "https://none")
        return value or None

    @field_validator("analysis_url")
    @classmethod
    def _private(cls, value: AnyHttpUrl | None) -> AnyHttpUrl | None:
        """Customers' words and our key are not sent where others can read them."""
        _must_be_private(str(value or "https://none"))
        return value

    @field_validator("analysis_model")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("analysis_url") and not value:
            raise ValueError("is needed with an endpoint")
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _complete(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        if info.data.get("oidc_issuer") and not (value if isinstance(value, str) else value.get_secret_value()):
            raise ValueError("is needed with an issuer")
        return value

    @field_validator("sla_time_zone", "sla_hours", "sla_holidays", "sla_closed_days")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        parse = {
            "sla_time_zone": opening_hours.parse_zone,
            "sla_hours": opening_hours.parse_week,
            "sla_holidays": opening_hours.parse_holidays,
            "sla_closed_days": opening_hours.parse_days,
        }
        parse[str(info.field_name)](value)
        return value

    def business_hours(self) -> BusinessHours:
        """The hours of the SLA clock. Made once, they keep what they found out."""
        return opening_hours.business_hours(
            self.sla_time_zone, self.sla_hours, self.sla_holidays, self.sla_closed_days
        )

    def operate_address(self, instance: int | None) -> str | None:
        """Of a process instance in Operate."""
        return (
            f"{str(self.operate_url).rstrip('/')}/processes/{instance}" if self.operate_url and instance else None
        )

    def tasklist_address(self, task: int) -> str | None:
        """Of a user task in Tasklist."""
        return f"{str(self.tasklist_url).rstrip('/')}/{task}" if self.tasklist_url else None

    @property
    def collector(self) -> str | None:
        """Where traces are sent, as text."""
        return str(self.otlp_endpoint) if self.otlp_endpoint else None


def _told(item: ErrorDetails) -> str:
    """The key of what is wrong, with what would be right where we know it."""
    key = f"ORDEROPS_{str(item['loc'][0]).upper()}"
    why = item.get("ctx", {}).get("error")
    return f"{key} ({why})" if isinstance(why, ValueError) else key


def _must_be_private(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}):
        raise ValueError("must begin with https")


@cache
def load_settings() -> Settings:
    """The settings of this process: from the environment, else those of the local instance that runs.

    ORDEROPS_INSTANCE says which instance, `default` without it. Raises UserError naming every key that is missing
    or wrong.
    """
    if "ORDEROPS_DATABASE_URL" not in os.environ:
        os.environ.update(environment_of(StackConfig(instance=os.environ.get("ORDEROPS_INSTANCE", "default"))))
    try:
        return Settings()
    except ValidationError as error:
        raise UserError(
            f"These settings are missing or wrong: {', '.join(sorted({_told(item) for item in error.errors()}))}.",
            hint="Is a stack running? `orderops status` says so, `orderops up` starts one and sets all of them; "
            "docs/reference/settings.md says what each is.",
        ) from None
