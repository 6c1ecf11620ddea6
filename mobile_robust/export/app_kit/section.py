"""The code for apps in the report of a build."""

from __future__ import annotations

from mobile_robust.contracts.manifest import Manifest
from mobile_robust.export.app_kit.kit import app_code, resizing
from mobile_robust.reporting.html import Html, el
from mobile_robust.reporting.page import section


def code_section(manifest: Manifest) -> Html:
    """Kotlin and Swift that use the files; closed at first."""
    code = app_code(manifest)
    if not code:
        return Html("")
    files = [el("details", el("summary", el("code", name)), el("pre", text)) for name, text in code.items()]
    note = el("p", resizing(manifest), " The code does it. As files: ", el("code", "convert --app-kit"), class_="note")
    return section("In your app", *files, note)
