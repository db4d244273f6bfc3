"use strict";
// On a narrow screen the contents would push everything else away: start with them closed.
if (matchMedia("(max-width: 64rem)").matches) {
  document.querySelector("nav details").open = false;
}

// What is wider than its frame says so above it, for as long as there is more to the right.
for (const frame of document.querySelectorAll(".scroll")) {
  const cue = document.createElement("p");
  cue.className = "cue";
  cue.setAttribute("aria-hidden", "true");
  cue.textContent = "more to the right \u2192";
  frame.before(cue);
  const look = () => {
    cue.hidden = frame.scrollLeft + frame.clientWidth >= frame.scrollWidth - 2;
  };
  frame.addEventListener("scroll", look);
  new ResizeObserver(look).observe(frame);
}

// A click on a heading sorts its table: first ascending, then descending. Numbers sort by their
// full value, missing numbers stay at the end.
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    const unit = heading.querySelector(".unit");
    button.append(...[...heading.childNodes].filter((node) => node !== unit));
    heading.prepend(button);
    button.addEventListener("click", () => sort(table, headings, heading, column));
  });
}

function sort(table, headings, heading, column) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  headings.forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
  rows.sort(([a], [b]) => compare(a, b, ascending));
  body.append(...rows.map(([, row]) => row));
}

function key(cell) {
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
}

function compare(a, b, ascending) {
  const missing = [a, b].map((value) => Number.isNaN(value));
  if (missing[0] || missing[1]) return missing[0] - missing[1];
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  return ascending ? order : -order;
}
