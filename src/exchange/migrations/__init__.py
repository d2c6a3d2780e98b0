"""The schema's history. Test databases, new exchanges and old ones are all built by it, and by nothing else."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(url: str) -> None:
    """Bring the database at this URL, empty or older, to the newest revision. Leaves no connection open."""
    command.upgrade(config(url), "head")


def config(url: str) -> Config:
    """Alembic's view of this folder, for a database."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["url"] = url
    return made
