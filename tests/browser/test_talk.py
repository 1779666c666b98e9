"""How the interviewer talks is chosen in the set-up, kept by the browser, and heard at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit


@pytest.mark.parametrize(
    ("lang", "width", "dark", "place", "greeting"),
    [
        ("zh", 390, True, 1, "就当这是某某 Labs的面试。"),
        ("en", 1280, False, 2, "Let's treat this as an interview at 某某 Labs."),
    ],
)
def test_manner_and_company_are_kept_and_heard(
    visit: Visit, lang: str, width: int, dark: bool, place: int, greeting: str
) -> None:
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    more = page.locator("#more button.label-wrap")
    more.click()
    page.locator("#persona label").nth(place).click()
    company = page.locator("#company textarea, #company input")
    company.fill("某某 <Labs>")
    company.blur()
    assert room.fits()
    room.picture(lang)
    page.wait_for_timeout(500)  # kept in the browser without a sign
    room.reload()
    more.click()
    expect(page.locator("#persona input").nth(place)).to_be_checked()
    expect(company).to_have_value("某某 Labs")  # a name, without marks that names don't have
    room.start(questions=1)
    expect(room.said_by("interviewer").first).to_contain_text(greeting)
