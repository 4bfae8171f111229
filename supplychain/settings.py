"""Deployment settings: addresses, pools, paths. Read once, frozen, unknown keys refused; defaults in code.

Order of precedence: environment (`SUPPLYCHAIN_BROKER__URL=...`), the TOML file given by `--config`, the defaults.
`config/embedded.toml` equals the defaults.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from supplychain.domain.errors import SettingsError

DATABASE = "supplychain.db"
"""The SQLite file in the data directory."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(_Section):
    """`url` empty means the embedded broker; else Kafka addresses, host:port separated by commas."""

    url: str = ""
    replication: int = Field(default=1, ge=1, le=9)
    commit_interval_seconds: float = Field(default=0.5, gt=0, le=60)
    chunk_records: int = Field(default=20_000, ge=1, le=100_000)
    chunk_bytes: int = Field(default=4 * 1024 * 1024, ge=1_024)
    session_timeout_seconds: float = Field(default=6.0, ge=1, le=600)
    member: str = Field(default="", max_length=200)


class DatabaseSettings(_Section):
    """`url` empty means SQLite in the data directory; else a SQLAlchemy URL such as postgresql+psycopg://..."""

    url: str = ""
    pool_size: int = Field(default=4, ge=1, le=100)
    busy_seconds: float = Field(default=10.0, gt=0, le=120)


class WebSettings(_Section):
    """Where the console and the API listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    open_to_all: bool = Field(
        default=True, description="no sign-in: every visitor is a planner and approver; only for the loopback address"
    )


class PartnerSettings(_Section):
    """The stand-in supplier and WMS, for demonstrations and tests; `stand_in` sends every supplier's orders to it."""

    stand_in: bool = False
    seed: int = Field(default=1, ge=0)
    opening_at: int | None = Field(default=None, description="UTC ms of its first stock snapshots; none: no snapshot")

    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=1, le=65_535)


class PlanSettings(_Section):
    """The solver pool of the plan role."""

    workers: int = Field(default=1, ge=1, le=64)
    poll_milliseconds: int = Field(default=20, ge=1, le=10_000)
    lease_seconds: float = Field(default=60.0, ge=1, le=3_600)


class DispatchSettings(_Section):
    """How messages leave the house."""

    poll_milliseconds: int = Field(default=25, ge=1, le=10_000)
    timeout_seconds: float = Field(default=15.0, gt=0, le=120)
    lease_seconds: float = Field(default=60.0, ge=1, le=3_600)
    first_retry_seconds: float = Field(default=1.0, gt=0, le=3_600)
    attempts: int = Field(default=12, ge=1, le=100)
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="own hosts that webhooks may reach, with or without port"
    )
    file_formats: dict[str, Literal["json", "x12", "edifact"]] = Field(
        default={}, description="form of order files, by supplier"
    )
    secrets_file: str = Field(
        default="", description="TOML of supplier = 'whsec_...'; empty means secrets.toml in the data directory"
    )


class JobSettings(_Section):
    """The scheduler."""

    refit_hour: int = Field(default=3, ge=0, le=23)
    replan_hour: int = Field(default=4, ge=0, le=23)
    prune_days: int = Field(default=30, ge=1, le=3_650)


class Settings(BaseSettings):
    """All deployment settings. `clock` says whether business time is the wall clock or the ticks of a replay."""

    model_config = SettingsConfigDict(
        env_prefix="SUPPLYCHAIN_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("data")
    clock: Literal["wall", "ticks"] = "wall"
    zone: str = "Asia/Shanghai"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: BrokerSettings = BrokerSettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    partner: PartnerSettings = PartnerSettings()
    plan: PlanSettings = PlanSettings()
    dispatch: DispatchSettings = DispatchSettings()
    jobs: JobSettings = JobSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file: what the file gave comes in as initial values."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database.url or f"sqlite:///{self.data_dir / DATABASE}"

    @property
    def web_url(self) -> str:
        """Where this machine reaches the console."""
        return f"http://{self.web.host}:{self.web.port}"

    @property
    def partner_url(self) -> str:
        """Where this machine reaches the stand-in partner."""
        return f"http://{self.partner.host}:{self.partner.port}"


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read settings from a TOML file (none: the defaults), the environment and keyword overrides, which win.

    Raises
    ------
    SettingsError
        If the file is missing or no TOML, or a key is unknown or out of range; it names file and key.
    """
    given: dict[str, Any] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(
                f"settings file {path} does not exist", way_out="see config/README.md", file=str(path)
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise SettingsError(
                f"settings file {path} is no TOML: {fault}", way_out="mend the line named", file=str(path)
            ) from None
    try:
        settings = Settings(**given)
        return (
            settings.model_copy(update={k: v for k, v in overrides.items() if v is not None}) if overrides else settings
        )
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        where = f" in {path}" if path else ""
        raise SettingsError(
            f"setting {key}{where}: {first['msg']}", way_out="config/README.md lists every setting", field=key
        ) from None
