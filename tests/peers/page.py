#!/usr/bin/env python3
"""Opens a page of `footfall report --format html` in a headless browser and uses all of it.

    page.py PAGE.html [--screenshots DIR] [--chromium FILE] [--csv DIR] [--slow-paint SECONDS]

At 390×844 and 1440×900, in light and dark: every screen, every choice, every table sorted both ways and saved, every
explanation, the keyboard. Fails on a message in the console, a request to a network, sideways scrolling, a figure that is
missing, empty or clipped, text that runs out of its picture or over other text, a table whose CSV is not RFC 4180 or does
not bring back its cells (with --csv: or is not what `report --format csv -o DIR` wrote), too little contrast, whatever
axe-core finds by its rules for WCAG 2 A and AA and best practice, a first paint that is late on a processor slowed four times
(beyond what a page of one line takes there), a file above 1.2 MB.

Needs `pip install playwright axe-playwright-python` (of the one only the driver, of the other only axe.min.js) and a Chromium
of the system.
"""

import argparse
import csv
import importlib.resources
import io
import pathlib
import shutil
import sys

from playwright.sync_api import TimeoutError, sync_playwright

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
FAILURES = []

LAYOUT = r"""
root => {
  const found = [];
  const seen = element => element.getClientRects().length && getComputedStyle(element).visibility !== 'hidden';
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    const wide = [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > page.clientWidth + 1
      && !e.closest('.scroll, .tabs'));
    found.push(`scrolls sideways: ${page.scrollWidth} of ${page.clientWidth}; ` + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 90)).join(' | '));
  }
  for (const figure of root.querySelectorAll('figure.view.on')) {
    if (!seen(figure)) continue;
    const pictures = [...figure.querySelectorAll('.chart > svg')].filter(seen);
    const name = figure.id;
    if (pictures.length !== 1) found.push(`${name}: ${pictures.length} pictures are shown`);
    for (const svg of pictures) {
      const box = svg.getBoundingClientRect();
      const panel = svg.closest('.panel').getBoundingClientRect();
      if (box.width < 200 || box.height < 30) found.push(`${name}: ${box.width}×${box.height} is too small`);
      if (box.left < panel.left - 1 || box.right > panel.right + 1) found.push(`${name}: runs out of its panel`);
      if (!svg.querySelector('.m') && !svg.dataset.bands) found.push(`${name}: no marks`);
      if (!svg.querySelector(':scope > title')?.textContent) found.push(`${name}: no title`);
      const texts = [...svg.querySelectorAll('text')].map(text => [text, text.getBoundingClientRect()]).filter(([, b]) => b.width);
      for (const [text, b] of texts) {
        if (/NaN|undefined|Infinity/.test(text.textContent)) found.push(`${name}: '${text.textContent}'`);
        if (b.left < box.left - 2 || b.right > box.right + 2 || b.top < box.top - 2 || b.bottom > box.bottom + 2)
          found.push(`${name}: text '${text.textContent}' is clipped by ${Math.max(box.left - b.left, b.right - box.right).toFixed(1)}`);
        if (b.height < 8) found.push(`${name}: text '${text.textContent}' is ${b.height.toFixed(1)} px tall`);
      }
      for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length && j < i + 60; j++) {
        const [a, b] = [texts[i][1], texts[j][1]];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 5) found.push(`${name}: '${texts[i][0].textContent}' lies over '${texts[j][0].textContent}'`);
      }
      if (/NaN|Infinity/.test(svg.outerHTML.replace(/<title>.*?<\/title>/gs, ''))) found.push(`${name}: a coordinate is no number`);
    }
  }
  for (const panel of (root.matches('.panel') ? [root] : root.querySelectorAll('.panel'))) {
    const view = panel.querySelector(':scope > .view.on');
    if (!view || !seen(view)) found.push(`${panel.id}: shows nothing`);
    else if (!view.querySelector('svg, table, .empty')) found.push(`${panel.id}: no figure`);
    if (!panel.querySelector('h3')?.textContent.trim()) found.push(`${panel.id}: no title`);
  }
  for (const card of root.querySelectorAll('.card')) {
    if (!card.querySelector('.big').textContent.trim()) found.push('a card without a figure');
    for (const part of card.querySelectorAll('.big, .name, .changes li'))
      if (part.scrollWidth > part.clientWidth + 1) found.push(`a card cuts '${part.textContent}'`);
  }
  for (const button of [...root.querySelectorAll('button'), ...document.querySelectorAll('.top button, .top a')]) {
    if (!seen(button)) continue;
    const b = button.getBoundingClientRect();
    if (b.height < 24 || b.width < 20) found.push(`'${button.textContent.trim()}' is too small to touch: ${b.width.toFixed()}×${b.height.toFixed()}`);
    if (!(button.textContent.trim() || button.ariaLabel)) found.push('a button without a name');
  }
  return found;
}
"""

# Contrast of what axe does not look at: text and marks in pictures against what is drawn below them.
CONTRAST = r"""
root => {
  const rgba = text => {
    const parts = text.match(/[\d.]+/g).map(Number);
    if (text.startsWith('color(srgb')) return [parts[0] * 255, parts[1] * 255, parts[2] * 255, parts[3] ?? 1];
    return [parts[0], parts[1], parts[2], parts[3] ?? 1];
  };
  const over = (top, below, alpha) => top.slice(0, 3).map((c, i) => c * alpha + below[i] * (1 - alpha));
  const light = color => {
    const [r, g, b] = color.map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const found = new Map();
  for (const svg of root.querySelectorAll('figure.view.on .chart > svg')) {
    if (!svg.getClientRects().length) continue;
    const panel = rgba(getComputedStyle(svg.closest('.panel')).backgroundColor).slice(0, 3);
    const ground = element => {
      // A text in a cell stands on the mark before it, maybe behind another text.
      let mark = element.previousElementSibling;
      while (mark?.matches('text')) mark = mark.previousElementSibling;
      if (!element.matches('.c') || !mark) return panel;
      const fill = getComputedStyle(mark);
      if (mark.matches('.badge')) return rgba(fill.stroke).slice(0, 3);
      return over(rgba(fill.fill), panel, Number(fill.fillOpacity));
    };
    for (const text of svg.querySelectorAll('text')) {
      const is = contrast(rgba(getComputedStyle(text).fill).slice(0, 3), ground(text));
      if (is < 4.5) found.set(`text .${text.getAttribute('class')} has contrast ${is.toFixed(2)}`, svg.parentElement.parentElement.id);
    }
    for (const mark of svg.querySelectorAll('.l, .f1, .f2, .f3, .f4, .f5, .f6, .node, .badge')) {
      const style = getComputedStyle(mark);
      const paint = style.fill === 'none' ? style.stroke : style.fill;
      const is = contrast(rgba(paint).slice(0, 3), panel);
      if (is < 3) found.set(`mark .${mark.getAttribute('class')} has contrast ${is.toFixed(2)}`, svg.parentElement.parentElement.id);
    }
  }
  return [...found].map(([what, where]) => `${where}: ${what}`);
}
"""


def fail(where, what):
    FAILURES.append(f"{where}: {what}")


def check_layout(root, where):
    for what in root.evaluate(LAYOUT) + root.evaluate(CONTRAST):
        fail(where, what)


def check_axe(page, where, axe):
    """What axe-core finds, with every panel laid out and the bar of screens over none of them."""
    page.evaluate("scrollTo(0, 0); for (const panel of document.querySelectorAll('.panel')) panel.style.contentVisibility = 'visible'")
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    result = page.evaluate("runOnly => axe.run(document, {runOnly, resultTypes: ['violations']})", rules)
    for violation in result["violations"]:
        nodes = "; ".join(node["html"][:140] + " · " + node["failureSummary"].replace("\n", " ")[:200] for node in violation["nodes"][:2])
        fail(where, f"axe {violation['impact']} {violation['id']} ({len(violation['nodes'])}): {nodes}")


def values(row):
    """Cells as what they are: 3 and 3.0 are one number."""
    def value(text):
        try:
            return float(text)
        except ValueError:
            return text
    return [value(text) for text in row]


def check_csv(page, where, button, reports):
    name = button.get_attribute("data-file")
    waiting = None
    # On a busy machine the browser now and then loses a download; one that is lost twice is a fault.
    for last in (False, True):
        try:
            with page.expect_download(timeout=20_000) as waiting:
                button.click(timeout=10_000)
            break
        except TimeoutError as reason:
            if last:
                fail(where, f"{name} is not saved: {str(reason)[:300]}")
                return
    data = pathlib.Path(waiting.value.path()).read_bytes()
    if waiting.value.suggested_filename != name:
        fail(where, f"{name} is saved as {waiting.value.suggested_filename}")
    if data.startswith(b"\xef\xbb\xbf"):
        fail(where, f"{name} begins with a byte order mark")
    if data.replace(b"\r\n", b"").count(b"\r"):
        fail(where, f"{name} has a lone carriage return")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    table = "#" + button.get_attribute("data-csv")
    shown = page.eval_on_selector(table, "table => [table.tBodies[0].rows.length, table.rows[0].cells.length]")
    if len(rows) != shown[0] + 1 or any(len(row) != shown[1] for row in rows):
        fail(where, f"{name} has {len(rows)} lines, its table {shown}")
    numbers = page.eval_on_selector_all(f"{table} th", "heads => heads.map(head => head.classList.contains('n'))")
    for row in rows[1:]:
        for is_number, text in zip(numbers, row):
            if is_number and text:
                float(text)
    if reports:
        with open(reports / name.replace("-", "/", 1), encoding="utf-8", newline="") as file:
            written = list(csv.reader(file, strict=True))
        # The page holds the first rows of a long table, and this one has been sorted.
        written = [written[0], *sorted(map(values, written[1 : len(rows)]), key=str)]
        if written != [rows[0], *sorted(map(values, rows[1:]), key=str)]:
            fail(where, f"{name} is not what the command writes")


def check_tables(page, where, reports):
    """Each table that can be reached is opened, sorted by each column both ways, unfolded and saved."""
    for details in page.locator(".screen.on .view.on > .under > details:not([open]) > summary").all():
        if details.is_visible():
            details.click()
    for table in page.locator(".screen.on .view.on table").all():
        if not table.is_visible():
            continue
        for head in table.locator("th").all()[:4]:
            button = head.locator("button")
            for _ in range(2):
                button.evaluate("button => button.click()")
            if head.get_attribute("aria-sort") not in ("ascending", "descending"):
                fail(where, f"{table.get_attribute('id')} does not sort")
            is_sorted = head.evaluate("""head => {
              const column = head.cellIndex, sign = head.ariaSort === 'ascending' ? 1 : -1;
              const values = [...head.closest('table').tBodies[0].rows].map(row => row.cells[column])
                .map(cell => cell.dataset.v ?? (cell.textContent === '–' ? '' : cell.textContent.replace(/,|%$/g, '').replace('−', '-')
                  / (head.dataset.k === 'share' ? 100 : 1))).filter(text => text !== '');
              return !head.classList.contains('n') || values.every((value, at) => !at || sign * (value - values[at - 1]) >= 0);
            }""")
            if not is_sorted:
                fail(where, f"{table.get_attribute('id')} is not in order")
    for button in page.locator(".screen.on [data-unfold]").all():
        if button.is_visible():
            button.click()
    for button in page.locator(".screen.on [data-csv]").all():
        if button.is_visible():
            check_csv(page, where, button, reports)


def check_explanations(page, where, size):
    for button in page.locator(".screen.on [data-open]").all():
        if not button.is_visible():
            continue
        button.click()
        dialog = page.locator("dialog[open]")
        if dialog.count() != 1:
            fail(where, f"{button.get_attribute('data-open')} does not open")
            continue
        text = dialog.inner_text()
        if "select" not in text.lower():
            fail(where, f"{button.get_attribute('data-open')} shows no SQL")
        at = button.get_attribute("data-at")
        if at and not page.locator(f"[id='{at}'].at").count():
            fail(where, f"no definition {at}")
        box = dialog.bounding_box()
        if box["x"] < -1 or box["x"] + box["width"] > size[0] + 1:
            fail(where, f"{button.get_attribute('data-open')} runs out of the window")
        page.keyboard.press("Escape")
        if page.locator("dialog[open]").count():
            fail(where, "Escape does not close an explanation")


def check_marks(page, where):
    """A tooltip for a mark by pointer, and for the next by the arrow keys."""
    for picture in page.locator(".screen.on figure.view.on .chart > svg").all():
        if not picture.is_visible():
            continue
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        if picture.get_attribute("data-bands"):
            # Waits until the picture stands still: panels around it are laid out as they come into view.
            picture.hover(force=True)
            try:
                page.locator("#tip").wait_for(state="visible", timeout=2000)
            except Exception:
                fail(where, f"no tooltip under the pointer in {picture.locator('xpath=ancestor::figure').get_attribute('id')}")
            page.mouse.move(0, 0)
        picture.focus()
        seen = set()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
            tip = page.locator("#tip")
            if not tip.is_visible() or not tip.inner_text().strip():
                fail(where, f"no tooltip in {picture.locator('xpath=ancestor::figure').get_attribute('id')}")
                break
            seen.add(tip.inner_text())
            box = tip.bounding_box()
            if box and box["x"] < 0 or box and box["x"] + box["width"] > page.viewport_size["width"]:
                fail(where, f"a tooltip runs out of the window: {tip.inner_text()!r}")
        if len(seen) == 1 and picture.locator(".m").count() > 1:
            fail(where, "the arrow keys do not move")
        page.keyboard.press("Escape")


def shoot(page, shots, name, full=True):
    if shots:
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement?.blur()")
        page.screenshot(path=shots / f"{name}.png", full_page=full)


def walk(page, size_name, theme, shots, axe, reports):
    size = SIZES[size_name]
    tabs = page.locator('[role="tab"]')
    for at in range(tabs.count()):
        tab = tabs.nth(at)
        name = tab.inner_text()
        where = f"{size_name} {theme} {name}"
        tab.click()
        if tab.get_attribute("aria-selected") != "true" or page.locator(".screen.on").count() != 1:
            fail(where, "the screen does not open")
        screen = page.locator(".screen.on")
        check_layout(screen, where)
        shoot(page, shots, f"{size_name}-{theme}-{at}")
        if theme == "dark":
            check_axe(page, where, axe)
            continue
        check_marks(page, where)
        for group in page.locator(".screen.on .seg, .screen.on .chips").all():
            panel = group.locator("xpath=ancestor::article")
            for button in group.locator("button").all():
                if not button.is_visible():
                    continue
                button.click()
                if button.get_attribute("aria-pressed") != "true":
                    fail(where, f"'{button.inner_text()}' is not chosen")
                check_layout(panel, f"{where} · {button.inner_text()}")
            if group.locator("button").first.is_visible():
                group.locator("button").first.click()
        check_explanations(page, where, size)
        check_tables(page, where, reports)
        check_layout(screen, f"{where}, tables open")
        check_axe(page, where, axe)


def check_keyboard(page):
    """Tab reaches the screens; arrows switch them; Enter opens an explanation and Escape returns to its button."""
    page.keyboard.press("Home")
    page.locator('[role="tab"]').first.focus()
    page.keyboard.press("ArrowRight")
    if page.locator('[role="tab"]').nth(1).get_attribute("aria-selected") != "true" and page.locator('[role="tab"]').count() > 1:
        fail("keyboard", "ArrowRight does not open the next screen")
    page.keyboard.press("Home")
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-open]')"):
            break
    else:
        fail("keyboard", "Tab does not reach an explanation")
    before = page.evaluate("document.activeElement.getAttribute('data-open')")
    page.keyboard.press("Enter")
    if not page.locator("dialog[open]").count():
        fail("keyboard", "Enter does not open an explanation")
    page.keyboard.press("Escape")
    if page.evaluate("document.activeElement.getAttribute('data-open')") != before:
        fail("keyboard", "focus does not return to the button")


def check_paint(browser, url, most):
    context = browser.new_context(viewport=dict(zip(("width", "height"), SIZES["phone"])))
    entries = "performance.getEntriesByName('first-contentful-paint')"

    def paint(address):
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(address)
        for _ in range(500):
            if page.evaluate(f"{entries}.length"):
                break
            page.wait_for_timeout(10)
        time = page.evaluate(f"{entries}[0].startTime") / 1000
        page.close()
        return time

    # A page of one line shows what the browser and its fonts themselves take on this machine.
    pairs = [(paint(url), paint("data:text/html;charset=utf-8,<p>shop 数据")) for _ in range(7)]
    own, blank = (sorted(times)[3] for times in zip(*pairs))
    print(f"first paint at a quarter of the speed: {own:.3f} s, of a page of one line {blank:.3f} s")
    if own - blank > most:
        fail("paint", f"{own - blank:.3f} s more than a page of one line, above {most} s")
    context.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    parser.add_argument("--csv", type=pathlib.Path, help="the same reports as CSV")
    parser.add_argument("--slow-paint", type=float, default=0.3)
    options = parser.parse_args()
    shots = options.screenshots
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    url = options.page.resolve().as_uri()
    size = options.page.stat().st_size
    print(f"{size:,} bytes")
    if size > 1_200_000:
        fail("file", f"{size:,} bytes, more than 1.2 MB")

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        for size_name, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    device_scale_factor=2 if size_name == "phone" else 1,
                    has_touch=size_name == "phone",
                    reduced_motion="reduce",
                )
                page = context.new_page()
                page.on("console", lambda message: fail("console", message.text))
                page.on("pageerror", lambda error: fail("script", str(error)))
                page.on("request", lambda request: request.url.startswith(("file:", "blob:", "data:")) or fail("network", request.url))
                page.goto(url)
                walk(page, size_name, theme, shots, axe, options.csv)
                if theme == "light":
                    check_keyboard(page)
                    page.goto(url + "#")
                    page.reload()
                    page.locator("#theme").click()
                    if page.evaluate("getComputedStyle(document.documentElement).colorScheme") != "dark":
                        fail(size_name, "the switch does not turn the page dark")
                    page.locator("[data-open]").first.click()
                    shoot(page, shots, f"{size_name}-explained", full=False)
                context.close()
        context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
        page = context.new_page()
        page.goto(url)
        hidden = [area.get_attribute("id") for area in page.locator(".screen").all() if not area.is_visible()]
        if hidden:
            fail("without script", f"{hidden} are hidden")
        context.close()
        context = browser.new_context(viewport={"width": 1024, "height": 900}, color_scheme="dark")
        page = context.new_page()
        page.goto(url)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print", color_scheme="dark")
        if page.locator(".screen").count() != page.locator(".screen:visible").count():
            fail("print", "not all screens are printed")
        if shots:
            page.pdf(path=shots / "print.pdf", format="A4")
        context.close()
        check_paint(browser, url, options.slow_paint)
        browser.close()

    for failure in dict.fromkeys(FAILURES):
        print("FAILED", failure)
    print(f"{len(set(FAILURES))} failures")
    sys.exit(bool(FAILURES))


if __name__ == "__main__":
    main()
