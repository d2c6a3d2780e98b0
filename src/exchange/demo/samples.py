"""The messages of the story: the samples that ship with the schemas, stamped anew for this exchange and this moment."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from exchange import instant, shipped

_MOMENTS = frozenset({"created", "review_by", "expires", "answer_by", "until"})


def sample(name: str) -> dict[str, Any]:
    """name: `drug-seizure`, of schemas/examples/good."""
    file = shipped.folder("schemas") / "examples" / "good" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def stamp(written: Mapping[str, Any], *, origin: str, now: datetime, answers: str = "") -> dict[str, Any]:
    """The sample as if it were written now. answers: the item that it answers, and whose thread it continues."""
    later = now - instant.parse(written["sent_at"])
    stamped = dict(written) | {
        "id": str(ULID.from_datetime(now)),
        "aud": origin,
        "sent_at": instant.write(now),
        "label": _moved(written["label"], later),
        "body": _moved(written["body"], later),
    }
    return stamped | ({"thread": answers, "in_reply_to": answers} if answers else {})


def _moved(members: Mapping[str, Any], later: timedelta) -> dict[str, Any]:
    return {n: instant.write(instant.parse(v) + later) if n in _MOMENTS else v for n, v in members.items()}
