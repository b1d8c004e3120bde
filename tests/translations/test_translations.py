"""Every text of the plug-in is in the template and translated, and what is shipped is compiled."""

from __future__ import annotations

import gettext
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
LOCALE = REPO / "plugin" / "pentimento" / "locale"
TOOL = REPO / "tools" / "translations.py"


def test_every_text_is_translated_and_compiled() -> None:
    check = subprocess.run([sys.executable, TOOL, "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize(
    ("text", "translation"),
    [("Image to Image", "以图生图"), ("_Generate", "生成(_G)")],
)
def test_shipped_file_is_what_gettext_reads(text: str, translation: str) -> None:
    shipped = gettext.translation("pentimento", str(LOCALE), languages=["zh_CN"])
    assert shipped.gettext(text) == translation


@pytest.mark.parametrize("language", ["zh_CN", "de", "fr", "es", "ja", "pt_BR"])
def test_messages_name_the_page_of_places_as_its_menu_does(language: str) -> None:
    """Or nobody finds what a message sends them to."""
    known = gettext.translation("pentimento", str(LOCALE), [language])
    page = known.gettext("Where to Run")
    told = {text: said for text, said in known._catalog.items() if isinstance(text, str)}
    naming = {text: said for text, said in told.items() if "Where to run" in text}
    assert len(naming) >= 5
    assert [text for text, said in naming.items() if page not in said] == []
