"""The question bank: browse and search without spoiling, add with a preview, edit without losing anybody's work, disputes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from interviewer.storage import open_store
from interviewer.storage.disputes import SqlDisputes
from tests.browser.conftest import FAILED, Server
from tests.browser.steps import Room, no_messages
from tests.browser.test_access import found

Visit = Callable[..., Room]
#: Milliseconds that a new server may need for its index before it answers the first search, on a machine that does much else.
INDEXING = 300_000
DOCUMENT = (
    "# 题目\n\n"
    '## 1. 什么是<img src=x onerror="window.owned=1">标签注入？\n\n答案：\n\n'
    "- **转义**：把尖括号换成实体，浏览器就不会当成标签。\n- **策略**：内容安全策略禁止加载外部资源。\n\n"
    "## 2. 什么是缓存？\n\n答案：\n\n"
    "- **命中**：数据在缓存里，直接返回。\n- **失效**：数据改变后旧的要作废。\n\n"
    "## 3. 这道题没有答案？\n"
)


@pytest.fixture(autouse=True)
def _begin_again(visit: Visit, server: Server, request: pytest.FixtureRequest) -> Iterator[None]:
    """The questions and disputes that a test which fails has left behind are gone before the next try."""
    yield
    if request.node.stash[FAILED]:
        server.renew()


def part(page: Page, name: str) -> None:
    """One of the bank's own tabs."""
    page.locator(f"#bank-tabs [role=tab][data-tab-id={name}]").click()


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"#{dropdown} input").click()
    page.get_by_role("option", name=option).click()


@pytest.mark.parametrize(("lang", "width", "dark"), [("zh", 1280, False), ("en", 390, True)], ids=["desk", "phone"])
def test_browsing_and_searching_spoil_nothing(visit: Visit, server: Server, lang: str, width: int, dark: bool) -> None:
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    rows = page.locator("#bank-list .bank-row")
    room.tab("bank")
    expect(rows).to_have_count(20)
    assert found(page) == []
    page.locator("#bank-list [data-action=page]").last.click()
    expect(page.locator("#bank-list [data-focus]")).to_be_focused()
    expect(page.locator("#bank-list [data-focus]")).to_contain_text("21")
    choose(page, "bank-level-filter", "深入" if lang == "zh" else "In depth")
    expect(rows.first).to_contain_text("深入" if lang == "zh" else "In depth")
    page.locator("#bank-query").get_by_role("textbox").fill(
        "KV cache 为什么占显存" if lang == "zh" else "memory of the KV cache"
    )
    page.keyboard.press("Enter")
    expect(rows.first).to_contain_text("KV", timeout=INDEXING)
    asked = rows.first.locator(".bank-open").inner_text()
    rows.first.locator(".bank-open").click()
    heading = page.locator("#bank-question h3")
    expect(heading).to_be_focused()
    expect(heading).to_have_text(asked)
    answer = page.locator("#bank-question .bank-points")
    expect(answer).not_to_be_visible()
    page.locator(".bank-reveal > summary").click()
    expect(answer).to_be_visible()
    assert found(page) == []
    assert room.fits()
    room.picture("question")
    expect(page.locator("#bank-question [data-action=delete]")).to_have_count(0)  # it was shipped
    page.locator("#bank-question [data-action=back]").click()
    expect(rows.first).to_contain_text("KV")  # still what was searched for
    room.picture("found")
    rows.first.locator(".bank-open").click()
    page.locator("#bank-question [data-action=practise]").click()
    expect(room.said_by("interviewer").nth(1)).to_contain_text(asked)


def test_a_document_is_looked_at_saved_asked_and_edited(visit: Visit, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "我的题目.md"
    path.write_text(DOCUMENT, encoding="utf-8")
    room = visit(lang="zh")
    page = room.page
    topics = page.locator("#topics label")
    expect(topics.first).to_be_visible()
    before = topics.count()
    page.locator("#add > button").click()
    page.locator("#go-add").click()
    page.locator("#files input[type=file]").set_input_files(path)
    preview = page.locator("#bank-found")
    expect(preview).to_contain_text("找到 3 道题，2 道有答案")
    expect(preview).to_contain_text("第 3 题没有答案")
    preview.locator("details summary", has_text="标签注入").click()
    expect(preview).to_contain_text("把尖括号换成实体")
    assert found(page) == []
    room.picture("preview")
    assert not list((server.data / "banks").glob("*.yaml"))
    page.locator("#bank-name").get_by_role("textbox").fill("我的/../题目")
    page.locator("#bank-keep").click()
    expect(page.locator("#bank-preview")).not_to_be_visible()
    assert [file.name for file in (server.data / "banks").glob("*.yaml")] == ["我的-题目.yaml"]
    expect(page.locator("#bank-status")).to_contain_text("检索索引已是最新", timeout=INDEXING)

    room.tab("interview")
    expect(topics).to_have_count(before + 1)
    topics.last.click()
    room.start(questions=1)
    room.press("skip")
    room.tab("bank")
    part(page, "documents")
    page.locator("#bank-documents [data-action=browse]").click()
    mine = page.locator("#bank-list .bank-row")
    expect(mine).to_have_count(2)
    mine.filter(has_text="标签注入").locator(".bank-open").click()
    page.locator("#bank-question [data-action=edit]").click()
    text, form = page.locator("#bank-text_zh"), page.locator("form.bank-edit")
    text.fill("")
    form.locator("[data-action=save]").first.click()
    problems = page.locator(".bank-problems")
    expect(problems).to_be_focused()
    expect(text).to_have_attribute("aria-invalid", "true")
    assert found(page) == []
    room.picture("problems")
    problems.locator("a").click()
    expect(text).to_be_focused()
    page.keyboard.type("什么是标签注入？</textarea><b>")
    form.locator("[data-action=add-point]").click()
    page.keyboard.type("服务器端也要转义")
    form.locator("[data-action=save]").last.click()
    expect(page.locator("#bank-question h3")).to_have_text("什么是标签注入？</textarea><b>")
    expect(page.locator("#bank-question .bank-points")).to_contain_text("服务器端也要转义")

    two = Room(page.context.new_page(), "second-window")
    two.page.goto(page.url)
    two.tab("bank")
    expect(two.page.locator("#bank-list .bank-row").first).to_be_visible()
    two.page.locator("#bank-query").get_by_role("textbox").fill("标签注入")
    two.page.keyboard.press("Enter")
    two.page.locator("#bank-list .bank-open", has_text="标签注入").first.click()
    two.page.locator("#bank-question [data-action=edit]").click()
    expect(two.page.locator("form.bank-edit")).to_be_visible()
    page.locator("#bank-question [data-action=delete]").click()
    expect(mine).to_have_count(1)
    two.page.locator("form.bank-edit [data-action=save]").first.click()
    two.warned("题库里已经没有这道题了")

    part(page, "documents")
    page.locator("#bank-documents [data-action=remove-bank]").click()
    expect(page.locator("#bank-documents [data-action=remove-bank]")).to_have_count(0)
    expect(page.locator("#bank-status")).to_contain_text("检索索引已是最新", timeout=INDEXING)
    assert page.evaluate("window.owned") is None
    assert not list((server.data / "banks").glob("*.yaml"))


def test_a_dispute_leads_to_its_point_and_is_settled(visit: Visit, server: Server) -> None:
    store = open_store(f"sqlite:///{server.data / 'interviews.db'}")
    disputes = SqlDisputes(store)
    room = visit(lang="en", width=390)
    page = room.page
    point = "start-from-source-weights"
    disputes.file("transfer-learning", point, "s", "<i>Not</i> only with few labels", "I said so", datetime.now(UTC))
    room.tab("bank")
    part(page, "disputes")
    queue = page.locator("#bank-disputes .bank-disputes > .bank-rows > li", has_text="<i>Not</i> only")
    expect(queue).to_be_visible()
    assert found(page) == []
    room.picture("queue")
    queue.locator("[data-action=edit]").click()
    target = page.locator(f"form.bank-edit [data-id={point}] textarea").first
    expect(target).to_be_focused()
    target.fill("")
    page.keyboard.type("迁移学习从源任务的权重出发")
    page.locator("form.bank-edit [data-action=save]").last.click()
    expect(page.locator("#bank-question .badge.own")).to_have_text("Changed by me")
    assert room.fits()
    room.picture("changed")
    page.locator("#bank-question [data-action=delete]").click()  # the shipped one is back
    part(page, "disputes")
    queue.locator("[data-action=accepted]").click()
    expect(queue).to_have_count(0)
    settled = page.locator("#bank-disputes .bank-settled")
    expect(settled.locator(".decision").first).not_to_be_visible()
    settled.locator("summary").first.click()
    expect(settled.locator(".decision").first).to_contain_text("Accepted")
    expect(settled.locator("li").first).to_contain_text("<i>Not</i> only")
    no_messages(page)
    assert found(page) == []
    assert room.fits()
    room.picture("settled")
    assert [dispute.status for dispute in disputes.of_session("s")] == ["accepted"]
    store.close()
