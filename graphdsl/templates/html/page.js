"use strict";
(() => {
  const $ = (where, what) => [...where.querySelectorAll(what)];
  const page = document.body, main = page.querySelector("main");
  const make = (kind, name) => Object.assign(document.createElement(kind), { className: name });
  const targetOf = (number) => document.getElementById(number.dataset.to ?? number.hash.slice(1));

  // Every number leads to where it was found; its tip shows how.
  const NUMBER = "[data-to], a.number";
  const tip = page.appendChild(make("div", "tip"));
  tip.id = "-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  let told = null, chosen = null;
  const hide = () => {
    tip.hidden = true;
    chosen?.classList.remove("chosen");
    told?.removeAttribute("aria-describedby");
    told = chosen = null;
  };
  const copies = (place) => {
    if (place.matches(".line")) {
      const members = $(place, ".member");
      return [place.querySelector(".lead math"), ...new Set([members[0], members.at(-1)])];
    }
    return place.matches("tr") ? [place.cells[0], [...place.cells].at(-1)] : [...place.childNodes];
  };
  const show = (number, told_by = number) => {
    const place = targetOf(number);
    if (!place) return;
    hide();
    tip.replaceChildren();
    for (const part of copies(place)) {
      const piece = make("span", part.className ?? "");
      piece.append(...(part.matches?.("span, td, th") ? part.cloneNode(true).childNodes : [part.cloneNode(true)]));
      piece.classList.remove("answer");
      tip.append(piece, " ");
    }
    for (const copy of $(tip, "*")) for (const name of ["id", "tabindex", "role", "href", "data-to"]) copy.removeAttribute(name);
    tip.hidden = false;
    told = told_by;
    told.setAttribute("aria-describedby", tip.id);
    const at = number.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const above = at.top - own.height - 8;
    tip.style.left = `${Math.max(8, Math.min(at.left + scrollX, scrollX + page.clientWidth - own.width - 8))}px`;
    tip.style.top = `${scrollY + (above > 0 ? above : at.bottom + 8)}px`;
  };

  // By keyboard: from the link of a line, the arrows up and down choose among its numbers, Enter goes there.
  const choose = (line, link, by) => {
    const numbers = $(line, "[data-to]"), last = numbers.length - 1;
    if (0 > last) return;
    const next = numbers[Math.max(0, Math.min(numbers.indexOf(chosen) + by, last))];
    show(next, link);
    chosen = next;
    chosen.classList.add("chosen");
  };

  // The figures light up what a line is about.
  const light = (line) => {
    const keys = new Set(line ? JSON.parse(line.dataset.lit ?? "[]") : []);
    for (const part of $(main, "[data-key]")) part.classList.toggle("lit", keys.has(part.dataset.key));
    for (const drawing of $(main, ".drawing")) drawing.classList.toggle("lighted", drawing.querySelector(".lit") !== null);
  };
  const lineOf = (element) => element?.closest?.(".line") ?? null;
  for (const kind of ["pointerover", "focusin"]) {
    main.addEventListener(kind, (event) => {
      const number = event.target.closest(NUMBER);
      number ? show(number) : hide();
      light(lineOf(event.target) ?? (stepping() ? steps[at] : null));
    });
  }
  for (const kind of ["pointerleave", "focusout"]) main.addEventListener(kind, hide);

  // Answers can be covered; each is uncovered by a click, Enter or the space bar.
  const answers = $(main, ".answer");
  const cover = (answer, covered) => {
    answer.classList.toggle("covered", covered);
    if (covered) {
      answer.tabIndex = 0;
      answer.setAttribute("role", "button");
      answer.setAttribute("aria-label", page.dataset.answer);
    } else for (const name of ["tabindex", "role", "aria-label"]) answer.removeAttribute(name);
    for (const number of $(answer, "a.number")) number.tabIndex = covered ? -1 : 0;
  };
  const act = (event) => {
    const covered = event.target.closest(".covered"), number = event.target.closest("[data-to]");
    if (covered) cover(covered, false);
    else if (number) location.hash = number.dataset.to;
    else return;
    event.preventDefault();
    hide();
  };
  main.addEventListener("click", act);
  main.addEventListener("keydown", (event) => {
    const line = event.target.matches(".anchor") ? lineOf(event.target) : null;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (line ? by : false) choose(line, event.target, by);
    else if (event.key === "Enter" ? line ? chosen : false : false) location.hash = chosen.dataset.to;
    else if (event.target.matches(".covered") ? event.key === "Enter" || event.key === " " : false) return act(event);
    else return;
    event.preventDefault();
  });
  addEventListener("hashchange", () => {
    const place = document.getElementById(location.hash.slice(1));
    place?.closest("details")?.setAttribute("open", "");
    if (stepping()) place?.dataset.step ? go(+place.dataset.step) : null;
    place?.scrollIntoView({ block: "nearest" });
  });

  // Step by step: each step is a line, with what stands between it and the next.
  const steps = $(main, ".line");
  const parts = $(main, "section :is(h2, h3, p, .scroll, .note, figure, .line, summary)").filter((part) => !part.parentElement.closest(".note, figure, .line, .scroll"));
  let before = 0;
  for (const part of parts) {
    const own = steps.indexOf(part);
    if (own >= 0) before = own;
    const follows = part.matches("h2, h3, summary") ? steps.findIndex((line) => part.compareDocumentPosition(line) === Node.DOCUMENT_POSITION_FOLLOWING) : -1;
    const beside = part.matches(".sketch") ? steps.indexOf(part.parentElement.querySelector(".line")) : -1;
    part.dataset.step = Math.max(follows, beside) >= 0 ? Math.max(follows, beside) : before;
  }
  let at = 0;
  const stepping = () => page.classList.contains("stepping");
  const go = (to) => {
    at = Math.max(0, Math.min(to, steps.length - 1));
    for (const part of parts) part.classList.toggle("later", stepping() ? part.dataset.step > at : false);
    steps.forEach((line, n) => line.classList.toggle("current", stepping() ? n === at : false));
    tools.querySelector(".count").textContent = `${at + 1} / ${steps.length}`;
    light(stepping() ? steps[at] : null);
    if (stepping()) steps[at].scrollIntoView({ block: "center" });
  };

  const tools = page.insertBefore(document.querySelector("template").content.firstElementChild.cloneNode(true), main);
  const press = (button, pressed) => button.setAttribute("aria-pressed", pressed);
  const [coverButton, stepButton] = [tools.querySelector(".cover"), tools.querySelector(".steps")];
  coverButton.addEventListener("click", () => {
    const on = page.classList.toggle("covering");
    press(coverButton, on);
    for (const answer of answers) cover(answer, on);
  });
  stepButton.addEventListener("click", () => {
    press(stepButton, page.classList.toggle("stepping"));
    for (const fold of $(main, "details")) fold.open = true;
    go(0);
  });
  tools.querySelector(".back").addEventListener("click", () => go(at - 1));
  tools.querySelector(".on").addEventListener("click", () => go(at + 1));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!stepping() || !by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(at + by);
  });
  coverButton.hidden = answers.length === 0;
  stepButton.hidden = 2 > steps.length;
})();
