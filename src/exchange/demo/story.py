"""The story: what is sent, whom it must reach and whom it must not, and what must be turned away. Read top to bottom.

Everything in it is expectation. Nothing here knows a network: `play` does what a scene says and compares, and whatever
comes out otherwise names the scene and the rule that carries it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exchange.demo.tricks import Trick, altered, forged, mislabelled, over_classified, replayed, ungranted
from exchange.refusal import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A message that is accepted.

    sample: of schemas/examples/good; its sender and its recipients are those of the scene. released: exactly those who
    get it. withheld: exactly those who do not, though they were addressed, each with rules that must have decided so.
    answers: name of the scene whose message it answers, in its thread. previewed: its sender asks before it sends, and
    is told what then happens. unopened: those of the released who do not look into their inbox yet. carried_by: the
    rules without which the scene cannot come out.
    """

    name: str
    tells: str
    sample: str
    released: tuple[str, ...]
    carried_by: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    answers: str = ""
    previewed: bool = False
    unopened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """A source takes back the message of another scene. told: exactly those who have read it, and no one else is told
    anything. unopened: those who had it and had not looked.
    """

    name: str
    tells: str
    about: str
    told: tuple[str, ...]
    unopened: tuple[str, ...]
    carried_by: tuple[str, ...] = ("owner", "recalled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """`by` would pass the message of another scene on `to` somebody; may not; asks its source, and then may."""

    name: str
    tells: str
    about: str
    by: str
    to: str
    carried_by: tuple[str, ...] = ("R17", "holder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that is refused, with this reason and these rules, and reaches nobody.

    about: name of the scene whose message is misused.
    """

    name: str
    tells: str
    trick: Trick
    about: str
    reason: Reason
    rules: tuple[str, ...] = ()

    @property
    def carried_by(self) -> tuple[str, ...]:
        return self.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A sender that posts its bytes once more, and gets its first receipt. about: name of the scene."""

    name: str
    tells: str
    about: str
    carried_by: tuple[str, ...] = ("R50",)


Afterwards = Recall | Passing
Scene = Sending | Afterwards | Attempt | Retry

STORY: tuple[Scene, ...] = (
    Sending(
        name="urgent request",
        tells="Rome holds the driver of a stopped lorry until the evening, and asks Paris who he is.",
        sample="urgent-request",
        released=("ncb-fra",),
        carried_by=("may-submit", "addressee"),
    ),
    Sending(
        name="answer in the same thread",
        tells="Paris answers within the hours it has: the lorry was stolen.",
        sample="request-answer",
        answers="urgent request",
        released=("ncb-ita",),
        carried_by=("may-submit", "addressee"),
    ),
    Sending(
        name="drug seizure released to all but one country",
        tells="Wiesbaden tells everybody of a seizure at Hamburg. Brazil is asked another way: the label excludes it. "
        "Customs at Hamburg read it too, as Wiesbaden lets them; at the agency for wildlife nobody has looked yet.",
        sample="drug-seizure",
        released=("agy-drugs", "agy-wildlife", "ent-deu-customs", "ncb-fra", "ncb-ita"),
        withheld={"ncb-bra": ("R09",)},
        unopened=("agy-wildlife",),
        carried_by=("R09",),
    ),
    Recall(
        name="recall of the drug seizure",
        tells="A container was mistaken for another, and Wiesbaden takes its report back. Who has read it is told, and "
        "reads it no more; at the agency for wildlife, where nobody had looked, it never was.",
        about="drug seizure released to all but one country",
        told=("agy-drugs", "ent-deu-customs", "ncb-fra", "ncb-ita"),
        unopened=("agy-wildlife",),
    ),
    Passing(
        name="forward with the permission of its source",
        tells="Rome would pass the answer of Paris on to Wiesbaden. Paris has kept that to itself (H2), is asked, and "
        "says yes.",
        about="answer in the same thread",
        by="ncb-ita",
        to="ncb-deu",
    ),
    Sending(
        name="RESTRICTED withheld from one not cleared",
        tells="Paris describes a network to all bureaus, RESTRICTED. Wiesbaden is cleared for official use only.",
        sample="restricted-network",
        released=("ncb-bra", "ncb-ita"),
        withheld={"ncb-deu": ("R07", "R07.hide")},
        carried_by=("R07", "R07.hide"),
    ),
    Sending(
        name="wildlife report reaches an agency",
        tells="Brasilia reports a courier with live frogs to the agency for wildlife, and to Wiesbaden.",
        sample="wildlife-report",
        released=("agy-wildlife", "ncb-deu"),
        carried_by=("may-submit", "addressee"),
    ),
    Sending(
        name="preview before sending",
        tells="Paris writes to everybody, but for its neighbours only, and asks who would get it before it sends.",
        sample="only-neighbours",
        previewed=True,
        released=("ncb-deu", "ncb-ita"),
        withheld={
            "agy-drugs": ("R10",),
            "agy-wildlife": ("R10",),
            "ent-deu-customs": ("R10",),
            "ncb-bra": ("R09",),
        },
        carried_by=("R09", "R10"),
    ),
    Attempt(
        name="forged",
        tells="Somebody at Rome's desk, without its message key, signs in its name with the key of Paris.",
        trick=forged,
        about="urgent request",
        reason=Reason.BAD_SIGNATURE,
        rules=("R01",),
    ),
    Attempt(
        name="altered",
        tells="A message of Rome arrives with one byte changed after it was signed.",
        trick=altered,
        about="urgent request",
        reason=Reason.BAD_SIGNATURE,
        rules=("R01",),
    ),
    Attempt(
        name="replayed",
        tells="Paris posts the very bytes that it got from Rome, as if they were its own to post.",
        trick=replayed,
        about="urgent request",
        reason=Reason.UNKNOWN_KEY,
    ),
    Attempt(
        name="mislabelled",
        tells="The agency for drugs signs a report itself, and labels it as originating from Wiesbaden.",
        trick=mislabelled,
        about="drug seizure released to all but one country",
        reason=Reason.NOT_THE_SENDER,
    ),
    Attempt(
        name="over-classified",
        tells="Wiesbaden, cleared for official use only, labels a message RESTRICTED.",
        trick=over_classified,
        about="RESTRICTED withheld from one not cleared",
        reason=Reason.NOT_CLEARED,
        rules=("R07.post",),
    ),
    Attempt(
        name="beyond what its bureau granted",
        tells="Customs at Hamburg post a report of their own. Wiesbaden lets them read, and give feedback.",
        trick=ungranted,
        about="drug seizure released to all but one country",
        reason=Reason.SCOPE,
        rules=("R04",),
    ),
    Retry(
        name="plain retry",
        tells="Rome never saw the answer to its first post, and posts the same bytes again.",
        about="urgent request",
    ),
)
