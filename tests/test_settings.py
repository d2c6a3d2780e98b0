"""An exchange starts with what it was told and not one setting more, and never in an unsafe way."""

from pathlib import Path
from typing import Any

import pytest

from exchange.settings import FILE, SECRETS, Limits, Misconfigured, Settings

PLAIN: dict[str, Any] = {
    "origin": "exchange.example/training",
    "genesis": "5b" * 32,
    "public_url": "http://127.0.0.1:8700",
    "database": "sqlite:///exchange.db",
    "training": True,
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine that runs the tests has set."""
    for name in ("ORIGIN", "GENESIS", "PUBLIC_URL", "DATABASE", "TRAINING", "HOST", "PORT", "WORKERS", "LIMITS"):
        monkeypatch.delenv(f"EXCHANGE_{name}", raising=False)


def written(folder: Path, text: str = "", **members: Any) -> Path:
    """A folder as `exchange init` leaves it; members take the place of its own, `text` comes after them."""
    stated = {name: value for name, value in (PLAIN | members).items() if value is not None}
    lines = "".join(f"{name} = {_toml(value)}\n" for name, value in stated.items())
    (folder / FILE).write_text(lines + text)
    (folder / "secrets").mkdir(exist_ok=True, mode=0o700)
    for name in SECRETS:
        secret = folder / "secrets" / name
        secret.write_text("ab" * 32 + "\n")
        secret.chmod(0o600)
    return folder


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


# What it is told


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path))

    assert (settings.origin, settings.training) == ("exchange.example/training", True)
    assert (settings.host, settings.port) == ("127.0.0.1", 8700)
    assert settings.limits == Limits()


def test_a_variable_wins_over_the_file_and_a_word_over_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, port=1111)
    monkeypatch.setenv("EXCHANGE_PORT", "2222")
    monkeypatch.setenv("EXCHANGE_LIMITS__POSTS_BURST", "3")

    assert Settings.load(folder).port == 2222
    assert Settings.load(folder).limits.posts_burst == 3
    assert Settings.load(folder, port=3333).port == 3333


def test_limits_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, "[limits]\nposts_burst = 7\n"))

    assert settings.limits.posts_burst == 7
    assert settings.limits.reads_burst == Limits().reads_burst


def test_a_variable_of_somebody_else_sets_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QUEUE and its kin have no prefix that says they are ours."""
    for name in Limits.model_fields:
        monkeypatch.setenv(name.upper(), "999")

    assert Settings.load(written(tmp_path)).limits == Limits()


def test_settings_do_not_change_while_it_runs(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path))

    with pytest.raises(ValueError, match="frozen"):
        settings.training = False
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.queue = 10**9


# What it refuses to start with


def test_a_folder_without_settings_is_no_exchange(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="exchange init"):
        Settings.load(tmp_path)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"wrokers": 2}, "wrokers"),
        ({"origin": None}, "origin"),
        ({"genesis": None}, "genesis"),
        ({"public_url": None}, "public_url"),
        ({"database": None}, "database"),
        ({"origin": "Exchange Example"}, "origin"),
        ({"origin": "exchange.example/"}, "origin"),
        ({"genesis": "5b"}, "genesis"),
        ({"genesis": "5B" * 32}, "genesis"),
        ({"public_url": "exchange.example"}, "public_url"),
        ({"public_url": "ftp://exchange.example"}, "public_url"),
        ({"public_url": "https://exchange.example/"}, "public_url"),
        ({"public_url": "https://exchange.example?x"}, "public_url"),
        ({"public_url": "https://exchange example"}, "public_url"),
        ({"database": "mysql://db.example/exchange"}, "database"),
        ({"database": "exchange.db"}, "database"),
        ({"database": "postgresql://exchange:q7@db.example:many/exchange"}, "database"),
        ({"port": 65536}, "port"),
        ({"port": "many"}, "port"),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_missing_or_unknown_is_named(
    tmp_path: Path, members: dict[str, Any], named: str
) -> None:
    with pytest.raises(Misconfigured, match=rf"exchange\.toml: {named}: "):
        Settings.load(written(tmp_path, **members))


@pytest.mark.parametrize("limit", ["posts_bursts = 1", "queue = 0", "message_bytes = 10000000", "posts_per_second = 0"])
def test_a_limit_that_is_unknown_or_out_of_bounds_is_refused(tmp_path: Path, limit: str) -> None:
    with pytest.raises(Misconfigured, match=r"limits\.\w+: "):
        Settings.load(written(tmp_path, f"[limits]\n{limit}\n"))


@pytest.mark.parametrize("text", ["port = \n", "port = 1\nport = 2\n", "]\n"])
def test_a_file_that_is_no_toml_is_refused_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=FILE):
        Settings.load(written(tmp_path, text))


def test_a_variable_that_cannot_be_read_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_LIMITS", "plenty")

    with pytest.raises(Misconfigured, match="limits"):
        Settings.load(written(tmp_path))


def test_what_is_wrong_in_a_setting_is_not_repeated(tmp_path: Path) -> None:
    """It could be a password in a database's address."""
    for wrong in ({"port": "q7_canary", "database": 5}, {"database": "postgresql://x:y@db.example:q7_canary/x"}):
        with pytest.raises(Misconfigured) as told:
            Settings.load(written(tmp_path, **wrong))

        assert "q7_canary" not in str(told.value)


def test_plain_http_is_for_training_only(tmp_path: Path) -> None:
    Settings.load(written(tmp_path, training=True))
    Settings.load(written(tmp_path, training=False, public_url="https://exchange.example"))

    with pytest.raises(Misconfigured, match="TLS proxy"):
        Settings.load(written(tmp_path, training=False))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o601, 0o644, 0o666])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_others_can_touch_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    folder = written(tmp_path)
    (folder / "secrets" / name).chmod(mode)

    with pytest.raises(Misconfigured, match=f"chmod 600 .*{name}"):
        Settings.load(folder)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path)
    (folder / "secrets" / name).unlink()

    with pytest.raises(Misconfigured, match=f"{name} is missing"):
        Settings.load(folder)


# Keys


def test_a_key_is_32_bytes_in_hex(tmp_path: Path) -> None:
    assert Settings.load(written(tmp_path)).key_bytes("head.key") == b"\xab" * 32


@pytest.mark.parametrize("content", [b"", b"ab" * 31, b"ab" * 33, b"xy" * 32, b"\xff" * 64, b"-----BEGIN"])
def test_a_malformed_key_file_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    settings = Settings.load(written(tmp_path))
    (tmp_path / "secrets" / "head.key").write_bytes(content)

    with pytest.raises(Misconfigured, match=r"head\.key is not 64 hexadecimal digits"):
        settings.key_bytes("head.key")


def test_no_secret_stands_in_the_settings(tmp_path: Path) -> None:
    assert "ab" * 32 not in repr(Settings.load(written(tmp_path)))
