/* What stands around the picture: formula, timeline, equation line, controls, and the drawers with
   table, words, wrong engines and experiments. Each function builds one of them in a place and gives
   back how to show a step; none knows the others. stage.js puts them together. */

const ICONS = {
  first: "M4 3v10M12 3L7 8l5 5", back: "M10 3L5 8l5 5", play: "M5 3v10l7-5z",
  pause: "M5 3v10M11 3v10", forward: "M6 3l5 5-5 5", last: "M12 3v10M4 3l5 5-5 5",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3", closer: "M8 3v10M3 8h10", farther: "M3 8h10", close: "M4 4l8 8M12 4l-8 8", restore: "M3 8a5 5 0 1 0 2-4M5 1v3h3",
};

function make(tag, name, parent, text) {
  const made = document.createElement(tag);
  if (name) { made.className = name; }
  if (text) { made.textContent = text; }
  if (/^(button|input|select)$/.test(tag)) { made.dataset.lmSuppressShortcuts = true; }
  if (parent) { parent.appendChild(made); }
  return made;
}

/* A field for a number, with what some keys do in it. The page around has keys of its own: none gets there. */
function fieldIn(place, label, keys) {
  const input = make("input", "", place);
  input.type = "text";
  input.inputMode = "decimal";
  if (label) { set(input, "aria-label", label); }
  on(input, "keydown", (event) => {
    if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
    keep(event);
  });
  return input;
}

/* The same for a number that `give` gets when it has been typed, and `step` changes by 1 or -1 step. */
function numberIn(place, label, give, step) {
  const input = fieldIn(place, label, { Enter: take, ArrowUp: () => step(1), ArrowDown: () => step(-1) });
  on(input, "change", take);
  return input;

  function take() {
    const number = typed(input.value);
    set(input, "aria-invalid", isNaN(number));
    give(number);
  }
}

function icon(name, parent) {
  const box = drawn("svg", { viewBox: "0 0 16 16", "class": "gg-icon", "aria-hidden": true }, parent);
  drawn("path", { d: ICONS[name] }, box);
}

function buttonIn(place, name, label, act, text) {
  const made = make("button", "gg-" + name, place);
  made.type = "button";
  made.title = label;
  if (ICONS[name]) { icon(name, made); }
  if (text) { make("span", "", made, text); } else { set(made, "aria-label", label); }
  on(made, "click", act);
  return made;
}

/* The expression; each part of it is a node that can be pointed at. A row keeps its beginning, "y =",
   and what follows scrolls beside it, so that the part of the step is seen. Where the operation of the step,
   one of the keys of `operations`, is not written out, as those behind MLP(x) are not, its own expression
   takes that place. In `aside` stands the line of the program. */
function formulaIn(place, aside, html, lines, operations, { point, pick }) {
  const box = make("div", "gg-formula"), rows = rowsOfMath();
  const own = make("div", "gg-tail", make("div", "gg-equality gg-own", box)), tails = [own, ...rows.map((row) => row.lastChild)];
  const line = make("div", "gg-source", aside), parts = new Map();
  place.prepend(box);
  line.hidden = !lines.length;
  tails.forEach(slidable);
  const sliding = tails.concat(box);
  sliding.forEach((part) => on(part, "scroll", () => showEdges([part]), { passive: true }));
  new ResizeObserver(() => showEdges(sliding)).observe(box);
  box.querySelectorAll("[data-n]").forEach((part) => {
    const i = Number(part.dataset.n);
    parts.set(i, (parts.get(i) || []).concat(part));
    on(part, "mouseover", (event) => { keep(event); point(i, true); });
    on(part, "mouseout", () => point(i, false));
    on(part, "click", (event) => { keep(event); pick(i); });
  });
  const all = [...parts.values()].flat(), isOwn = (i) => !html || (operations.has(i) && !box.querySelector(`[data-n="${i}"] [data-n]`)); /* whether its operands are not written */
  tell(box, "gg-of-step", [...operations.keys()].some(isOwn));
  if (all.length) {
    reachable(box, "group", "Formula: arrow keys go through its parts, Enter goes to the step");
    let at = -1;
    const pointed = () => Number(all[at].dataset.n);
    on(box, "keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Enter" && at >= 0) { pick(pointed()); keep(event); }
      if (!by || isShortcut(event)) { return; }
      taken(event);
      at = (at + by + all.length) % all.length;
      point(pointed(), true);
      bring(all[at]);
    });
    on(box, "blur", () => { if (at >= 0) { point(null, false); at = -1; } });
  }
  return { show(step, node, text, part, of) {
    const isInner = isOwn(of) && !(html && step.isLayer);
    tell(box, "gg-inner", isInner);
    typeset(own, asFormula(text), isInner && part);
    all.forEach((part) => part.classList.remove("gg-now", "gg-goal"));
    mark(step.node, "gg-now");
    (step.edges || []).forEach(([sender, k]) => markUse(sender, node(sender).p, k));
    put(line, lines[node(step.node).w] || "");
    line.title = line.textNow;
  }, center() {
    const now = box.querySelector(".gg-goal") || box.querySelector(".gg-now");
    if (own.scrollLeft) { own.scrollLeft = 0; }
    if (now) { bring(now); }
    showEdges(sliding);
  } };

  function rowsOfMath() {
    const whole = make("div", "", box);
    whole.innerHTML = html;
    return [...whole.children].map((all) => {
      const row = make("div", "gg-equality"), tail = make("div", "gg-tail");
      whole.replaceChild(row, all);
      if (all.children.length === 3) {
        const head = document.createElementNS(all.namespaceURI, "math");
        head.append(...[...all.children].slice(0, 2));
        row.append(head);
      }
      row.append(tail);
      tail.append(all);
      return row;
    });
  }

  /* Scrolls so that a part is seen: its middle, or its beginning where it is longer than there is room. */
  function bring(part) {
    const tail = part.closest(".gg-tail"), inside = rectOf(part);
    if (tail && tail.scrollWidth > tail.clientWidth) {
      const outside = rectOf(tail);
      tail.scrollLeft += inside.left - outside.left - max(20, (outside.width - inside.width) / 2);
    }
    const row = part.closest(".gg-equality"), seen = rectOf(box), { top, bottom } = rectOf(row);
    if (top < seen.top) { box.scrollTop += top - seen.top; } else if (bottom > seen.bottom) { box.scrollTop += bottom - seen.bottom; }
  }

  /* Of the places where an operand stands the one that the step is about. */
  function markUse(sender, operands, k) {
    const inside = (parts.get(operands[k]) || []).filter((part) => {
      const around = part.parentNode.closest("[data-n]");
      return around && Number(around.dataset.n) === sender;
    });
    const place = operands.slice(0, k).filter((operand) => operand === operands[k]).length;
    if (inside.length) { inside[min(place, inside.length - 1)].classList.add("gg-goal"); }
  }

  function mark(i, name) { (parts.get(i) || []).forEach((part) => part.classList.add(name)); }
}

/* A formula with its indices below, its letters as those of mathematics, and a part of it marked. */
function typeset(place, text, part) {
  const at = part ? text.indexOf(part) : -1;
  clear(place);
  if (at >= 0) {
    typeset(make("span", "", place), text.slice(0, at));
    typeset(make("span", "gg-now", place), part);
    text = text.slice(at + part.length);
  }
  text.split(/([₀-₉]+(?:,[₀-₉]+)*)|\b([A-Za-z])\b/).forEach((part, i) => { if (part) { make(["span", "sub", "i"][i % 3], "", place, i % 3 === 1 ? part.normalize("NFKC") : part); } });
}

/* Where more of a part is hidden it fades out: rows to their sides, all of them above and below. All are
   measured before any is changed. */
function showEdges(parts) {
  parts.map(({ className, scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight }) => (className.startsWith("gg-tail") ?
    { left: scrollLeft > 1, right: scrollLeft + clientWidth < scrollWidth - 1 } :
    { above: scrollTop > 1, below: scrollTop + clientHeight < scrollHeight - 1 })).forEach((edges, i) => Object.entries(edges).forEach(([edge, isHidden]) => tell(parts[i], "gg-more-" + edge, isHidden)));
}

/* Scrolls sideways by wheel, mouse or finger; by keys where its parts are gone through. */
function slidable(part) {
  let from = null, isSlid = false;
  on(part, "wheel", (event) => {
    const by = event.deltaX || (event.shiftKey ? event.deltaY : 0), before = part.scrollLeft;
    part.scrollLeft += by;
    if (part.scrollLeft !== before) { event.preventDefault(); }
  }, { passive: false });
  on(part, "pointerdown", (event) => { from = event.button ? null : [event.clientX, part.scrollLeft]; isSlid = false; });
  on(part, "pointermove", (event) => {
    if (!from || !event.buttons) { return; }
    isSlid = isSlid || abs(event.clientX - from[0]) > 4;
    part.scrollLeft = from[1] - (event.clientX - from[0]);
  });
  ["pointerup", "pointercancel"].forEach((name) => on(part, name, () => { from = null; }));
  on(part, "click", (event) => { if (isSlid) { keep(event); } }, true);
}

/* The steps as one track, which is the slider too. Of very many steps the page has a part, which begins
   at step `first` of `all`. */
function timelineIn(place, go, first, all) {
  const row = make("div", "gg-timeline", place), track = make("div", "gg-track", row);
  const ticks = make("div", "gg-ticks", track), slider = make("input", "", track);
  const tally = make("div", "gg-tally", row), outcome = make("div", "gg-outcome", tally), count = make("div", "gg-count", tally);
  const name = make("span", "", outcome), change = make("span", "", outcome);
  set(outcome, "role", "status");
  set(ticks, "aria-hidden", "true");
  slider.type = "range";
  set(slider, "aria-label", "Step");
  on(slider, "input", () => go(Number(slider.value) - Number(slider.min)));
  let drawnFor = "", parts = [], shown = null, at = 0;
  new ResizeObserver(() => { /* the count beside it may become longer */
    if (shown && hasTicks() === Boolean(parts[0].bar)) { draw(); mark(); }
    measureNames();
  }).observe(ticks);
  return (steps, now, isOwn = false, before = "", changed = ["", ""]) => {
    const start = isOwn ? 0 : first, phases = steps === shown ? drawnFor : steps.map((step) => step.phase).join();
    shown = steps;
    at = now;
    if (drawnFor !== phases) { draw(); drawnFor = phases; }
    slider.min = start + 1;
    slider.max = start + steps.length;
    slider.value = start + now + 1;
    const total = isOwn || !first ? steps.length : max(all, first + steps.length);
    put(count, `${before}step ${start + now + 1} of ${total}`);
    before ||= innerWidth > 700 && place.querySelector(".gg-throw") ? "throw 10 " : ""; /* it will come */
    tell(count, "to", `${before}step ${total} of ${total}`);
    [name, change].forEach((each, i) => put(each, changed[i]));
    count.title = total > start + steps.length || start ? `Steps ${start + 1} to ${start + steps.length} of ${total} are on this page` : "";
    set(slider, "aria-valuetext", count.textNow + ", " + steps[now].phase);
    mark();
  };

  function mark() {
    parts.forEach((part) => {
      const done = max(0, min(part.length, at + 1 - part.start));
      part.isHere = done > 0 && at < part.start + part.length;
      if (part.ticks.length) {
        part.ticks.forEach((tick, i) => {
          tell(tick, "gg-on", i < done);
          tell(tick, "gg-now", i + part.start === at);
        });
      } else {
        part.bar.style.width = 100 * done / part.length + "%";
        tell(part.bar, "gg-here", part.isHere);
      }
    });
    fitNames();
  }

  /* Whether each has 3 pixels, and as many beside it: else they are one bar. */
  function hasTicks() { return ticks.clientWidth > 6 * shown.length; }

  function measureNames() {
    parts.forEach((part) => {
      part.isTight = part.name.offsetWidth > part.box.clientWidth;
      part.isApart = part.bar && part.phase === "seed" && row.clientWidth > 700; /* forward is long, and its name far away */
    });
    fitNames();
  }

  /* A name that is wider than its part is left out, if it stands near others; that of the step then stands alone. */
  function fitNames() {
    const isAlone = parts.some(({ isHere, isTight, isApart }) => isHere && isTight && !isApart);
    parts.forEach(({ name, isHere, isTight, isApart }, i) => Object.assign(name.style,
      { visibility: (isAlone ? isHere : !isTight || isApart) ? "" : "hidden", alignSelf: i && isTight ? "flex-end" : "" }));
  }

  function draw() {
    clear(ticks);
    parts = [];
    shown.forEach((step, i) => {
      let part = parts.at(-1);
      if (!part || part.phase !== step.phase) {
        part = { phase: step.phase, start: i, length: 0, ticks: [] };
        parts.push(part);
      }
      part.length += 1;
    });
    const isBar = !hasTicks();
    parts.forEach((part) => {
      const box = part.box = make("div", "gg-part gg-phase-" + part.phase, ticks);
      box.style.flexGrow = part.length;
      part.name = make("span", "gg-phase-name", box, part.phase);
      const line = make("div", "gg-line", box);
      if (isBar) { part.bar = make("i", "gg-on gg-bar", line); return; }
      for (let i = 0; i < part.length; i += 1) { part.ticks.push(make("i", "", line)); }
    });
    requestAnimationFrame(measureNames);
  }
}

/* The step as one or two equations. For readers of the screen the sentence says the same. */
function equationIn(box) {
  set(box, "aria-hidden", "true");
  slidable(box); /* on a phone the two lines of a layer are beside each other */
  return (graph, step, isAsked, beside = null) => {
    clear(box);
    box.className = "gg-equation" + (step.isLayer ? " gg-layer" : "");
    const isNarrow = matchMedia("(max-width: 700px)").matches;
    step.equations.forEach((equation, n) => {
      const line = make("div", n ? "gg-second" : "gg-first", box);
      let pair = null, sign = "", bound = null;
      equation.forEach((term) => {
        if (typeof term === "string") { sign = term; return; }
        pair = make("span", "gg-pair", sign === "=" ? pair : line); /* a line breaks before a sign, but never before "=" */
        const before = bound;
        bound = make("span", "gg-pair", pair);
        /* Matrices on a phone have lines of their own, which end with it. */
        if (sign) { make("b", "gg-sign-between", sign === "=" && step.isLayer && isNarrow ? before : bound, sign); }
        const [caption, text, isAnswer] = term;
        const said = written(graph, caption);
        const kind = /^upstream|gradient|^contribution|^seed|^δ|^∂/.test(said) ? " gg-grad" : /^local/.test(said) ? " gg-local" : "";
        const shown = isAnswer && isAsked ? "?" : written(graph, text, step);
        const card = make("span", "gg-term" + kind + (isAnswer ? " gg-answer" : "") + (shown.includes("\t") ? " gg-grid" : ""), bound);
        make("small", "", card, isNarrow ? abbreviated(said, graph.result) : said).title = said;
        make("b", "", card, shown);
        tell(card, "gg-wide", shown.length > 16);
      });
    });
    const last = box.lastChild;
    if (beside) { make("div", "gg-uses gg-beside", last, beside); }
    else if (step.phase === "backward" && step.edges.length === 1 && !isAsked) {
      const [received, uses] = usesOf(graph, step);
      if (uses > 1 || !isNarrow) { make("div", "gg-uses", last, `${received} of ${uses} ${uses > 1 ? "uses" : "use"} received` +
        (received < uses ? ": not complete yet" : ": complete")); }
    }
  };
}

/* A caption where there is little room: of the upstream and the local derivative the place and the colour tell too. */
function abbreviated(said, root) {
  const text = said.replace(/^gradient of (.+?)( so far)?$/, `∂${root}/∂$1$2`).replace("learning rate", "η").replace(" all updates", "");
  return text.length > 15 ? text.replace(/^(upstream|local) /, "") : text;
}

/* How many of its contributions the receiver of a step has, and will get. */
function usesOf(graph, step) {
  const [[sender, k]] = step.edges, edge = graph.sent[sender][k];
  return step.uses || [edge.received, graph.uses[graph.nodes[sender].p[k]]]; /* of a part of a graph Python has counted */
}

/* Predict: a place to guess the answer of the step before it is shown. */
function guessIn(place, { reveal, next, leave }) {
  const form = make("form", "gg-guess", place), field = make("label", "", form);
  make("span", "gg-yours", field, "Your guess of ");
  const wish = make("span", "", field);
  const input = fieldIn(field, "", { Enter: () => form.requestSubmit(), Escape: leave }); /* JupyterLab stops Enter itself */
  let wanted = null, isDone = false, hasNext = false;
  input.autocomplete = "off";
  make("button", "", form, "Check").type = "submit";
  const show = make("button", "", form, "Show");
  show.type = "button";
  on(show, "click", reveal);
  const verdict = make("span", "gg-verdict", form);
  set(verdict, "role", "status");
  on(form, "keydown", (event) => {
    if (isDone && event.key === "ArrowRight" && !isShortcut(event)) { taken(event); next(); }
  }, true);
  on(form, "keydown", keep); /* a notebook has keys of its own */
  on(form, "submit", (event) => {
    event.preventDefault();
    if (isDone) { next(); return; }
    if (!input.value.trim()) { reveal(); return; }
    if (isRight(input.value, wanted)) { reveal(); verdict.textContent = "Right." + (hasNext ? " Enter goes on." : ""); return; }
    const isNumber = !isNaN(typed(input.value)) || isNaN(wanted);
    verdict.textContent = isNumber ? "Not yet: try again." : "That is no number.";
  });
  return { input, show(number, of, isPredicting, isAsked, isNew, isBeforeLast) {
    put(wish, asFormula(of.replace(/^the |, sample.*/g, ""))); /* which sample stands above the picture */
    if (!isPredicting && hasKeys(form)) { leave(); } /* the keys would go with the field */
    form.hidden = !isPredicting;
    hasNext = isBeforeLast;
    isDone = !isAsked;
    set(show, "aria-disabled", isDone);
    wanted = number;
    if (isNew) { input.value = verdict.textContent = ""; }
  } };
}

/* Within one per cent, since the numbers shown are rounded; nan and infinity literally. */
function isRight(text, wanted) {
  const guess = typed(text);
  if (isNaN(wanted)) { return text.trim().toLowerCase() === "nan"; }
  return isFinite(wanted) ? abs(guess - wanted) <= 0.01 * abs(wanted) : guess === wanted;
}

/* The drawers: one is open at a time, beside the picture or below it, never over the step. */
function drawersIn(place, bar, opened) {
  const box = make("aside", "gg-drawer", place), head = make("div", "gg-drawer-head", box);
  const title = make("b", "", head), body = make("div", "gg-drawer-body", box), drawers = new Map();
  buttonIn(head, "close", "Close", () => open(null));
  box.hidden = true;
  reachable(body, "group", "");
  let now = null;
  return { add, open, toggle, has: (name) => drawers.has(name), openNow: () => now };

  function add(name, label, button) {
    const content = make("div", "gg-drawer-" + name, body);
    content.hidden = true;
    const opener = buttonIn(bar, "open-" + name, button, () => toggle(name), label);
    set(opener, "aria-expanded", "false");
    drawers.set(name, { content, opener, label });
    return content;
  }

  function toggle(name) { open(now === name ? null : name); }

  function open(name) {
    const opener = now && hasKeys(box) ? drawers.get(now).opener : null, isOther = name !== now;
    now = name;
    drawers.forEach(({ content, opener, label }, each) => {
      content.hidden = each !== name;
      set(opener, "aria-expanded", each === name);
      if (each === name) { put(title, label); set(body, "aria-label", label); }
    });
    box.hidden = name === null;
    if (isOther) { body.scrollTo(0, 0); }
    if (box.hidden && opener) { giveKeys(opener); } /* it was in what is gone */
    opened(name);
  }
}

const HEADINGS = ["step", "edge", "upstream", "local", "contribution", "result"];

function tableIn(place, headings) {
  const table = make("table", "", place), head = make("tr", "", make("thead", "", table));
  headings.forEach((heading) => { make("th", "", head, heading).scope = "col"; });
  const body = make("tbody", "", table);
  return { table, head, body };
}

const AROUND = 12; /* so many rows are made before and after those that are seen */

/* A table of any length. Rows are made where they are seen, since those of a thousand steps would take
   longer than a frame; a gap before and after them is as high as the others. `textsOf(i)` are the texts of
   a row, `mark(row, i)` says what else it is, and `begin(row)` gets each that is made. Of what is shown `isNew`
   says that the rows are others, and `at` which of them is to be seen, null for none. */
function longTableIn(place, headings, { textsOf, mark, begin = () => undefined }) {
  const { table, head, body } = tableIn(place, headings), scroller = place.parentNode, rows = [];
  const widest = make("tr", "gg-widest", make("tfoot", "", table)), gaps = [make("tr"), make("tr")];
  let count = 0, from = 0, height = 0, most = 2 * AROUND;
  headings.forEach(() => make("td", "", widest));
  on(scroller, "scroll", () => { if (isOpen() && firstToMake() !== from) { draw(firstToMake()); } }, { passive: true });
  new ResizeObserver(() => { if (isOpen()) { measure(); draw(firstToMake()); } }).observe(scroller);
  return { head, show, hide };

  function show(total, at, isNew) {
    if (isNew) {
      count = total;
      set(table, "aria-rowcount", total + 1);
      [...widest.cells].forEach((cell) => put(cell, ""));
      draw(0);
      measure();
      draw(0); /* now the gaps are as high as the rows that they stand for */
      for (let i = 0; count > rows.length && i < count; i += 1) { widen(textsOf(i)); }
    }
    if (at !== null) { bring(at); }
    draw(isNew || at !== null ? firstToMake() : from);
  }

  function hide(k, isHidden) { [head, widest, ...rows].forEach((row) => { row.cells[k].hidden = isHidden; }); }

  function isOpen() { return count > 0 && !place.hidden; }

  function measure() {
    height = rows.length ? rectOf(rows.at(-1)).height : 0; /* the first has half a border less */
    most = 2 * AROUND + (height ? Math.ceil(scroller.clientHeight / height) : 0);
  }

  function firstToMake() {
    const above = rectOf(scroller).top - rectOf(body).top;
    return height ? max(0, min(Math.floor(above / height) - AROUND, count - most)) : 0;
  }

  /* Scrolls the drawer, and nothing around it, to a row that is not seen: then it stands right below the head. */
  function bring(i) {
    const { top, bottom } = rectOf(scroller), at = rectOf(body).top + i * height, covered = head.offsetHeight;
    if (at < top + covered || at + height > bottom) { scroller.scrollTop += at - top - covered; }
  }

  function draw(first) {
    const end = min(count, first + most);
    from = first;
    while (rows.length > end - from) { rows.pop().remove(); }
    while (rows.length < end - from) { rows.push(rowMade()); }
    rows.forEach((row, k) => {
      const i = from + k, texts = textsOf(i);
      if (row.at !== i) { row.at = i; set(row, "aria-rowindex", i + 2); }
      texts.forEach((text, cell) => put(row.cells[cell], text));
      if (count > rows.length) { widen(texts); }
      mark(row, i);
    });
    gaps.forEach((gap, k) => {
      const missing = k ? count - end : from;
      gap.style.height = missing * height + "px";
      if (!missing) { gap.remove(); } else if (k) { body.append(gap); } else { body.prepend(gap); }
    });
  }

  function rowMade() {
    const row = make("tr", "", body);
    [...head.cells].forEach(({ hidden }) => { make("td", "", row).hidden = hidden; });
    begin(row);
    return row;
  }

  /* The columns are as wide as their longest texts, so that nothing moves while one scrolls. */
  function widen(texts) {
    texts.forEach((text, k) => { if (text.length > widest.cells[k].textContent.length) { put(widest.cells[k], text); } });
  }
}

/* The table of all steps, with the numbers as they are. */
function rowsIn(place, first, { go, point, mark }) {
  let seen = null;
  /* Where a step arrives. */
  const arrivals = ({ phase, edges, outs, node }) => outs || (phase === "backward" ? edges.map(([sender, k]) => seen.graph.nodes[sender].p[k]) : [node]);
  const table = longTableIn(place, HEADINGS, {
    textsOf: (i) => [String(first + i + 1), ...seen.steps[i].cells.map((cell) => written(seen.graph, cell, seen.steps[i]))],
    mark: (row, i) => {
      const { steps, now, isPredicting, isAsked } = seen;
      tell(row, "phase", steps[i].phase);
      tell(row, "n", arrivals(steps[i]).join(" "));
      tell(row, "gg-now", i === now);
      tell(row, "gg-secret", isAsked && i === now);
      tell(row, "gg-future", isPredicting && i > now);
      set(row, "aria-current", i === now ? "step" : false);
      spread([...row.cells], steps[i].isLayer);
    },
    begin: (row) => {
      on(row, "click", () => go(row.at));
      on(row, "mouseenter", () => arrivals(seen.steps[row.at]).forEach(mark));
      on(row, "mouseleave", () => point(null, false));
    },
  });
  return (graph, steps, now, isPredicting, isAsked, isVisible) => {
    if (!isVisible) {
      if (seen) { table.show(0, null, true); }
      seen = null;
      return;
    }
    const isNew = seen === null || seen.steps.length !== steps.length || seen.steps.some((step, i) => step !== steps[i]);
    /* Before the steps of layers stand their weights, which the equation sends to. */
    const isMoved = (seen === null || seen.now !== now) && !steps[now].isLayer;
    seen = { graph, steps, now, isPredicting, isAsked };
    table.show(steps.length, isMoved ? now : null, isNew);
  };

  /* In a narrow window the last columns are right of its edge: a result begins in the first that is empty; that of a
     layer, which is long, in every window where all of them are. */
  function spread(cells, isLayer) {
    const result = cells.pop(), isOver = matchMedia("(max-width: 1040px)").matches || (isLayer && !cells[2].textNow);
    let end = cells.length;
    while (isOver && !cells[end - 1].textNow) { end -= 1; }
    cells.forEach((cell, k) => { cell.hidden = k >= end; });
    result.colSpan = cells.length - end + 1;
  }
}

/* The step in words, with the line of the program and the check by differences. */
function wordsIn(place, lines, canThrow) {
  const saying = make("p", "gg-words", place), check = make("p", "gg-check", place);
  const line = make("p", "gg-line-of-code", place), legend = make("p", "gg-legend", place);
  make("p", "gg-small", place, "Keys: ← → step, Space plays, P predict, T steps, W words, M mistakes, E explore, " +
    (canThrow ? "N throw again, " : "") + "R start again, F all of the graph, + − zoom, Shift with arrows pans; ↑ ↓ and Enter change a number.");
  const counts = {};
  ["waiting", "partial", "in progress", "done"].forEach((status, i) => {
    const item = make("span", "", legend);
    const box = drawn("svg", { viewBox: "-9 -9 18 18", "class": "gg-mark", "aria-hidden": true }, item);
    drawMark(box, status, [0, 0.5, 1, 1][i]);
    make("span", "", item, status + " ");
    counts[status] = make("b", "", item, "0");
  });
  return (graph, step, sentence, known, isAsked) => {
    put(saying, sentence);
    put(check, isAsked ? "" : written(graph, checked(graph, step)));
    put(line, lines[graph.nodes[step.node].w] || "");
    legend.hidden = !known;
    for (const status of known ? Object.keys(counts) : []) {
      put(counts[status], graph.nodes.filter((node, i) => known.status(i) === status).length);
    }
  };
}

/* What differences say of a gradient that is complete: as stored, or computed here as `checks` in steps.py does. */
function checked(graph, step) {
  if (!graph.isLive) { return step.check; }
  const [received, uses] = graph.isChecked && step.edges.length === 1 ? usesOf(graph, step) : [];
  if (!uses || received < uses) { return ""; }
  const [[sender, k]] = step.edges, i = graph.nodes[sender].p[k], gradient = graph.gradients[i];
  const { value, error, isKink, isDoubtful } = byDifferences(graph, i), slope = `∂${graph.result}/∂${graph.nodes[i].n}`;
  const isSame = abs(value - gradient) - 4 * error <= 1e-4 * max(abs(value), abs(gradient));
  return "Check by differences: " + (isKink ? `there is no single slope ${slope} here.` :
    isDoubtful ? `they tell nothing of ${slope} here.` :
      `${slope} ≈ ${short(value)}, ${isSame ? "the same" : "not " + short(gradient)}.`);
}

const WHY = [ /* of WRONG_ENGINES, in their order */
  "Each contribution replaces the one before it: a node that is used twice keeps only the last.",
  "A node sends its gradient on when it is first reached, before all of it has arrived.",
  "A second backward() starts from what the first left at every node.",
  "A second backward() adds to what the first left at the leaves: zero_grad was forgotten.",
];

/* Wrong engines, stepped beside the right one. `choose` is told which one the picture shows. */
function mistakesIn(place, choose) {
  make("p", "", place, "Choose a wrong engine: its gradients stand beside the right ones.");
  const choices = make("div", "gg-choices"), why = make("p", "gg-why", place);
  place.parentNode.before(choices); /* there they stay while the table scrolls */
  set(choices, "role", "group");
  set(choices, "aria-label", "Wrong engines");
  const names = Object.keys(WRONG_ENGINES);
  let chosen = null;
  const buttons = names.map((name, k) => buttonIn(choices, "engine", WHY[k], () => {
    chosen = chosen === name ? null : name;
    choose(chosen);
  }, name));
  let order = [], results = [], receiver = null, nameAt = null;
  const table = longTableIn(place, ["node", "right", ...names], {
    textsOf: (at) => [nameAt(order[at]), short(results[0][order[at]].right), ...results.map((result) => offAt(result[order[at]]))],
    mark: (row, at) => {
      results.forEach((result, k) => tell(row.cells[k + 2], "gg-off", result[order[at]].isOff));
      tell(row, "gg-now", order[at] === receiver);
    },
  });
  return (graph, count, arrives, nodes) => {
    buttons.forEach((button, i) => set(button, "aria-pressed", names[i] === chosen));
    put(why, chosen ? WHY[names.indexOf(chosen)] + (chosen === names[0] && max(...graph.uses) < 2 ? " No difference here: no node is used twice." : "") : "");
    names.forEach((name, k) => {
      tell(table.head.cells[k + 2], "gg-chosen", name === chosen);
      table.hide(k + 2, chosen !== null && name !== chosen);
    });
    const before = order.length;
    nameAt = (i) => graph.nodes[i].d || nameIn(graph, i);
    receiver = arrives;
    results = compared(graph, names, count);
    order = (nodes || graph.nodes.map((node, i) => i).reverse()).filter((i) => graph.gradients[i] !== null);
    const at = order.indexOf(receiver);
    table.show(order.length, at < 0 ? null : at, before !== order.length);
  };

  function offAt({ wrong, isOff }) { return (isOff ? "≠ " : "") + short(wrong); }
}
