"""What happens to a message after it was sent: its source takes it back, or lets it be passed on."""

from datetime import timedelta

from exchange.client import Refused, Sent
from exchange.demo.play import Accepted, Broken, Play, by_rules
from exchange.demo.story import Afterwards, Passing, Recall
from exchange.refusal import Reason

_A_DAY = timedelta(days=1)


async def perform(play: Play, scene: Afterwards) -> None:
    """Raises Broken, and ExchangeError where the exchange said something that no scene foresees."""
    match scene:
        case Recall():
            await _recall(play, scene)
        case Passing():
            await _pass_on(play, scene)


async def _recall(play: Play, scene: Recall) -> None:
    misdirected = play.accepted[scene.about]
    item, source = misdirected.sent.item, str(misdirected.document["sender"])
    sent = await play.desks[source].control.recall(item, "ERROR", "DELETE", note="Another container was meant")
    await _keep(play, scene.name, source, sent)
    told = await play.oversight.told(sent.item)
    play.narrator.recalled(source, sent, scene.unopened)

    if not told == sent.released == scene.told:
        expected = f"{by_rules(scene.carried_by)} to tell {scene.told} of it, who have read it"
        raise Broken(f"{expected}; its source says {sent.released}, the trail {told}")
    play.takes(item, *scene.told, *scene.unopened)
    play.gives(sent.item, *scene.told)
    await play.ask_by_name(item, dict.fromkeys((*scene.told, *scene.unopened), ("recalled",)))
    await play.look(*play.bureaus)


async def _pass_on(play: Play, scene: Passing) -> None:
    held = play.accepted[scene.about]
    item, source, desk = held.sent.item, str(held.document["sender"]), play.desks[scene.by]
    await _refused_first(play, scene, item)

    asked = await desk.control.ask_permission(item, [scene.to], "The second half of the load is expected there")
    await _keep(play, f"{scene.name}: asked", scene.by, asked)
    play.gives(asked.item, source)
    await play.look(*play.bureaus)
    now = desk.clock.now()
    given = await play.desks[source].control.answer_permission(asked.item, True, until=now + _A_DAY)
    await _keep(play, f"{scene.name}: given", source, given)
    play.narrator.asked(scene.by, source, given)
    play.gives(given.item, scene.by)
    await play.look(*play.bureaus)

    sent = await desk.control.forward(item, [scene.to], permission=given.item)
    await _keep(play, scene.name, scene.by, sent)
    play.narrator.passed_on(scene.by, scene.to, source)
    if sent.released != (scene.to,):
        raise Broken(f"{by_rules(scene.carried_by)} to let it reach {scene.to}; it reached {sent.released}")
    play.gives(item, scene.to)
    play.tally.released += 1
    play.gives(sent.item, scene.to)
    await play.look(*play.bureaus)


async def _refused_first(play: Play, scene: Passing, item: str) -> None:
    try:
        await play.desks[scene.by].control.forward(item, [scene.to])
    except Refused as refused:
        if (refused.reason, refused.rules) != (Reason.ORIGINATOR_CONTROL.code, ("R17",)):
            raise
        play.narrator.refused(scene.by, refused)
        await play.turned_away(scene.by, refused)
        return
    raise Broken(f"R17 to keep {scene.by} from passing it on without permission; it was passed on")


async def _keep(play: Play, name: str, sender: str, sent: Sent) -> None:
    """With the bytes that were signed, so that its receipt can be held against them."""
    own = await play.desks[sender].message(sent.item)
    play.accepted[name] = Accepted(document=own.document, token=own.token, sent=sent)
    play.tally.released += len(sent.released)
