"""All pages: links lead somewhere, floors and codes are those of the code, no host is named that is somebody's."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import shipped
from exchange.label import Classification, Handling, Mode, Tier, Visibility
from exchange.participant import Use
from exchange.policy import PolicySet, parse_texts
from exchange.schema import SUFFIX, Schemas
from tests.docs.fences import PAGES, ROOT, blocks

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """As forges make them of headings: small letters, spaces to dashes, no other punctuation."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> Iterator[str]:
    for found in _LINK.finditer(_FENCED.sub("", page.read_text("utf-8"))):
        target, _, anchor = found["target"].partition("#")
        if target.startswith("https://"):
            continue
        aim = (page.parent / target).resolve() if target else page
        if not aim.exists() or (anchor and aim.suffix == ".md" and anchor not in anchors(aim)):
            yield found["target"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n\n[here](#here) [there](#there) [gone](gone.md)\n")

    assert list(broken(page)) == ["#there", "gone.md"]


def test_the_floors_of_the_page_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    (shown,) = [block for block in blocks(ROOT / "docs" / "architecture.md") if block.language == "floors"]

    assert shown.text.splitlines() == [re.sub("[()]", "", layer) for layer in layers]


def test_every_module_has_its_floor_on_the_page() -> None:
    modules = {path.stem for path in (ROOT / "src" / "exchange").iterdir() if path.suffix == ".py" or path.is_dir()}
    (shown,) = [block for block in blocks(ROOT / "docs" / "architecture.md") if block.language == "floors"]

    assert modules - {"__init__", "__main__", "__pycache__", "py"} == set(re.findall(r"\w+", shown.text))


@pytest.mark.parametrize("words", [Classification, Handling, Mode, Tier, Visibility], ids=lambda words: words.__name__)
def test_the_glossary_has_every_code_of_the_label(words: type[Tier]) -> None:
    told = (ROOT / "docs" / "glossary.md").read_text("utf-8")

    assert [code for code in words.__members__ if f"`{code}`" not in told] == []


@pytest.mark.parametrize("term", ["purpose", "person_status", "crime_area", "urgency", "classification", "tier"])
def test_the_glossary_has_every_code_of_the_schemas(term: str) -> None:
    codes = _enumerated(term)
    told = (ROOT / "docs" / "glossary.md").read_text("utf-8")

    assert len(codes) > 3
    assert [code for code in codes if f"`{code}`" not in told] == []


def test_the_glossary_has_every_rule_in_force() -> None:
    texts = {
        "schema": "".join(shipped.texts("policies", ".cedarschema").values()),
        "policies": shipped.texts("policies", ".cedar"),
        "cases": {},
    }
    told = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rules = PolicySet.load(parse_texts(texts)).listing()

    assert len(rules) > 15
    assert [rule.id for rule in rules if f"`{rule.id}`" not in told] == []


def test_the_glossary_tells_of_every_use_of_a_key() -> None:
    told = (ROOT / "docs" / "glossary.md").read_text("utf-8")

    assert [use.value for use in Use if f"{use.value} key" not in told] == []


def test_decisions_are_numbered_without_gaps_and_say_the_same_three_things() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]
    for page in DECISIONS:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page


def test_every_dependency_has_its_line_of_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    stated = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["server"]]
    stated += [line for group in project["dependency-groups"].values() for line in group if isinstance(line, str)]
    names = {re.split(r"[\[<>=;~! ]", line)[0] for line in stated}
    why = (ROOT / "docs" / "decisions" / "0011-dependencies.md").read_text("utf-8")

    assert {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", why)} == set()


def _enumerated(term: str) -> list[str]:
    terms = json.loads(shipped.texts("schemas", SUFFIX)["terms" + SUFFIX])
    codes: list[str] = terms["$defs"][term]["enum"]
    return codes


def test_the_schemas_named_on_the_pages_are_there() -> None:
    names = Schemas.compile(shipped.texts("schemas", SUFFIX)).names()
    named = {block.marks["schema"] for page in PAGES for block in blocks(page) if "schema" in block.marks}

    assert named <= set(names)


def test_the_pages_name_no_host_but_examples_and_specifications() -> None:
    """Whatever else a page may show: nobody's machine, no registry, no forge."""
    known = {"127.0.0.1", "c2sp.org", "semver.org", "exchange.example", "db.example"}
    hosts = {
        (host, page.name)
        for page in PAGES
        for host in re.findall(r"://(?:[\w.-]+@)?([\w.-]+)", page.read_text("utf-8"))
        if host not in known
    }

    assert hosts == set()
