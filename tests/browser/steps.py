"""What a person does on the page, and what they look for, in one place for all browser tests."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from interviewer.ui.words import words_for

expect.set_options(timeout=60_000)


class Room:
    """One browser tab."""

    #: Whether the test answers how sure one is by itself; else every question is passed over at once.
    confides = False

    def __init__(self, page: Page, test: str) -> None:
        self.page = page
        self._test = re.sub(r"[^\w-]+", "-", test)
        self.log = page.locator("#room .log")
        self.answer_box = page.locator("#answer textarea")
        self.feedback = page.locator("#feedback .question")

    # ---- doing

    def start(self, questions: int | None = None, real: bool = False, minutes: str | None = None) -> None:
        """Start an interview and wait for its first question."""
        if real:
            self.page.locator("#mode label").nth(1).click()
        if questions is not None:
            box = self.page.locator("#questions input[type=number]")
            box.fill(str(questions))
            box.blur()
        if minutes is not None:
            self.page.locator("#minutes input").click()
            self.page.get_by_role("option", name=minutes).click()
        self.page.locator("#start").click()
        expect(self.said_by("interviewer").nth(1)).to_be_visible()
        self.rest()

    def answer(self, text: str) -> None:
        """Send an answer and wait for the reply."""
        turns = self.turns()
        self.answer_box.fill(text)
        self.answer_box.press("Enter")
        self.replied(turns)

    def press(self, button: str) -> None:
        """Press one of the room's buttons and wait for the reply."""
        turns = self.turns()
        self.page.locator(f"#{button}").click()
        self.replied(turns)

    def finish(self, texts: list[str], at_most: int = 20) -> None:
        """Answer until the interview is over."""
        for turn in range(at_most):
            if self.log.get_attribute("data-finished") == "true":
                return expect(self.page.locator("#see-report")).to_be_visible()
            self.answer(texts[turn % len(texts)])
        raise AssertionError("the interview does not end")

    def tab(self, tab: int | str) -> None:
        """A tab by its name; 0 interview, 1 report, 2 history, 3 about. Those a phone has no room for are in a menu."""
        name = ("interview", "report", "history", "about")[tab] if isinstance(tab, int) else tab
        expect(self.page.get_by_role("tab").first).to_be_visible()
        shown = self.page.locator(f"#tabs [role=tab][data-tab-id={name}]")
        words = words_for("zh" if self.page.locator("html").get_attribute("lang") == "zh-CN" else "en")
        for patience in (3_000, 3_000, None):  # a page that is still being laid out moves a tab into the menu, or out of it
            try:
                if shown.is_visible():
                    shown.click(timeout=patience)
                else:
                    self.page.locator("#tabs > .tab-wrapper .overflow-menu > button").click(timeout=patience)
                    within = self.page.locator("#tabs > .tab-wrapper .overflow-dropdown button")
                    within.filter(has_text=words(f"tab_{name}")).click(timeout=patience)
                return
            except PlaywrightTimeout:
                if patience is None:
                    raise

    def reload(self) -> None:
        self.page.reload()

    # ---- looking

    def said_by(self, who: str) -> Locator:
        return self.log.locator(f".turn.{who}:not(.typing) .text")

    def turns(self) -> int:
        return int(self.log.get_attribute("data-turns") or 0)

    def replied(self, turns: int) -> None:
        """Both the candidate's turn and a reply have come since there were `turns`."""
        self.page.wait_for_function("n => Number(document.querySelector('#room .log')?.dataset.turns) >= n + 2", arg=turns)
        self.rest()
        if not self.confides:
            self.unveil()

    def unveil(self) -> None:
        """See the feedback at once, without saying how sure one is."""
        if self.log.get_attribute("data-waiting") == "true":
            typing = self.page.evaluate("document.activeElement === document.querySelector('#answer textarea')")
            self.page.locator("#feedback .sure .pass").click()
            expect(self.log).to_have_attribute("data-waiting", "false")
            if typing:  # the click was this helper's, not the person's
                self.page.evaluate("document.querySelector('#answer textarea').focus()")

    def rest(self) -> None:
        """The interviewer has finished speaking."""
        expect(self.log).to_have_attribute("aria-busy", "false")

    def warned(self, text: str) -> None:
        expect(self.page.locator(".toast-body").filter(has_text=text).first).to_be_visible()

    def fits(self) -> bool:
        """No sideways scrolling."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def picture(self, name: str) -> None:
        """A screenshot among the CI artefacts, when they are asked for."""
        folder = os.environ.get("INTERVIEWER_ARTIFACTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{self._test}-{name}.png", full_page=True)


def no_messages(page: Page) -> None:
    """Gradio's own messages are closed; they would go by themselves, in ten seconds."""
    page.evaluate("document.querySelectorAll('.toast-close').forEach((button) => button.click())")
    expect(page.locator(".toast-body")).to_have_count(0)
