"""The story comes out; and with a rule that it shows taken out of the policies, it fails there and names the rule."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
POLICY = re.compile(r'^@id\("([^"]+)"\)(?:.*\n)+?.*;\n', re.MULTILINE)

# 1 + 1 + 5 + 2 + 2 + 2 deliveries, 4 of the recall, and of the forward a question, an answer, the item and the note;
# 1 + 1 + 4 withheld; six tricks, and a forward without permission. Every delivery that is not taken back is verified by
# its signature and by its proof; to these proofs come 10 receipts of what was accepted, 7 of refusals, and the trail.
COUNTS = {"released": 21, "withheld": 6, "refused": 7, "signatures_verified": 16, "proofs_verified": 16 + 10 + 7 + 1}


def show(folder: Path, policies: Path | None = None, *, as_json: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the demo with its temporary files below `folder`."""
    where = "None" if policies is None else f"pathlib.Path({str(policies)!r})"
    words = f"keep=False, policies={where}, as_json={as_json}"
    script = f"import pathlib, sys; from exchange.demo import run; sys.exit(run({words}))"
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def counted(output: str) -> Any:
    return json.loads(output.splitlines()[-1])


def policies_without(folder: Path, *rules: str) -> Path:
    """A copy of policies/ that lacks these rules, and all the cases."""
    shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("cases"))
    taken = []
    for file in folder.glob("*.cedar"):
        text = file.read_text()
        for found in list(POLICY.finditer(text)):
            if found[1] in rules:
                text = text.replace(found[0], "")
                taken.append(found[1])
        file.write_text(text)
    assert sorted(taken) == sorted(rules)
    return folder


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_story_comes_out_and_leaves_nothing_behind(tmp_path: Path) -> None:
    shown = show(tmp_path)

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert counted(shown.stdout) == COUNTS
    assert shown.stderr == ""
    assert list(tmp_path.iterdir()) == []
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize(
    ("removed", "step"),
    [
        (("R07",), "RESTRICTED withheld from one not cleared"),
        (("R07", "R07.hide"), "RESTRICTED withheld from one not cleared"),
        (("R09",), "drug seizure released to all but one country"),
        (("R46",), "the auditor sees the trail"),
        (("recalled",), "recall of the drug seizure"),
        (("R17",), "forward with the permission of its source"),
        (("R04",), "beyond what its bureau granted"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_without_a_rule_the_story_fails_at_its_step_and_names_it(
    tmp_path: Path, removed: tuple[str, ...], step: str
) -> None:
    policies = policies_without(tmp_path / "policies", *removed)
    (tmp_path / "run").mkdir()

    shown = show(tmp_path / "run", policies)

    assert shown.returncode == 1, shown.stdout + shown.stderr
    last_lines = " ".join(shown.stdout.splitlines()[-6:])
    assert f'step "{step}" did not come out: ' in last_lines
    assert re.search(rf"{re.escape(removed[0])}(?![.\w])", last_lines)
    assert counted(shown.stdout) != COUNTS
    assert shown.stderr == ""
    assert list((tmp_path / "run").iterdir()) == []


def test_as_json_the_counts_stand_alone_and_the_story_on_the_other_stream(tmp_path: Path) -> None:
    policies = policies_without(tmp_path / "policies", "R46")

    shown = show(tmp_path, policies, as_json=True)

    assert shown.returncode == 1
    assert set(json.loads(shown.stdout)) == COUNTS.keys()
    assert 'step "the auditor sees the trail" did not come out' in shown.stderr


def test_kept_it_serves_until_it_is_interrupted_and_each_way_to_look_around_works(tmp_path: Path) -> None:
    kept = subprocess.Popen(
        [sys.executable, "-c", "import sys; from exchange.demo import run; sys.exit(run(keep=True, policies=None))"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert kept.stdout is not None
    lines = list(iter(kept.stdout.readline, json.dumps(COUNTS) + "\n"))
    try:
        ways = [line.strip() for line in lines if f" --as {tmp_path}" in line]
        ended = [subprocess.run(way, shell=True, cwd=ROOT, capture_output=True, text=True, check=False) for way in ways]
    finally:
        kept.send_signal(signal.SIGINT)
        rest, _ = kept.communicate(timeout=60)

    assert len(ways) > 5
    assert {way: end.returncode for way, end in zip(ways, ended, strict=True)} == {
        way: 1 if "--classification RES" in way else 0 for way in ways
    }
    assert (
        next(end for way, end in zip(ways, ended, strict=True) if "--classification RES" in way).stderr.find("R07.post")
        > 0
    )
    assert kept.returncode == 0
    assert json.loads(rest.splitlines()[-1]) == COUNTS
    assert list(tmp_path.iterdir()) == []


def test_interrupted_in_the_middle_it_leaves_nothing_behind(tmp_path: Path) -> None:
    script = "import sys; from exchange.demo import run; sys.exit(run(keep=False, policies=None))"
    played = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert played.stdout is not None
    lines = iter(played.stdout.readline, "")
    assert any("answer in the same thread" in line for line in lines)

    played.send_signal(signal.SIGTERM)
    rest, said = played.communicate(timeout=60)

    assert played.returncode == 130
    assert counted(rest) != COUNTS
    assert said == ""
    assert list(tmp_path.iterdir()) == []


def test_killed_without_a_word_it_takes_its_exchange_with_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, time; from exchange.demo import stage\n"
        f"with stage.built(pathlib.Path({str(ROOT / 'policies')!r})) as built:\n"
        "    print(built.pin.url, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    holder = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    port = int(holder.stdout.readline().rpartition(":")[2])
    assert answers(port)

    holder.kill()
    holder.communicate(timeout=30)

    deadline = time.monotonic() + 30
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(port)
