"use strict";
// Search, keys and folding. The page is complete without; no text of the page ever becomes markup here.
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const lists = all("ol.rows").map((list) => all(":scope > li", list));
  const rows = lists.flat();
  const level = (row) => Number(row.getAttribute("aria-level"));
  const summaryOf = (row) => row.querySelector("summary");
  const isShown = (row) => row.checkVisibility();
  const texts = new Map();
  const above = new Map();
  const below = new Map();
  const folded = new Set();
  let wanted = "";
  let failingOnly = false;

  for (const list of lists) {
    const path = [];
    for (const row of list) {
      while (path.length && level(path.at(-1)) >= level(row)) path.pop();
      above.set(row, [...path]);
      for (const one of path) below.set(one, (below.get(one) ?? 0) + 1);
      path.push(row);
    }
  }

  // ------------------------------------------------------------ what is shown
  function show() {
    const needles = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = new Set();
    const kept = new Set();
    for (const row of rows) {
      if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
      const fits = needles.every((needle) => texts.get(row).includes(needle));
      if (!fits || (failingOnly && !row.classList.contains("failed"))) continue;
      matches.add(row);
      kept.add(row);
      for (const one of above.get(row)) kept.add(one);
    }
    const narrowed = needles.length > 0 || failingOnly;
    for (const row of rows) {
      row.hidden = narrowed ? !kept.has(row) : above.get(row).some((one) => folded.has(one));
      row.classList.toggle("match", needles.length > 0 && matches.has(row));
    }
    // A conversation that is evidence opens where something in it is found.
    if (needles.length) for (const row of matches) openAround(row);
    byId("found").value = narrowed ? `${matches.size} of ${rows.length} spans` : "";
  }

  function openAround(element) {
    for (let at = element.parentElement; at; at = at.parentElement) if (at.matches("details.evidence")) at.open = true;
  }

  function fold(row, isFolded) {
    if (!below.has(row)) return;
    folded[isFolded ? "add" : "delete"](row);
    const button = row.querySelector(".fold");
    button.setAttribute("aria-expanded", String(!isFolded));
    show();
  }

  for (const row of rows) {
    if (!below.has(row)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fold";
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-label", `Fold the ${below.get(row)} spans below`);
    button.addEventListener("click", () => fold(row, !folded.has(row)));
    row.prepend(button);
  }

  // ------------------------------------------------------------ going from row to row
  function current() {
    return document.activeElement?.closest("ol.rows > li") ?? null;
  }

  function go(row) {
    if (!row) return;
    openAround(row);
    for (const one of above.get(row)) if (folded.has(one)) fold(one, false);
    const summary = summaryOf(row);
    summary.focus({ preventScroll: true });
    summary.scrollIntoView({ block: "nearest" });
  }

  function step(by, fits) {
    const shown = rows.filter((row) => fits(row) || row === current());
    const at = shown.indexOf(current());
    const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by;
    return shown[next] ?? null;
  }

  const isFailure = (row) => row.classList.contains("failed") && !row.classList.contains("passing");

  function toFailure(by) {
    const isFit = (row) => isFailure(row) && !row.hidden;
    const row = step(by, isFit) ?? rows.filter(isFit).at(by > 0 ? 0 : -1);
    if (!row) return;
    row.querySelector("details").open = true;
    go(row);
  }

  function toAnchor() {
    const row = byId(decodeURIComponent(location.hash.slice(1)));
    if (!row?.matches("ol.rows > li")) return;
    if (row.hidden) clear();
    row.querySelector("details").open = true;
    go(row);
    summaryOf(row).scrollIntoView({ block: "center" });
  }

  function clear() {
    byId("search").value = wanted = "";
    setFailing(false);
  }

  function setFailing(on) {
    failingOnly = on;
    document.querySelector('[data-do="failing"]').setAttribute("aria-pressed", String(on));
    show();
  }

  function openAll() {
    const shown = rows.filter(isShown).map((row) => row.querySelector("details"));
    const isOpen = shown.some((one) => !one.open);
    for (const one of shown) one.open = isOpen;
  }

  function theme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
  }

  const actions = {
    failing: () => setFailing(!failingOnly),
    next: () => toFailure(1),
    previous: () => toFailure(-1),
    open: openAll,
    theme,
    help: () => { const box = document.querySelector("dialog"); if (box.open) box.close(); else box.showModal(); },
    search: () => byId("search").select(),
    down: () => go(step(1, isShown)),
    up: () => go(step(-1, isShown)),
    fold: () => { const row = current(); if (row && below.has(row) && !folded.has(row)) fold(row, true); else if (row) go(above.get(row).at(-1)); },
    unfold: () => { const row = current(); if (row) fold(row, false); },
  };
  const keys = {
    j: "down", k: "up", ArrowDown: "down", ArrowUp: "up", ArrowLeft: "fold", ArrowRight: "unfold", h: "fold", l: "unfold",
    f: "next", F: "previous", "/": "search", x: "failing", e: "open", t: "theme", "?": "help",
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches("input");
    if (isTyping) {
      if (event.key === "Escape") { clear(); event.target.blur(); }
      if (event.key === "Enter") { event.preventDefault(); go(rows.find((row) => row.matches(".match") && isShown(row))); }
      return;
    }
    const name = keys[event.key];
    if (!name || (event.key.startsWith("Arrow") && !current())) return;
    event.preventDefault();
    actions[name]();
  });

  let pause = 0;
  byId("search").addEventListener("input", (event) => {
    wanted = event.target.value;
    clearTimeout(pause);
    pause = setTimeout(show, 80);
  });
  for (const button of all("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  addEventListener("hashchange", toAnchor);
  // What failed is printed open, because paper has no keys.
  addEventListener("beforeprint", () => {
    for (const one of all(".card details, .failed:not(.passing) > details")) one.open = true;
  });
  byId("toolbar").hidden = false;
  if (!rows.some((row) => row.classList.contains("failed"))) for (const name of ["failing", "next"]) document.querySelector(`[data-do="${name}"]`).hidden = true;
  toAnchor();
})();
