// Switches, sorts, saves and explains what is already on the page. Everything is found by its data- attributes.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const get = id => document.getElementById(id);

  // Screens. Until one is opened it is text in a noscript.
  const tabs = all('[role="tab"]');
  const unpack = screen => {
    const packed = screen.querySelector(":scope > noscript");
    if (packed) packed.outerHTML = packed.textContent;
  };
  const unpackAll = () => all(".screen").forEach(unpack);
  const show = (tab, focus) => {
    for (const each of tabs) {
      const is = each === tab;
      each.setAttribute("aria-selected", is);
      each.tabIndex = is ? 0 : -1;
      const screen = get(each.getAttribute("aria-controls"));
      screen.classList.toggle("on", is);
      if (is) unpack(screen);
    }
    const list = tab.parentElement;
    list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
    if (focus) tab.focus();
  };
  const follow = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id && !get(id)) unpackAll();
    const target = id && get(id);
    const screen = target && target.closest(".screen");
    if (!screen) return;
    show(tabs.find(tab => tab.getAttribute("aria-controls") === screen.id));
    if (target !== screen) target.scrollIntoView();
  };
  for (const tab of tabs) {
    tab.addEventListener("click", event => {
      event.preventDefault();
      show(tab);
      history.replaceState(null, "", tab.getAttribute("href"));
      const nav = document.querySelector(".tabs");
      const above = nav.previousElementSibling.getBoundingClientRect().bottom + scrollY;
      if (scrollY > above) scrollTo(0, above);
    });
    tab.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : tabs.indexOf(tab) + step;
      if (Number.isNaN(at)) return;
      event.preventDefault();
      show(tabs[(at + tabs.length) % tabs.length], true);
    });
  }
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", unpackAll);
  follow();

  // One of several reports or pictures; a figure stays chosen when the period changes.
  const choose = button => {
    const target = get(button.dataset.show);
    const group = button.parentElement;
    const before = all(":scope > .view.on > .chips button", target.parentElement);
    const chosen = before.findIndex(chip => chip.getAttribute("aria-pressed") === "true");
    for (const each of group.children) each.setAttribute("aria-pressed", each === button);
    for (const view of all(":scope > .view", target.parentElement)) view.classList.toggle("on", view === target);
    const chips = all(":scope > .chips button", target);
    if (chosen >= 0 && chips.length === before.length) choose(chips[chosen]);
  };

  // Tables.
  const value = cell => {
    if ("v" in cell.dataset) return cell.dataset.v;
    const text = cell.textContent;
    if (text === "\u2013") return "";
    const head = cell.closest("table").rows[0].cells[cell.cellIndex];
    const kind = head.dataset.k;
    if (kind === "day") return text.slice(0, 10);
    if (kind === "digits") return text.slice(0, 10).replaceAll("-", "");
    if (!head.classList.contains("n")) return text;
    const number = text.replace(/,|%$/g, "").replace("\u2212", "-");
    return kind === "share" ? String(+(number / 100).toFixed(4)) : number;
  };
  // It takes its time to be made, which the first paint has not.
  let collator;
  const order = (a, b) => (collator ??= new Intl.Collator(document.documentElement.lang, { numeric: true })).compare(a, b);
  const sort = th => {
    const body = th.closest("table").tBodies[0];
    const isNumber = th.classList.contains("n");
    const was = th.getAttribute("aria-sort");
    const is = was ? (was === "descending" ? "ascending" : "descending") : isNumber ? "descending" : "ascending";
    for (const each of th.parentElement.children) each.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", is);
    const sign = is === "ascending" ? 1 : -1;
    const rows = [...body.rows].map(row => [value(row.cells[th.cellIndex]), row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (isNumber ? a - b : order(a, b));
    });
    body.append(...rows.map(([, row]) => row));
  };
  const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const save = button => {
    const table = get(button.dataset.csv);
    const head = all("th", table).map(th => th.dataset.n);
    const rows = [head, ...[...table.tBodies[0].rows].map(row => [...row.cells].map(value))];
    const text = rows.map(row => row.map(quoted).join(",") + "\r\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const unfold = button => {
    const isFolded = get(button.dataset.unfold).classList.toggle("folded");
    button.setAttribute("aria-expanded", !isFolded);
    [button.textContent, button.dataset.fewer] = [button.dataset.fewer, button.textContent];
  };

  // Explanations.
  const open = button => {
    const dialog = get(button.dataset.open);
    dialog.showModal();
    for (const each of all(".at", dialog)) each.classList.remove("at");
    const at = button.dataset.at && get(button.dataset.at);
    if (!at) return;
    at.classList.add("at");
    at.scrollIntoView({ block: "center" });
  };
  const copy = async button => {
    const source = get(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      [button.textContent, button.dataset.done] = [button.dataset.done, button.textContent];
      setTimeout(() => [button.textContent, button.dataset.done] = [button.dataset.done, button.textContent], 1500);
    } catch {
      getSelection().selectAllChildren(source);
    }
  };

  const actions = { show: choose, csv: save, unfold, open, copy, close: button => button.closest("dialog").close() };
  document.addEventListener("click", event => {
    if (event.target.tagName === "DIALOG") event.target.close();
    const button = event.target.closest("button");
    if (!button) return;
    if (button.parentElement.tagName === "TH") sort(button.parentElement);
    for (const name in actions) if (name in button.dataset) actions[name](button);
  });

  // Tooltips: marks of charts by pointer, by finger and by the arrow keys; definitions on the heads of columns.
  const words = new WeakMap();
  // A wide picture's words are in the narrow one, at the same place. Of each line only what differs from the mark before
  // is written out, behind the number of letters that do not.
  const wordsOf = picture => {
    const source = picture.parentElement.querySelector("svg.s");
    let before = [];
    const line = (text, at) => (before[at] ?? "").slice(0, parseInt(text[0], 36)) + text.slice(1);
    if (!words.has(source)) words.set(source, source.dataset.tips.split("\n").map(tip => (before = tip.split("\t").map(line)).join("\n")));
    return words.get(source);
  };
  // The marks of lines are bands of which nothing is seen until they are pointed at: they are made when first asked for.
  const draw = (parent, name, of, d) => {
    const element = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    element.setAttribute("class", of);
    if (d) element.setAttribute("d", d);
    return element;
  };
  const marksOf = picture => {
    if (picture.dataset.bands) {
      const [left, right, top, bottom] = picture.dataset.bands.split(" ").map(Number);
      delete picture.dataset.bands;
      const lines = all("path.l", picture);
      const band = (right - left) / wordsOf(picture).length;
      const bands = wordsOf(picture).map(() => draw(picture, "g", "m band"));
      bands.forEach((mark, at) => draw(mark, "path", "hit", `M${left + band * at} ${top}h${band}V${bottom}h${-band}Z`));
      // Where places are many, the band alone shows which one is meant.
      if (bands.length <= 62) for (const line of lines) {
        const [, style] = /\bk(\w)/.exec(line.getAttribute("class"));
        for (const [, x, y] of line.getAttribute("d").matchAll(/[ML](\S+?) ([-.\d]+)/g)) {
          draw(bands[Math.floor((x - left) / band)], "path", `dot d${style}`, `M${x} ${y}h0`);
        }
      }
    }
    return all(".m", picture);
  };
  const tip = get("tip");
  let marked = null;
  let isKeyed = false;
  const hide = () => {
    tip.hidden = true;
    if (marked) marked.classList.remove("on");
    marked = null;
  };
  const tell = (mark, x, y) => {
    if (!("tip" in mark.dataset)) {
      const own = mark.closest("svg");
      const zone = own.dataset.zone ? ` · ${own.dataset.zone}` : "";
      mark.dataset.tip = wordsOf(own)[marksOf(own).indexOf(mark)].replace(/$|\n/, end => zone + end);
    }
    if (marked !== mark) {
      hide();
      marked = mark;
      mark.classList.add("on");
      tip.textContent = mark.dataset.tip;
      tip.className = mark.classList.contains("m") ? "" : "plain";
      tip.hidden = false;
    }
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(x - width / 2, innerWidth - width - 8));
    const top = y - height - 14 < 8 ? y + 20 : y - height - 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  };
  const at = (mark, target = mark) => {
    const box = target.getBoundingClientRect();
    tell(mark, box.left + box.width / 2, box.top);
  };
  const point = event => {
    const picture = event.target.closest?.("svg[data-bands]");
    if (picture) marksOf(picture);
    const target = picture ? document.elementFromPoint(event.clientX, event.clientY) : event.target;
    const mark = target?.closest?.(".m, [data-tip]");
    isKeyed = false;
    if (mark) tell(mark, event.clientX, event.clientY); else hide();
  };
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("focusin", event => event.target.matches("button[data-tip]:focus-visible") && at(event.target));
  document.addEventListener("focusout", hide);
  addEventListener("scroll", () => isKeyed && marked ? at(marked) : hide(), { passive: true });
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") hide();
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".chart svg")) return;
    event.preventDefault();
    const marks = marksOf(event.target);
    const place = marks.indexOf(marked);
    const next = place < 0 ? (step > 0 ? 0 : marks.length - 1) : Math.max(0, Math.min(marks.length - 1, place + step));
    isKeyed = true;
    if (marks[next]) at(marks[next]);
  });

  // Light or dark: the reader's choice stays, where the browser may remember it.
  const root = document.documentElement;
  const remember = theme => { try { localStorage.setItem("footfall-theme", theme); } catch { /* a private window */ } };
  try { root.dataset.theme = localStorage.getItem("footfall-theme") ?? ""; } catch { /* the same */ }
  get("theme").addEventListener("click", () => {
    const isDark = getComputedStyle(root).colorScheme.includes("dark");
    root.dataset.theme = isDark ? "light" : "dark";
    remember(root.dataset.theme);
  });

  // What lies below a phone's first screen is laid out when that is painted.
  requestAnimationFrame(() => setTimeout(() => root.classList.remove("early")));
})();
