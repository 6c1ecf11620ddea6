"""README and docs/: links lead somewhere, and commands have the options that are given to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mobile_robust
from mobile_robust import cli

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "mobile_robust/weights").glob("*.md")),
]


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> dict[str, set[str]]:
    """Command -> all options that the pages give to it."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", "")
        for words in re.findall(r"(?:python -m mobile_robust\.|mobile-robust )([^#`\n]*)", text):
            name, *rest = words.split() or [""]
            if name not in cli.commands():
                continue
            name = f"{name} {rest[0]}" if name in ("bench", "train") and rest else name
            found.setdefault(name, set()).update(word for word in rest if re.fullmatch(r"--[a-z-]+", word))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_the_python_page_has_the_whole_api_and_the_changelog_this_version() -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    named = {name.partition(".")[0] for name in re.findall(r"^\| `([\w.]+)\(", page, re.MULTILINE)}
    assert named == set(mobile_robust.__all__) - {"__version__"}
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == mobile_robust.__version__


@pytest.mark.parametrize("command", sorted(commands()))
def test_commands_have_the_options_that_are_shown(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = command.split()
    with pytest.raises(SystemExit):
        cli.run_command(name, [*rest, "--help"])
    assert commands()[command] <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
