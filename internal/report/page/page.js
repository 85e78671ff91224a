"use strict";
(() => {
  // Sort, filter and search the table. Without this script it is a plain table
  // that shows every key.
  const pageSize = 100;
  const states = ["good", "stagnant", "old", "stagnant_expire", "expire", "disabled"];
  const $ = (id) => document.getElementById(id);
  const table = $("table"), body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const search = $("search"), left = $("left"), shown = $("shown"), pages = $("pages");
  const facets = [...document.querySelectorAll("input[name=state]")];
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const all = [...body.rows].map((row) => ({ row, text: null, facet: row.dataset.f }));
  if (all.length === 0) return;

  const read = {
    // Words such as "never" stand beside some numbers; a dash is no number.
    number: (cell) => { const found = cell.textContent.replaceAll(",", "").match(/-?\d+/); return found ? Number(found[0]) : null; },
    state: (cell) => states.indexOf(cell.firstElementChild.textContent),
    text: (cell) => cell.textContent === "–" ? null : cell.textContent,
  };
  const compare = (a, b) => typeof a === "string" ? collator.compare(a, b) : a - b;
  const leftColumn = heads.findIndex((head) => head.textContent === "Days left");

  let matching = all, page = 0;

  const number = (n) => n.toLocaleString("en");

  const show = () => {
    const last = Math.max(0, Math.ceil(matching.length / pageSize) - 1);
    page = Math.min(page, last);
    const from = page * pageSize, some = matching.slice(from, from + pageSize);
    body.replaceChildren(...some.map((entry) => entry.row));
    let said = matching.length === all.length ? `${number(all.length)} keys` : `${number(matching.length)} of ${number(all.length)} keys`;
    if (all.length === 1) said = said.replace("keys", "key");
    if (last > 0) said += `, ${number(from + 1)} to ${number(from + some.length)} shown`;
    shown.textContent = said;
    pages.hidden = last === 0;
    $("back").disabled = page === 0;
    $("on").disabled = page === last;
    $("place").textContent = `Page ${number(page + 1)} of ${number(last + 1)}`;
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(facets.filter((box) => box.checked).map((box) => box.value));
    const most = left.value === "" ? null : Number(left.value);
    matching = all.filter((entry) => {
      if (chosen.size > 0 && !chosen.has(entry.facet)) return false;
      if (most !== null) {
        const days = read.number(entry.row.cells[leftColumn]);
        if (days === null || days > most) return false;
      }
      entry.text ??= entry.row.textContent.toLowerCase();
      return words.every((word) => entry.text.includes(word));
    });
    page = 0;
    show();
  };

  const sort = (column) => {
    const head = heads[column], descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = read[head.dataset.sort];
    const keyed = all.map((entry) => ({ entry, key: value(entry.row.cells[column]) }));
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null); // last either way
      return descending ? compare(b.key, a.key) : compare(a.key, b.key);
    });
    keyed.forEach(({ entry }, i) => { all[i] = entry; });
    filter();
  };

  const buttons = heads.map((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
    return button;
  });
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("controls").addEventListener("input", filter);
  const turn = (by) => { page += by; show(); table.scrollIntoView({ block: "start" }); };
  $("back").addEventListener("click", () => turn(-1));
  $("on").addEventListener("click", () => turn(1));

  // choice says in words what is searched, filtered and sorted; nothing if every
  // key stands there as it did at first.
  const choice = () => {
    const said = [], chosen = facets.filter((box) => box.checked).map((box) => box.value);
    const sorted = heads.find((head) => head.hasAttribute("aria-sort"));
    if (chosen.length > 0) said.push(`State: ${chosen.join(", ")}.`);
    if (left.value !== "") said.push(`Days left: ${left.selectedOptions[0].textContent}.`);
    if (search.value.trim() !== "") said.push(`Search: "${search.value.trim()}".`);
    if (sorted) said.push(`Sorted by ${sorted.textContent}, ${sorted.getAttribute("aria-sort")}.`);
    if (said.length === 0) return "";
    return [`Printed: ${number(matching.length)} of ${number(all.length)} keys.`, ...said].join(" ");
  };

  // On paper there are no pages to turn: every key that matches is printed, and
  // what they match, as the controls are not there to show it.
  let focused = null;
  addEventListener("beforeprint", () => {
    $("printed").textContent = choice();
    body.replaceChildren(...matching.map((entry) => entry.row));
    // Chromium leaves buttons out of a heading that it repeats on each page.
    focused = document.activeElement;
    heads.forEach((head, column) => head.replaceChildren(buttons[column].textContent));
  });
  addEventListener("afterprint", () => {
    heads.forEach((head, column) => head.replaceChildren(buttons[column]));
    if (buttons.includes(focused)) focused.focus();
    show();
  });
  // A browser may restore the controls of a page that it goes back to.
  addEventListener("pageshow", (event) => { if (!event.persisted) filter(); });

  for (const hidden of [$("controls"), shown]) hidden.hidden = false;
  filter();
})();
