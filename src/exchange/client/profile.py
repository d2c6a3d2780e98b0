"""A profile: the folder with which one participant, or one officer, speaks to one exchange.

profile.toml    participant, url, origin, trail_key, genesis: the pin, and who we are; user, and perhaps purpose
keys/           officer.pem, access.pem, message.pem: those that it has, readable by their owner only
state/          what is remembered between calls; see `state`

participant = "ncb-fra"
url = "https://exchange.example"
origin = "exchange.example/training"
trail_key = "exchange.example/training+1c0ad8a4+AaBbCc…"
genesis = "5b1f…"
user = "desk"
"""

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.client.errors import ProfileWrong
from exchange.jose import SigningKey
from exchange.note import TrailVerifier
from exchange.participant import Use
from exchange.refusal import Refusal

FILE = "profile.toml"

_REQUIRED = ("participant", "url", "origin", "trail_key", "genesis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a newcomer is handed on a way that it trusts: where the exchange is, its name, its key, its beginning."""

    url: str
    origin: str
    trail_key: str
    genesis: str

    @classmethod
    def load(cls, path: Path) -> "Pin":
        """path: the pin.json that the operator hands out. Raises ProfileWrong."""
        try:
            members = json.loads(path.read_text("utf-8"))
            return cls(**{name: str(members[name]) for name in _REQUIRED if name != "participant"})
        except (OSError, ValueError, KeyError, TypeError):
            raise ProfileWrong(f"{path} is no pin of an exchange: ask the operator for its pin.json") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Read once; keys are read when they are asked for. `user` stands for whoever sits at this client; `purpose`, a
    code such as P3, for what it reads for: one of the participant's, all of them where it is empty.
    """

    folder: Path
    participant: str
    pin: Pin
    user: str
    trail: TrailVerifier
    purpose: str = ""

    @classmethod
    def load(cls, folder: Path) -> "Profile":
        """Raises ProfileWrong."""
        path = folder / FILE
        try:
            members = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise ProfileWrong(f"there is no {FILE} in {folder}: make one with `exchange keygen`") from None
        except (OSError, ValueError) as error:
            raise ProfileWrong(f"{path} cannot be read: {error}") from None
        missing = [name for name in _REQUIRED if not isinstance(members.get(name), str)]
        if missing:
            raise ProfileWrong(f"{path} does not state {', '.join(missing)}")
        return _profile(folder, members)

    @classmethod
    def create(cls, folder: Path, *, participant: str, pin: Pin, keys: Mapping[Use, SigningKey]) -> "Profile":
        """Write a new profile, its keys for the owner's eyes only. Raises ProfileWrong if there is one already."""
        if (folder / FILE).exists():
            raise ProfileWrong(f"{folder} has a profile already: choose another folder")
        for inner in ("keys", "state"):
            (folder / inner).mkdir(parents=True, exist_ok=True, mode=0o700)
        for use, key in keys.items():
            write_private(folder / "keys" / f"{use.value}.pem", key.to_pem())
        stated = {"participant": participant, **{n: getattr(pin, n) for n in _REQUIRED[1:]}, "user": "desk"}
        # A JSON string of printable ASCII is a TOML string.
        (folder / FILE).write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in stated.items()))
        return _profile(folder, stated)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def key_path(self, use: Use) -> Path:
        return self.folder / "keys" / f"{use.value}.pem"

    def has(self, use: Use) -> bool:
        return self.key_path(use).is_file()

    def key(self, use: Use) -> SigningKey:
        """Raises ProfileWrong where the key is missing, malformed or readable by others."""
        return self.key_at(self.key_path(use))

    def key_at(self, path: Path) -> SigningKey:
        """As `key`, of one that is not in use, or not yet."""
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ProfileWrong(f"{path} can be read by others: chmod 600 {path}, and think of revoking that key")
            return SigningKey.from_pem(path.read_bytes())
        except FileNotFoundError:
            raise ProfileWrong(f"this profile has no {path.stem} key ({path})") from None
        except (OSError, Refusal):
            raise ProfileWrong(f"{path} holds no P-256 key in PEM form") from None


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, from its first byte on. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _profile(folder: Path, members: Mapping[str, Any]) -> Profile:
    pin = Pin(**{name: members[name] for name in _REQUIRED[1:]})
    try:
        trail = TrailVerifier.from_vkey(pin.trail_key)
    except Refusal:
        raise ProfileWrong(f"the trail_key in {folder / FILE} is no C2SP verifier key") from None
    if trail.name != pin.origin:
        raise ProfileWrong(f"the trail_key in {folder / FILE} is not of the origin {pin.origin}")
    own = {"user": members.get("user", "desk"), "purpose": members.get("purpose", "")}
    return Profile(folder=folder, participant=members["participant"], pin=pin, trail=trail, **own)
