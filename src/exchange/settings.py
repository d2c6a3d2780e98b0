"""What an exchange is told from outside: one folder, read once at start by the composition root.

The folder holds `exchange.toml`, `secrets/` and, on SQLite, the database. Every setting can be given as an environment
variable too (EXCHANGE_PUBLIC_URL, EXCHANGE_DATABASE, ...), which wins. What is unsafe is refused here, before
anything opens.
"""

import os
import stat
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

FILE = "exchange.toml"
SECRETS = ("trail.pem", "token.pem", "head.key", "wrapping.key", "cursor.key")


class Misconfigured(Exception):
    """The exchange will not start like this. The text says what is wrong and what to do."""


class Limits(BaseModel):
    """How much of everything, at most. A participant's share is for each gateway process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message_bytes: int = Field(default=256 * 1024, ge=1024, le=1024 * 1024)
    body_seconds: float = Field(default=10, gt=0)
    queue: int = Field(default=2048, ge=16)
    posts_per_second: float = Field(default=50, gt=0)
    posts_burst: int = Field(default=200, ge=1)
    reads_per_second: float = Field(default=100, gt=0)
    reads_burst: int = Field(default=400, ge=1)
    strangers_per_second: float = Field(default=20, gt=0)
    strangers_burst: int = Field(default=200, ge=1)
    refusals_per_minute: int = Field(default=10, ge=0)


def _spare_cores() -> int:
    """Processes that verify signatures: one for each core that the loop leaves free, four at most."""
    return min(4, (os.cpu_count() or 1) - 1)


class Settings(BaseSettings):
    """Everything that differs between two exchanges, and nothing that does not."""

    model_config = SettingsConfigDict(env_prefix="EXCHANGE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    folder: Path
    origin: str = Field(pattern=r"^[a-z0-9.-]+(/[a-z0-9.-]+)*$", max_length=128)
    genesis: str = Field(pattern=r"^[0-9a-f]{64}$")
    public_url: str = Field(pattern=r"^https?://[^/?#\s]+$")
    database: str = Field(pattern=r"^(sqlite:///|postgresql(\+psycopg)?://).")
    training: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    verifiers: int = Field(default_factory=_spare_cores, ge=0, le=64)
    limits: Limits = Field(default_factory=Limits)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = init_settings().get("folder")
        toml = TomlConfigSettingsSource(settings_cls, Path(folder) / FILE if folder else None)
        return init_settings, env_settings, toml

    @classmethod
    def load(cls, folder: Path, **overrides: Any) -> Self:
        """Read, check and hand out. Raises Misconfigured."""
        if not (folder / FILE).is_file():
            raise Misconfigured(f"there is no {FILE} in {folder}: make an exchange there with `exchange init {folder}`")
        settings = cls._made(folder / FILE, folder=folder, **overrides)
        for name in SECRETS:
            settings._refuse_readable(folder / "secrets" / name)
        return settings

    @classmethod
    def foreseen(cls, folder: Path, **members: Any) -> Self:
        """Those of an exchange that is still to be founded, so that none is that could not be served afterwards.

        members: all but its genesis. Raises Misconfigured.
        """
        return cls._made("the exchange to be founded", folder=folder, genesis="0" * 64, **members)

    @classmethod
    def _made(cls, what: object, **members: Any) -> Self:
        try:
            settings = cls(**members)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise Misconfigured(f"{what}: {wrong}") from None
        except ValueError as error:
            raise Misconfigured(f"{what}, or a variable EXCHANGE_...: {error}") from None
        if not settings.training and not settings.public_url.startswith("https://"):
            raise Misconfigured(
                "public_url is plain http, and this is not a training exchange: put a TLS proxy in front of it and "
                "set public_url to its https address"
            )
        return settings

    @field_validator("database")
    @classmethod
    def _has_a_port_if_any(cls, database: str) -> str:
        try:
            urlsplit(database).port  # noqa: B018  it is worked out, and refused, when it is asked for
        except ValueError:
            # In words of our own, for the error quotes the address, and a password may stand in it.
            raise ValueError("this is no address of a database") from None
        return database

    def secret(self, name: str) -> bytes:
        return (self.folder / "secrets" / name).read_bytes()

    def key_bytes(self, name: str) -> bytes:
        """32 bytes, kept as hex."""
        try:
            key = bytes.fromhex(self.secret(name).decode().strip())
        except ValueError:
            key = b""
        if len(key) != 32:
            raise Misconfigured(f"secrets/{name} is not 64 hexadecimal digits")
        return key

    @staticmethod
    def _refuse_readable(path: Path) -> None:
        if not path.is_file():
            raise Misconfigured(f"{path} is missing: restore it from where you keep the exchange's secrets")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Misconfigured(f"{path} can be read by others: chmod 600 {path}")
