"""The schema's history. Test databases, new exchanges and old ones are all built by it, and by nothing else."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class NotMigrated(Exception):
    """The database is away, not to be written, or of a revision unknown here. The text is the driver's first line."""


def upgrade(url: str) -> None:
    """Bring the database at this URL, empty or older, to the newest revision. Leaves no connection open.

    Raises NotMigrated.
    """
    try:
        command.upgrade(config(url), "head")
    except (SQLAlchemyError, CommandError) as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error)
        raise NotMigrated(said.strip().partition("\n")[0]) from error


def config(url: str) -> Config:
    """Alembic's view of this folder, for a database."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["url"] = url
    return made
