"""The page does what a maker wants of it: a browser paints, watches, finds again, and does it all by keyboard."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import AXE, PATIENCE, QUICK, WEB, Studio, chromium, lacking, served, violations, visiting, waiting
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from danqing.server.schema import document

needs_browser = pytest.mark.skipif(lacking() is not None, reason=lacking() or "")
PAGES = ("/", "/gallery", "/queue", "/painters", "/settings")
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with served(tmp_path_factory.mktemp("page") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Studio]:
    """A studio of two users: ada, who is its admin, and bob."""
    with served(tmp_path_factory.mktemp("page") / "home of users") as found:
        found.post("/api/users", {"name": "ada", "password": PASSWORD, "role": "admin"})
        with logged_in(browser, found, "ada") as context:
            bob = {"name": "bob", "password": PASSWORD, "role": "maker"}
            assert context.request.post(f"{found.address}/api/users", data=bob).ok
        yield found


@contextlib.contextmanager
def logged_in(browser: Browser, studio: Studio, name: str | None) -> Iterator[BrowserContext]:
    """A browser of its own, in which somebody has logged in, or nobody yet."""
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        if name is not None:
            assert context.request.post(f"{studio.address}/api/login", data={"name": name, "password": PASSWORD}).ok
        yield context
    finally:
        context.close()


def log_in(page: Page, name: str) -> None:
    page.get_by_role("heading", name="Log in").wait_for()
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def kept(page: Page, name: str = "form") -> Any:
    """What the browser keeps of a store, once it has come to rest."""
    page.wait_for_timeout(300)
    return json.loads(page.evaluate(f"localStorage.getItem('danqing.{name}')"))


def results(page: Page) -> Any:
    return page.locator("section[aria-labelledby=newest] article")


@needs_browser
def test_the_first_visit_paints_within_one_click(browser: Browser, studio: Studio) -> None:
    with visiting(browser, studio) as page:
        page.goto(studio.address)
        expect(page.get_by_text("Nothing painted yet")).to_be_visible()
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(results(page)).to_have_count(4)
        expect(page.get_by_role("heading", name="Under way")).to_have_count(0)


@needs_browser
def test_what_is_read_in_place_of_unknown_words_is_told(browser: Browser, studio: Studio) -> None:
    with visiting(browser, studio, {**QUICK, "words": "puppy"}, sections=["technique"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.get_by_text("is read as 'dog'")).to_be_visible()
        page.get_by_label("Read words as written").check()
        before = studio.total
        page.get_by_role("button", name="Paint", exact=True).click()
        waiting(lambda: studio.total == before + 1)
        newest = studio.get("/api/paintings?most=2")["paintings"]
        assert [painting["wish"]["read_as"] for painting in newest] == ["puppy", "dog"]


@needs_browser
def test_a_palette_and_a_mask_are_heeded(browser: Browser, studio: Studio) -> None:
    with visiting(browser, studio, QUICK, sections=["palette", "start"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        page.get_by_role("button", name="Add a colour").click()
        page.get_by_label("Colour 1", exact=True).fill("#2040c0")
        page.get_by_role("button", name="More actions").first.click()
        page.get_by_role("menuitem", name="Use as start picture").click()
        canvas = page.get_by_role("application")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 40, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 60, steps=4)
        page.mouse.up()
        expect(page.get_by_text("Mask in words: 1 stroke")).to_be_visible()
        page.get_by_role("button", name="Undo", exact=True).click()
        expect(page.get_by_text("Mask in words: 0 strokes")).to_be_visible()
        page.get_by_role("button", name="Redo", exact=True).click()
        # The same in fields, and all of it survives a reload.
        page.get_by_text("Mask in words").click()
        page.get_by_role("button", name="Add this rectangle").click()
        expect(page.get_by_text("Mask in words: 2 strokes")).to_be_visible()
        page.wait_for_timeout(300)
        page.reload()
        expect(page.get_by_text("Mask in words: 2 strokes")).to_be_visible()
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.get_by_text(re.compile("Palette missed by"))).to_have_count(1)
    newest = studio.get("/api/paintings?most=1")["paintings"][0]
    assert newest["wish"]["conditions"]["palette"] == "#2040c0:1"
    assert newest["wish"]["init"]
    assert newest["wish"]["mask"]


@needs_browser
def test_a_reload_while_painting_loses_nothing_and_paints_once(browser: Browser, studio: Studio) -> None:
    before = studio.total
    with visiting(browser, studio, {**QUICK, "words": "a slow snail", "steps": 300}) as page:
        page.goto(studio.address)
        page.get_by_role("button", name="Paint", exact=True).click()
        job = page.get_by_role("article", name="a slow snail: 1 painting")
        expect(job.get_by_role("img")).to_be_visible()  # a preview
        page.reload()
        expect(job).to_be_visible()
        expect(results(page).get_by_text("a slow snail")).to_be_visible()
        expect(job).to_have_count(0)
    assert studio.total == before + 1


@needs_browser
def test_it_is_found_again_in_the_gallery_and_taken_back_from_the_trash(browser: Browser, studio: Studio) -> None:
    studio.painted(3)
    with visiting(browser, studio) as page:
        page.goto(studio.address + "/gallery")
        page.get_by_role("searchbox").fill("leaf")
        expect(page.get_by_text("3 paintings", exact=True)).to_be_visible()
        tiles = page.get_by_role("list", name="Paintings").get_by_role("button", name=re.compile("green leaf"))
        expect(tiles).to_have_count(3)
        tiles.nth(0).click(modifiers=["Control"])
        tiles.nth(1).click(modifiers=["Shift"])
        bar = page.get_by_role("toolbar", name="2 selected")
        bar.get_by_role("button", name="Compare two").click()
        dialog = page.get_by_role("dialog", name="Compare two")
        expect(dialog.get_by_role("row", name=re.compile("Seed"))).to_be_visible()
        dialog.get_by_role("button", name="Close").click()
        bar.get_by_role("button", name="Star").click()
        expect(page.get_by_role("list", name="Paintings").get_by_label("1 star")).to_have_count(2)
        bar.get_by_role("button", name="To the trash").click()
        expect(page.get_by_text("1 painting", exact=True)).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("3 paintings", exact=True)).to_be_visible()
        tiles.nth(2).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Tags").fill("kept")
        dialog.get_by_label("Tags").press("Enter")
        dialog.get_by_label("Kind of file").select_option("svg")
        with page.expect_download() as saved:
            dialog.get_by_role("button", name="Download").click()
        assert saved.value.suggested_filename.endswith(".svg")
    assert studio.get("/api/tags") == {"kept": 1}


@needs_browser
def test_two_settings_make_a_table(browser: Browser, studio: Studio) -> None:
    grid = {
        "grid": True,
        "across": {"setting": "guidance", "values": "1\n3"},
        "down": {"setting": "style", "values": "noto\ntwemoji"},
    }
    with visiting(browser, studio, {**QUICK, **grid}) as page:
        page.goto(studio.address)
        page.get_by_role("button", name="Paint the grid").click()
        table = page.get_by_role("table")
        expect(table.get_by_role("columnheader")).to_have_text(["1", "3"])
        expect(table.get_by_role("rowheader")).to_have_text(["noto", "twemoji"])
        expect(table.get_by_role("img")).to_have_count(4)
    cells = studio.get("/api/paintings?most=4")["paintings"]
    assert len({cell["seed"] for cell in cells}) == 1
    assert {(cell["wish"]["guidance"], cell["wish"]["conditions"]["style"]) for cell in cells} == {
        (guidance, style) for guidance in (1, 3) for style in ("noto", "twemoji")
    }


@needs_browser
def test_waiting_jobs_are_put_in_another_order(browser: Browser, studio: Studio) -> None:
    ids = {words: studio.post("/api/jobs", {"words": words, **QUICK, "steps": 900})["id"] for words in ("one", "two", "three")}
    for job in ids.values():
        studio.post(f"/api/jobs/{job}/pause", {})

    def line() -> list[str]:
        waiting_jobs = studio.get("/api/jobs?unfinished=true")["jobs"]
        return [job["wish"]["words"] for job in waiting_jobs]

    with visiting(browser, studio) as page:
        page.goto(studio.address + "/queue")
        page.get_by_role("button", name="Move up: three").click()
        expect(page.get_by_role("article").nth(1)).to_contain_text("three")
        page.get_by_role("button", name="Move down: one").click()
        expect(page.get_by_role("article").nth(0)).to_contain_text("three")
        page.get_by_role("button", name="Change the priority: two").click()
        page.get_by_role("menuitem", name="priority 10", exact=True).click()
        expect(page.get_by_role("article").nth(0)).to_contain_text("two")
        assert line() == ["two", "three", "one"]
        for words in ids:
            cancel = page.get_by_role("button", name=f"Cancel: {words}")
            cancel.click()
            expect(cancel).to_have_count(0)  # its card goes away, and those below move up under the pointer
        expect(page.get_by_text("Nothing waits.")).to_be_visible()


@needs_browser
def test_a_palette_is_read_from_a_picture(browser: Browser, studio: Studio, tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32), "#1e1ec8")
    image.paste("#c81e1e", (0, 0, 32, 24))
    image.save(tmp_path / "two.png")
    with visiting(browser, studio, QUICK, sections=["palette"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        page.locator("input[type=file]").first.set_input_files(tmp_path / "two.png")
        expect(page.get_by_label("Colour 1", exact=True)).to_have_value("#c81e1e")
        expect(page.get_by_label("Colour 2", exact=True)).to_have_value("#1e1ec8")


@needs_browser
def test_numbers_are_ordered_as_they_are_typed(browser: Browser, studio: Studio) -> None:
    form = {**QUICK, "count": 4, "words": "a number"}
    with visiting(browser, studio, form, sections=["technique"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        count, priority, keys = page.get_by_label("How many"), page.get_by_label("Priority", exact=True), page.keyboard
        # On the way to a number a field may hold none.
        count.press("End")
        keys.press("Backspace")
        expect(count).to_have_value("")
        assert kept(page)["count"] == 4
        keys.press("8")
        expect(count).to_have_value("8")
        count.fill("")
        keys.press("Tab")
        expect(count).to_have_value("8")
        # Limits are for what has been typed, not for what is being typed.
        count.fill("100")
        expect(count).to_have_value("100")
        keys.press("Tab")
        expect(count).to_have_value("64")
        count.fill("2")
        width = page.get_by_label("Width")
        width.press("End")
        for key in ("Backspace", "Backspace", "6", "4"):
            keys.press(key)
        expect(width).to_have_value("64")
        guidance = page.get_by_label("Guidance")
        guidance.press_sequentially("2.05")
        expect(guidance).to_have_value("2.05")
        steps = page.get_by_label("Steps", exact=True)
        steps.fill("")
        assert kept(page)["steps"] is None
        steps.fill("0")
        keys.press("Tab")
        expect(steps).to_have_value("1")
        priority.press("Control+a")
        keys.press("-")
        assert kept(page)["priority"] == 0
        keys.press("5")
        expect(priority).to_have_value("-5")
        assert kept(page)["priority"] == -5
        priority.fill("-500")
        keys.press("Enter")  # orders what is in the field, without leaving it
        expect(priority).to_have_value("-100")
        waiting(lambda: any(job["wish"].get("words") == "a number" for job in studio.get("/api/jobs")["jobs"]))
    job = next(job for job in studio.get("/api/jobs")["jobs"] if job["wish"].get("words") == "a number")
    waiting(lambda: studio.get(f"/api/jobs/{job['id']}")["state"] == "done")
    assert (job["count"], job["priority"]) == (2, -100)
    assert (job["wish"]["size"], job["wish"]["steps"], job["wish"]["guidance"]) == ([64, 32], 1, 2.05)


@needs_browser
def test_tags_are_all_kept_however_fast_they_are_typed(browser: Browser, studio: Studio) -> None:
    studio.painted(1)
    newest = studio.get("/api/paintings?most=1")["paintings"][0]["id"]
    with visiting(browser, studio) as page:
        # A studio that takes its time to keep a change.
        page.add_init_script("""
            const real = window.fetch;
            window.fetch = async (asked, ...others) => {
                if (asked.method === "PATCH") await new Promise((resolve) => setTimeout(resolve, 500));
                return real(asked, ...others);
            };
        """)
        page.goto(studio.address + "/gallery")
        page.locator("[data-at='0']").click()
        tags = page.get_by_role("dialog").get_by_label("Tags")
        tags.click()
        page.keyboard.type("sea\nblue\nwide\n")
        pills = page.get_by_role("dialog").locator(".mantine-TagsInput-pill")
        expect(pills).to_have_text(["sea", "blue", "wide"])
        waiting(lambda: len(studio.get(f"/api/paintings/{newest}")["tags"]) == 3)
        page.wait_for_load_state("networkidle")
        expect(pills).to_have_text(["blue", "sea", "wide"])  # as the studio tells them
        page.keyboard.press("Backspace")
        expect(pills).to_have_text(["blue", "sea"])
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        # Several at once: what is on the wall may be from before the last change.
        page.locator("[data-at='0']").click(modifiers=["Control"])
        for tag in ("one", "two"):
            page.get_by_role("toolbar").get_by_role("button", name="Tags").click()
            page.get_by_role("dialog", name="Add tags").get_by_label("Tags").fill(tag)
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")  # what it offers lies over the button
            page.get_by_role("button", name="Save").click()
        waiting(lambda: studio.get(f"/api/paintings/{newest}")["tags"] == ["blue", "one", "sea", "two"])


@needs_browser
def test_show_all_empties_the_search(browser: Browser, studio: Studio) -> None:
    studio.painted(1)
    with visiting(browser, studio) as page:
        page.goto(studio.address + "/gallery")
        page.get_by_role("searchbox").fill("zzzz")
        colour = page.get_by_label("Colour", exact=True)
        colour.fill("#ff00ff")
        colour.press("Tab")
        page.get_by_role("button", name="Show all").click()
        expect(page.locator("[data-at='0']")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_have_value("")
        expect(colour).to_have_value("")


@needs_browser
def test_a_wish_with_a_mask_comes_back_into_the_form(browser: Browser, studio: Studio, tmp_path: Path) -> None:
    Image.new("RGB", (600, 300), "#1e1ec8").save(tmp_path / "wide.png")
    before = studio.total
    with visiting(browser, studio, {**QUICK, "words": "a wide sea"}, sections=["start"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        page.locator("input[type=file]").set_input_files(tmp_path / "wide.png")
        page.get_by_text("Mask in words").click()
        page.get_by_role("button", name="Add this rectangle").click()
        page.get_by_role("button", name="Paint", exact=True).click()
        waiting(lambda: studio.total == before + 1)
        painting = studio.get("/api/paintings?most=1")["paintings"][0]
        assert (painting["width"], painting["height"], painting["wish"]["strength"]) == (32, 32, 1.0)
        page.get_by_role("button", name="Empty the form").click()
        results(page).filter(has_text="a wide sea").get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="All of its wish in the form").click()
        # The mask has the start picture's pixels, not the painting's, and what is missing is told.
        expect(page.get_by_text("All but its mask is in the form")).to_be_visible()
        expect(page.get_by_role("application")).to_have_accessible_name(re.compile("Canvas of 600 by 300 pixels"))
        expect(page.get_by_text("Mask in words: 0 strokes")).to_be_visible()
        form = kept(page)
    assert form["start"] == {"id": painting["wish"]["init"], "name": "", "width": 600, "height": 300}
    assert form["strength"] is None


@needs_browser
def test_everything_of_a_painting_by_keyboard(browser: Browser, studio: Studio) -> None:
    with visiting(browser, studio, {**QUICK, "words": ""}, sections=["start"]) as page:  # type: ignore[arg-type]
        page.goto(studio.address)
        expect(page.get_by_role("button", name="Paint", exact=True)).to_be_enabled()
        keys = page.keyboard
        keys.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        keys.press("Enter")
        keys.press("Tab")
        expect(page.get_by_role("textbox", name="What shall be painted?")).to_be_focused()
        keys.type("a blue fish")
        keys.press("Control+Enter")
        expect(results(page).get_by_text("a blue fish")).to_be_visible()
        keys.press("Control+Home")
        page.evaluate("document.activeElement.blur()")
        keys.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        keys.press("Escape")
        keys.press("Alt+2")
        expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
        newest = page.get_by_role("button", name=re.compile("Open a blue fish")).first
        newest.wait_for()
        keys.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        for _ in range(20):
            keys.press("Tab")
            if "blue fish" in (page.evaluate("document.activeElement.ariaLabel") or ""):
                break
        expect(newest).to_be_focused()
        keys.press("x")
        expect(page.get_by_role("toolbar", name="1 selected")).to_be_visible()
        keys.press("Escape")
        keys.press("s")
        waiting(lambda: studio.get("/api/paintings?most=1")["paintings"][0]["stars"] == 1)
        keys.press("ArrowRight")
        expect(newest).not_to_be_focused()
        keys.press("ArrowLeft")
        keys.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        newest.focus()
        keys.press("Delete")
        expect(page.get_by_text("1 painting is in the trash")).to_be_visible()
        page.get_by_role("button", name="Undo").focus()
        keys.press("Enter")
        waiting(lambda: studio.get("/api/paintings?trashed=true")["total"] == 0)
        # The mask is drawn with arrows and space.
        keys.press("Alt+1")
        page.get_by_role("button", name="More actions").first.focus()
        keys.press("Enter")
        page.get_by_role("menuitem", name="Use as start picture").focus()
        keys.press("Enter")
        page.get_by_role("application").focus()
        keys.press("Space")
        keys.press("ArrowRight")
        keys.press("Space")
        expect(page.get_by_text("Mask in words: 1 stroke")).to_be_visible()
        keys.press("Control+z")
        expect(page.get_by_text("Mask in words: 0 strokes")).to_be_visible()


@needs_browser
def test_chinese_and_dark_are_kept(browser: Browser, studio: Studio) -> None:
    with visiting(browser, studio) as page:
        page.goto(studio.address + "/settings")
        page.get_by_role("button", name="中文").click()
        expect(page.get_by_role("heading", name="设置")).to_be_visible()
        page.get_by_role("button", name="深色").click()
        page.wait_for_timeout(300)
        page.reload()
        expect(page.get_by_role("heading", name="设置")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "zh-Hans"
        assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
    with visiting(browser, studio, locale="zh-CN") as page:
        page.goto(studio.address)
        expect(page.get_by_role("textbox", name="想画什么？")).to_have_value("红苹果")


@needs_browser
@pytest.mark.skipif(not AXE.is_file(), reason="axe is not installed: 'make web' installs it")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_everybody_can_use_every_page(browser: Browser, studio: Studio, language: str, scheme: str) -> None:
    found: dict[str, list[str]] = {}
    with visiting(browser, studio, None, language=language, scheme=scheme) as page:
        for path in PAGES:
            page.goto(studio.address + path)
            page.get_by_role("heading", level=1).wait_for()
            page.wait_for_load_state("networkidle")
            if path == "/":
                for section in page.locator(".mantine-Accordion-control").all():
                    section.click()
            found[path] = violations(page)
            if path == "/gallery":
                page.locator("[data-at='0']").click()
                page.get_by_role("dialog").wait_for()
                found["detail"] = violations(page)
        page.set_viewport_size({"width": 375, "height": 812})
        for path in PAGES:
            page.goto(studio.address + path)
            page.get_by_role("heading", level=1).wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= 375, f"{path} is wider than a phone"
    assert not any(found.values()), {path: each for path, each in found.items() if each}


@needs_browser
def test_whoever_logs_in_sees_what_they_may_use(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home of users") as studio:
        context = browser.new_context(locale="en-GB")
        try:
            page = context.new_page()
            page.goto(studio.address + "/settings")
            page.get_by_label("Name").fill("ada")
            page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Add the first user").click()
            page.get_by_role("heading", name="Log in").wait_for()
            page.get_by_label("Name").fill("ada")
            page.get_by_role("textbox", name="Password", exact=True).fill("wrong")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_contain_text("name and password do not fit")
            if AXE.is_file():
                assert not violations(page)
            page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_text("You are ada, admin.")).to_be_visible()
            page.get_by_label("What is the key for?").fill("a script")
            page.get_by_role("button", name="Make a key").click()
            expect(page.get_by_text("Copy this key now")).to_be_visible()
            page.get_by_label("Name").fill("vera")
            page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
            page.get_by_label("Role", exact=True).select_option("viewer")
            page.get_by_role("button", name="Add a user").click()
            expect(page.get_by_label("Role of vera")).to_have_value("viewer")
            page.get_by_role("button", name="Log out").click()
            # Until the answer comes, the form of new users stands here, and its fields have the same names.
            page.get_by_role("heading", name="Log in").wait_for()
            page.get_by_label("Name").fill("vera")
            page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_text("You are vera, viewer.")).to_be_visible()
            expect(page.get_by_role("heading", name="Users")).to_have_count(0)
            page.goto(studio.address)
            expect(page.get_by_text("You may look at paintings here, but not order any.")).to_be_visible()
            expect(page.get_by_role("button", name="Paint", exact=True)).to_have_count(0)
        finally:
            context.close()


@needs_browser
def test_nobody_sees_what_the_last_one_typed(browser: Browser, house: Studio) -> None:
    secret = "a secret surprise party"
    axis = {"setting": "seed", "values": ["1"]}
    grid = {"id": "1", "words": secret, "across": axis, "down": axis, "cells": [[None]]}
    with logged_in(browser, house, None) as context:
        page = context.new_page()
        page.goto(house.address)
        words = page.get_by_label("What shall be painted?")
        log_in(page, "ada")
        words.wait_for()
        page.wait_for_timeout(300)
        page.evaluate(f"localStorage.setItem('danqing.grids', {json.dumps(json.dumps([grid]))})")
        page.reload()
        words.fill(secret)
        expect(page.get_by_role("heading", name="Grids")).to_be_visible()
        page.get_by_role("link", name="Gallery").click()
        page.get_by_role("searchbox").fill(secret)
        expect(page.get_by_text("No painting fits")).to_be_visible()
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        page.wait_for_timeout(300)
        assert secret not in page.evaluate("JSON.stringify(localStorage)")
        log_in(page, "bob")
        page.get_by_role("link", name="Gallery").click()
        expect(page.get_by_role("searchbox")).to_have_value("")
        page.get_by_role("link", name="Paint", exact=True).click()
        expect(words).to_have_value("a red apple")
        expect(page.get_by_role("heading", name="Grids")).to_have_count(0)
        # Logins end. Whoever comes back then finds what they typed; anybody else does not.
        words.fill("a plan of mine")
        for name, found in (("bob", "a plan of mine"), ("ada", "a red apple")):
            page.wait_for_timeout(300)
            context.clear_cookies()
            page.reload()
            log_in(page, name)
            expect(words).to_have_value(found)


@needs_browser
def test_an_admin_moves_jobs_among_those_of_one_user(browser: Browser, house: Studio) -> None:
    with logged_in(browser, house, "ada") as context, logged_in(browser, house, "bob") as other:
        jobs = {}
        for whose, words in ((context, "mine"), (other, "theirs"), (context, "mine too"), (other, "theirs too")):
            order = {"words": words, **QUICK, "steps": 900}
            jobs[words] = whose.request.post(f"{house.address}/api/jobs", data=order).json()["id"]
            assert whose.request.post(f"{house.address}/api/jobs/{jobs[words]}/pause").ok
        page = context.new_page()
        page.goto(house.address + "/queue")
        page.get_by_label("Everybody's jobs").check()
        cards = page.get_by_role("article")
        expect(cards).to_have_count(4)
        arrows = page.get_by_role("button", name=re.compile("^Move "))
        assert [arrow.get_attribute("aria-label") for arrow in arrows.all()] == ["Move down: mine", "Move up: mine too"]
        arrows.last.click()
        expect(page.get_by_role("button", name="Move up: mine", exact=True)).to_be_visible()
        expect(cards.first).to_contain_text("mine too")
        for job in jobs.values():
            assert context.request.post(f"{house.address}/api/jobs/{job}/cancel").ok


def flat(tree: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in tree.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": value}
    return found


def test_both_languages_say_everything_and_nothing_else() -> None:
    english, chinese = (
        flat(json.loads((WEB / "src/i18n" / f"{name}.json").read_text(encoding="utf8"))) for name in ("en", "zh")
    )
    assert english.keys() == chinese.keys()
    assert not [name for texts in (english, chinese) for name, text in texts.items() if not text.strip()]
    for name in english:
        fields = re.compile(r"\{\{(\w+)\}\}")
        assert set(fields.findall(english[name])) == set(fields.findall(chinese[name])), name
    known = {re.sub(r"_(one|other)$", "", name) for name in english}
    sources = "\n".join(path.read_text(encoding="utf8") for path in sorted((WEB / "src").rglob("*.ts*")))
    said = set(re.findall(r'\bt\(\s*"([\w.]+)"', sources)) | set(re.findall(r'\? "([a-z]+\.\w+)" : "', sources))
    begun = set(re.findall(r"\bt\(\s*`([\w.]+\.)\$\{", sources))
    assert said <= known, said - known
    assert all(any(name.startswith(each) for name in known) for each in begun)
    unused = {name for name in known if name not in said and not name.startswith(tuple(begun))}
    assert not unused, unused
    assert len(known) > 300


def test_the_types_of_the_page_fit_the_studio() -> None:
    kept = json.loads((WEB / "openapi.json").read_text(encoding="utf8"))
    now = json.loads(json.dumps(document()))

    def of_the_page(told: dict[str, Any]) -> dict[str, Any]:
        return {path: facts for path, facts in told["paths"].items() if path.startswith("/api/")}

    assert of_the_page(kept) == of_the_page(now), (
        "run 'python -m danqing.server.schema > web/openapi.json', then 'npm run types'"
    )


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf8"))
    named = json.loads((WEB / "package.json").read_text(encoding="utf8"))
    assert all(
        re.fullmatch(r"\d+\.\d+\.\d+", version) for version in (named["dependencies"] | named["devDependencies"]).values()
    )
    assert not [name for name, facts in lock["packages"].items() if "resolved" in facts]
    licences = {facts.get("license", "") for facts in lock["packages"].values()}
    assert not [licence for licence in licences if re.search(r"GPL|NC", licence)], licences
    page = (WEB / "index.html").read_text(encoding="utf8")
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_source_files_hold_one_idea() -> None:
    long = {
        str(path.relative_to(WEB)): lines
        for path in Path(WEB / "src").rglob("*.ts*")
        if (lines := path.read_text(encoding="utf8").count("\n")) > 300
    }
    assert set(long) <= {"src/api/schema.d.ts"}, long
