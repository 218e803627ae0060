/* The picture of the graph: boxes with value and gradient, signs of operations, edges, and what moves
   along them in a step. Each is made once for a layout; a step changes texts and classes only. */

const SMALLEST = 0.72; /* so much smaller may the name in a box be */
const SMALLEST_NUMBER = 0.8;
let pen = null;
const LEAST_ROOM = 40; /* of a line that carries a pill so much is seen, or it stands beside the line */
const NEAR = 0.3, NEAREST = 60; /* of a line that comes from aside a pill rests near its operand, away from the others */
const MOST_PILLS = 6; /* on the edges of one step: of more nobody reads the numbers, which stand in the boxes too */
const HEAD = 11; /* so long is that of an arrow: no pill rests on it */
const HANDLES = 32; /* the room of the arrows beside the name of a leaf */
const FAR = 0.3; /* below this scale a large graph is an outline: its texts would be specks */
const SVG = ["http:", "", "www.w3.org", "2000", "svg"].join("/"); /* a name: nothing is loaded from there */

function on(element, name, act, options) { element.addEventListener(name, act, options); }

function set(element, name, given) { element.setAttribute(name, given); }

function rectOf(element) { return element.getBoundingClientRect(); }

function clear(element) { element.textContent = ""; }

function hasKeys(element) { return element.contains(document.activeElement); }

function giveKeys(element) { if (element) { element.focus({ preventScroll: true }); } }

/* An event of which nobody further out is told. */
function keep(event) { event.stopPropagation(); }

/* An event that is answered here, and by nobody else. */
function taken(event) {
  event.preventDefault();
  keep(event);
}

/* Keys with these are the browser's. */
function isShortcut(event) { return event.altKey || event.ctrlKey || event.metaKey; }

/* Lets Tab reach a part of the page, which has keys of its own. JupyterLab asks the element with the focus
   itself whether its own shortcuts should rest. */
function reachable(part, role, label) {
  set(part, "role", role);
  set(part, "tabindex", 0);
  set(part, "aria-label", label);
  part.dataset.lmSuppressShortcuts = true;
}

/* Makes a part of the picture a button: a click, Enter and the space bar do the same. */
function pressable(group, label, act) {
  reachable(group, "button", label);
  on(group, "click", (event) => { if (!event.defaultPrevented) { act(); } });
  on(group, "keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { taken(event); act(); }
  });
}

function drawn(tag, attributes, parent, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, given] of Object.entries(attributes)) { set(made, key, given); }
  if (text !== undefined) { made.textContent = text; }
  if (parent) { parent.appendChild(made); }
  return made;
}

/* A name with its index below, as in the formula: w1, b_2, w0_3. One that is too long for its room becomes smaller, and is cut where that is not enough. */
function labelled(place, name, attributes, room) {
  const line = drawn("text", attributes, place);
  const [, stem, index] = /^(\p{L}+)([₀-₉,]+)$/u.exec(asFormula(name)) || [null, name, ""];
  const full = widthOfName(stem) + 0.72 * widthOfName(index), size = max(SMALLEST, min(1, room / full));
  const letters = [...stem], left = room / size - 0.72 * widthOfName(index);
  let shown = stem;
  while (letters.length && widthOfName(shown) > left + 0.5) { letters.pop(); shown = letters.join("") + "…"; }
  if (size < 1) { line.style.fontSize = tenth(15 * size) + "px"; }
  line.textContent = shown;
  if (index) { drawn("tspan", { dy: 4, "font-size": tenth(10.8 * size) }, line, index.normalize("NFKC")); }
  return min(room, full * size);
}

/* How wide a name is as it is set in a box: asked of a canvas, since the page would be laid out. */
function widthOfName(text, size = "650 15") {
  pen = pen || document.createElement("canvas").getContext("2d");
  pen.font = size + "px system-ui, sans-serif";
  return pen.measureText(text).width;
}

/* Sets a number in `room`: smaller where it is too wide, and in fewer digits where that is not enough; all
   of them are in the title. */
function putNumber(line, text, number, room, size, after = "") {
  const all = [text, after, room].join();
  if (line.textNow === all) { return; }
  const width = (each) => (each.length * size < room ? 0 : widthOfName(each + after, size));
  const fits = (each) => SMALLEST_NUMBER * width(each) <= room;
  const shown = fits(text) || !isFinite(number) ? text : fewerDigits(number, fits);
  line.textNow = all;
  line.textContent = shown + after;
  line.style.fontSize = width(shown) > room ? tenth(size * max(SMALLEST_NUMBER, room / width(shown))) + "px" : "";
}

/* At worst in one digit and a power of ten, which has two, as in short(). */
function fewerDigits(number, fits) {
  return [5, 4, 3, 2, 1].map((digits) => inDigits(number, digits)).find(fits) || number.toExponential(0).replace(/(?<=e.)(?=.$)/, "0");
}

/* Sets a text only if it is another one, since most stay as they are from step to step. */
function put(line, text) {
  if (line.textNow !== text) { line.textNow = text; line.textContent = text; }
}

/* The same for a mark on an element: an attribute data-..., or a class that is on or off. */
function tell(element, name, text) {
  const known = element.toldNow || (element.toldNow = {});
  if (known[name] === text) { return; }
  known[name] = text;
  if (typeof text === "boolean") { element.classList.toggle(name, text); }
  else if (text) { element.dataset[name] = text; } else { delete element.dataset[name]; }
}

/* The part of a graph that a layout has places for, as a group to stand in the world. `pick` is told of a
   click on a node, `point` of the mouse on it or not; `adjust` makes a leaf live, and gives back what to
   do when its number changes. A box, a sign or a line is made when the window first shows it, and what
   the window does not show is no part of the page; so a large graph costs as little as a small one.
   What comes into the window is brought to the present step and numbers first. */
function pictureIn(graph, layout, { pick, point, adjust }) {
  const place = drawn("g", {});
  const [far, lines, folds, shapes, above] = ["gg-far", "gg-lines", "gg-folds", "gg-shapes", "gg-flow"].map((name) => drawn("g", { "class": name }, place));
  const parts = new Map(), flow = flowIn(above, layout);
  let now = null, version = 0, region = null, isFar = false;
  graph.nodes.forEach((node, i) => {
    if (!layout.boxes[i]) { return; }
    if (layout.signs[i]) {
      node.p.forEach((parent, k) => {
        const points = layout.edges.get(i + "_" + k); /* of very many operands most are in a fold */
        if (points) { line(i + "_" + k, points, () => widthOf(i, k)); }
      });
      line(String(i), stubOf(i), () => (now.known.gradients[i] === null ? 1.6 : thickness(now.known.gradients[i])));
      add("o" + i, shapes, layout.signs[i], 0, () => signOf(node, i), (sign) => tell(sign.group, "role", now.lit.roles.get("o" + i)));
    }
    add("n" + i, shapes, layout.boxes[i], 12, () => boxOf(node, i), (box) => showBox(box, node, i));
  });
  const all = [...parts.values()].reverse();
  const showFolds = layout.folds ? foldsIn(folds, graph, layout, pick) : () => undefined;
  return { place, show, flow, cull, boxesOf, size: layout.boxes.filter(Boolean).length, box: (i) => parts.get("n" + i)?.made?.group,
    spots: layout.boxes.concat((layout.folds || []).map((fold) => fold.box)) };

  function add(key, holder, { x, y, width, height }, margin, make, update) {
    parts.set(key, { key, holder, make, update, made: null, isSeen: false, shownAt: 0,
      left: x - margin, top: y - margin, right: x + width + margin, bottom: y + height + margin });
  }

  function line(key, points, width) {
    const xs = points.map(([x]) => x), ys = points.map(([, y]) => y), x = min(...xs), y = min(...ys);
    add(key, lines, { x, y, width: max(...xs) - x, height: max(...ys) - y }, 1, () => {
      const group = drawn("g", { "class": "gg-edge", "data-e": key }), course = courseOf(points, layout.isDown);
      return { group, course, path: drawn("path", { d: course.d }, group) };
    }, (made) => light(made, now.lit.edges.get(key) || "", width()));
  }

  /* Of a large graph what `inside` shows, in the picture's units; from afar, where no text could be read,
     its outline and the step. It is drawn at once, unless another step is about to be shown. */
  function cull(inside, scale, isTurning) {
    region = inside;
    isFar = scale < FAR;
    if (isFar && !far.firstChild) { outline(); }
    far.style.display = isFar ? "" : "none";
    if (now && !isTurning) { refresh(); }
  }

  function outline() {
    const paths = [...parts.values()].filter((part) => part.holder === lines)
      .map(({ key }) => curve(layout.edges.get(key) || stubOf(Number(key)), layout.isDown));
    drawn("path", { d: paths.join("") }, far);
    drawn("path", { d: outlines(layout.boxes) }, far);
  }

  /* From the last to the first, so that each can be put before the next: their order is that of Tab. */
  function refresh() {
    let before = null;
    all.forEach((part) => {
      const isSeen = isWanted(part);
      if (isSeen) {
        part.made = part.made || part.make();
        if (!part.isSeen) { part.holder.insertBefore(part.made.group, part.holder === shapes ? before : null); }
        if (part.shownAt !== version) { part.shownAt = version; part.update(part.made); }
        if (part.holder === shapes) { before = part.made.group; }
      } else if (part.isSeen) { part.made.group.remove(); }
      part.isSeen = isSeen;
    });
  }

  function isWanted(part) {
    return now.lit.roles.has(part.key) || now.lit.edges.has(part.key) || (!isFar && (!region ||
      (part.left < region.x + region.width && part.right > region.x && part.top < region.y + region.height && part.bottom > region.y))) ||
      (part.isSeen && hasKeys(part.made.group)); /* it would lose the keys */
  }

  function stubOf(i) {
    const sign = layout.signs[i], box = layout.boxes[i];
    return layout.isDown ? [[sign.x + sign.width / 2, sign.y + sign.height], [box.x + box.width / 2, box.y]] :
      [[sign.x + sign.width, sign.y + sign.height / 2], [box.x, box.y + box.height / 2]];
  }

  function signOf(node, i) {
    const { x, y, width, height } = layout.signs[i];
    const group = drawn("g", { "class": "gg-sign", "data-o": i, transform: `translate(${x},${y})` });
    drawn("rect", { width, height, rx: height / 2 }, group);
    drawn("text", { x: width / 2, y: height / 2 + 5, "text-anchor": "middle" }, group, node.s);
    on(group, "click", () => pick(i));
    return { group };
  }

  function boxOf(node, i) {
    const { x, y, width, height } = layout.boxes[i];
    const group = drawn("g", { "class": "gg-box gg-" + node.k, "data-n": i, transform: `translate(${x},${y})` });
    drawn("rect", { "class": "gg-outline", width, height, rx: 10 }, group);
    const box = { group, title: drawn("title", {}, group) };
    on(group, "pointerenter", () => put(box.title, described(node, i)));
    on(group, "mouseenter", () => point(i, true));
    on(group, "mouseleave", () => point(i, false));
    if (node.k === "constant") {
      box.value = drawn("text", { "class": "gg-value", x: width / 2, y: height / 2 + 6, "text-anchor": "middle" }, group);
    } else {
      const free = width - 26 - (node.k === "leaf" && graph.isLive ? HANDLES : 0);
      const [name, of] = nameOfBox(node, free);
      const used = labelled(group, graph.called(name), { "class": "gg-name", x: 13, y: 23 }, free);
      if (of && used + widthOfName(of, 13) + 8 <= free) { drawn("text", { "class": "gg-of", x: width - 13, y: 22, "text-anchor": "end" }, group, of); }
      box.value = drawn("text", { "class": "gg-value", x: 13, y: 48 }, group);
      drawn("path", { "class": "gg-rule", d: `M13 57H${width - 13}` }, group);
      box.gradient = drawn("text", { "class": "gg-gradient", x: 13, y: 75 }, group);
      box.mark = drawn("g", { "class": "gg-mark", transform: `translate(${width - 1},1)` }, group);
    }
    if (layout.cut) { stubsOn(group, layout.cut[i], layout.boxes[i], layout.isDown); }
    on(group, "click", (event) => { if (!event.defaultPrevented) { pick(i); } });
    if (node.k === "leaf" && graph.isLive) { box.adjusted = adjust(group, i, [width - 31, 15], { x: 5, y: 28, width: width - 10, height: 27 }); }
    return box;
  }

  /* What stands large in a box, and small beside it: of a node without a name of its own, whose operands have
     one, its formula is its name. */
  function nameOfBox({ n, of, p }, room) {
    const isTold = of && p.every((parent) => !graph.nodes[parent].of) && widthOfName(of) + 30 <= room;
    return isTold ? [of, asFormula(n)] : [n, of];
  }

  /* What of a step is to be in the window; not all of very many operands, of which none could be read. */
  function boxesOf(step) {
    const found = [...litIn(graph, step).roles].map(([key, role]) => [(key[0] === "n" ? layout.boxes : layout.signs)[Number(key.slice(1))], role])
      .filter(([box]) => box);
    return found.filter(([, role]) => !(role === "sender" && step.phase === "forward" && found.length > 12)).map(([box]) => box);
  }

  /* One step: `known` is what has come, `asked` what is hidden while a person guesses. */
  function show(step, known, { isAsked = false, beside = null } = {}) {
    const largest = known.gradients.reduce((most, each) =>
      (each !== null && isFinite(each) ? max(most, abs(each)) : most), 0) || 1;
    now = { known, isAsked, beside, largest, lit: litIn(graph, step) };
    version += 1;
    refresh();
    showFolds(step, known, largest);
    flow.show(step, graph, isAsked, (key) => parts.get(key)?.made?.course);
  }

  function showBox(box, node, i) {
    const { known, lit, isAsked, beside } = now, value = known.moved.has(i) ? graph.moved.get(i) : graph.values[i];
    const room = layout.boxes[i].width - 20, isOld = known.stale.has(i);
    putNumber(box.value, isAsked && lit.asked.value === i ? "?" : !known.values[i] ? "–" :
      node.k === "constant" ? plain(value) : short(value), value, room, isOld ? 15 : 19, isOld && known.values[i] ? " (old)" : "");
    tell(box.group, "gg-stale", isOld);
    tell(box.group, "role", lit.roles.get("n" + i));
    if (!box.gradient) { return; }
    const gradient = isAsked && lit.asked.gradients.has(i) ? "?" : node.f ? "frozen" : short(known.gradients[i]);
    const isWrong = beside && known.gradients[i] !== null && beside[i].isOff, half = room / 2 - 14; /* beside "≠" */
    putNumber(box.gradient, gradient, known.gradients[i], isWrong ? half : room, 15);
    box.wrong?.remove();
    if (isWrong) {
      box.wrong = drawn("text", { "class": "gg-wrong-gradient", x: room + 8, y: 75, "text-anchor": "end" }, box.group, "≠ ");
      putNumber(drawn("tspan", {}, box.wrong), short(beside[i].wrong), beside[i].wrong, half, 15);
    }
    const status = statusOf(i), share = graph.uses[i] ? known.received[i] / graph.uses[i] : 1;
    tell(box.group, "status", status);
    drawMark(box.mark, status, status === "waiting" ? 0 : status === "partial" ? share : 1);
    if (box.adjusted) { box.adjusted(); }
  }

  function statusOf(i) {
    return now.known.isSeeded || now.known.gradients[i] !== null ? now.known.status(i) : "";
  }

  function widthOf(node, k) {
    const parent = graph.nodes[node].p[k], sent = graph.sent[node][k];
    return sent && now.known.received[parent] >= sent.received ? thickness(sent.sent) : 1.6;
  }

  function thickness(number) {
    return isFinite(number) ? 1.2 + 4.8 * Math.sqrt(min(1, abs(number) / now.largest)) : 6;
  }

  function described(node, i) {
    const { known, isAsked } = now, uses = graph.uses[i], status = statusOf(i);
    const gradient = isAsked || known.gradients[i] === null ? "" : short(known.gradients[i]) + ", ";
    return nameIn(graph, i) + (known.values[i] ? " = " + short(graph.values[i]) : "") + (node.f ? "; frozen: no gradient reaches it" : known.isSeeded && !uses && i !== graph.root && node.k !== "constant" ? "; nothing is sent to it" : "") + (status ? "; gradient " + gradient + status : "") +
      (uses ? `, ${known.received[i]} of ${uses} ${uses > 1 ? "uses" : "use"} received` : "") + inModule(node);
  }
}

/* The module that made a node, where its name does not tell. */
function inModule({ path, said }) { return path && !said ? ", in " + path : ""; }

/* How wide a line is, and which way a step goes along it, if it does. */
function light(line, direction, width) {
  const { group, path, course } = line;
  if (line.widthNow !== tenth(width)) { line.widthNow = tenth(width); path.style.strokeWidth = line.widthNow; }
  if (line.directionNow === direction) { return; }
  line.directionNow = direction;
  tell(group, "gg-forward", direction === "forward");
  tell(group, "gg-backward", direction === "backward");
  line.tip?.remove();
  if (!direction) { return; }
  line.tip = drawn("path", { "class": "gg-tip", d: arrow(course, direction) }, group);
  if (group.parentNode) { group.parentNode.appendChild(group); } /* above those that rest */
}

/* The outlines of many boxes as one path. */
function outlines(boxes) {
  return boxes.map((box) => (box ? `M${tenth(box.x)} ${tenth(box.y)}h${box.width}v${box.height}h${-box.width}z` : "")).join("");
}

/* A line with its length and its points, computed here: to ask the page would make it lay out everything. */
function courseOf(points, isDown) {
  const PIECES = 24, xs = [], ys = [], lengths = [];
  return { d: curve(points, isDown), length, at };

  function measure() {
    if (lengths.length) { return; }
    const add = (x, y) => {
      const last = xs.length - 1;
      lengths.push(last < 0 ? 0 : lengths[last] + Math.hypot(x - xs[last], y - ys[last]));
      xs.push(x);
      ys.push(y);
    };
    add(...points[0]);
    bends(points, isDown).forEach((bend, i) => {
      for (let k = 1; k <= PIECES; k += 1) {
        const t = k / PIECES, u = 1 - t, at = (a, b, c, d) => u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * d;
        add(at(points[i][0], bend[0], bend[2], bend[4]), at(points[i][1], bend[1], bend[3], bend[5]));
      }
    });
  }

  function length() { measure(); return lengths.at(-1); }

  function at(far) {
    measure();
    const i = max(1, lengths.findIndex((each, k) => k > 0 && each >= far));
    const k = lengths[i] < far ? lengths.length - 1 : i, share = (far - lengths[k - 1]) / (lengths[k] - lengths[k - 1] || 1);
    return { x: xs[k - 1] + share * (xs[k] - xs[k - 1]), y: ys[k - 1] + share * (ys[k] - ys[k - 1]) };
  }
}

/* A head that touches the shape the line ends in: the result on the way forward, the operand back. */
function arrow(course, direction) {
  const length = course.length(), isBack = direction === "backward";
  const tip = course.at(isBack ? 0 : length), from = course.at(isBack ? min(10, length) : max(0, length - 10));
  const angle = Math.atan2(tip.y - from.y, tip.x - from.x);
  const point = (along, across) => [tip.x + along * Math.cos(angle) - across * Math.sin(angle),
    tip.y + along * Math.sin(angle) + across * Math.cos(angle)].map(tenth).join(" ");
  return `M${point(0, 0)}L${point(-11, 6)}L${point(-11, -6)}Z`;
}

/* Which boxes, signs and edges a step is about. */
function litIn(graph, step) {
  const roles = new Map(), edges = new Map(), asked = { value: null, gradients: new Set() };
  const { nodes } = graph, { node, phase } = step, isBack = phase === "backward";
  if (phase === "forward") {
    nodes[node].p.forEach((parent, k) => {
      roles.set("n" + parent, "sender");
      edges.set(node + "_" + k, phase);
    });
  }
  for (const [sender, k] of isBack ? step.edges : []) {
    if (!graph.sent[sender][k]) { continue; }
    const parent = nodes[sender].p[k];
    roles.set("n" + parent, "receiver");
    edges.set(sender + "_" + k, phase);
    asked.gradients.add(parent);
  }
  if (isBack || phase === "forward") {
    edges.set(String(node), phase);
    roles.set("o" + node, "operation");
  }
  roles.set("n" + node, isBack ? "sender" : "receiver");
  if (phase === "seed") { asked.gradients.add(node); } else if (!isBack) { asked.value = node; }
  return { roles, edges, asked };
}

/* A small disc: empty while waiting, filled by the share received, ringed while in progress. */
function drawMark(place, status, share) {
  if (place.markNow === status + share) { return; }
  place.markNow = status + share;
  clear(place);
  if (!status) { return; }
  const angle = 2 * Math.PI * share, x = tenth(5 * Math.sin(angle)), y = tenth(-5 * Math.cos(angle));
  if (status === "in progress") { drawn("circle", { r: 8 }, place); }
  drawn("circle", { r: 5, "class": status === "waiting" || share < 1 ? "" : "gg-full" }, place);
  if (share > 0 && share < 1) {
    drawn("path", { d: `M0 0V-5A5 5 0 ${share > 0.5 ? 1 : 0} 1 ${x} ${y}Z`, "class": "gg-full" }, place);
  }
}

/* What moves in a step carries its number: values to the operation and on; the upstream gradient to the
   operation, where it is multiplied by the local derivative, and its product to the operand. */
function flowIn(place, layout) {
  let running = null, sign = null, resting = []; /* the operation's sign, and the pills around it */
  return { show, stop };

  function stop() {
    if (running) { cancelAnimationFrame(running); }
    running = null;
    tell(place.parentNode, "gg-flowing", false);
  }

  function show(step, graph, isAsked, courseOf) {
    stop();
    clear(place);
    if (step.phase !== "backward" && step.phase !== "forward") { return; }
    const stub = courseOf(String(step.node));
    sign = layout.signs[step.node];
    resting = [];
    if (!stub) { return; } /* the step is of a part that is not open here */
    if (step.phase === "forward") {
      const { p } = graph.nodes[step.node]; /* an operand that is used twice has one pill: it is one number */
      const open = p.map((parent, k) => [courseOf(step.node + "_" + k), parent]).filter(([course, parent], k) => course && p.indexOf(parent) === k);
      const still = (open.length > MOST_PILLS ? [] : open)
        .map(([course, parent]) => moving(course, false, brief(graph.values[parent]), "gg-data", sideOf(course)));
      const result = moving(stub, false, isAsked ? "?" : brief(graph.values[step.node]), "gg-data", -1);
      run([still.map((token) => [token, 0, 1]), [[result, 0, 1]]]);
      return;
    }
    const first = step.edges.filter(([node, k]) => graph.sent[node][k] && courseOf(node + "_" + k)).slice(0, 4);
    /* The local derivatives stand across the sign from what the line carries. */
    const side = first.length === 1 ? -sideOf(courseOf(first[0].join("_"))) : -1;
    const upstream = moving(stub, true, brief(graph.gradients[step.node]), "gg-grad", -side);
    first.forEach(([node, k], n) => {
      const text = asFormula("× " + brief(graph.locals[node][k]));
      const token = pill(text, "gg-local"), half = token.width / 2;
      const at = layout.isDown ? [sign.x - half - 6, sign.y + sign.height / 2 + 28 * n] :
        [sign.x + (first.length > 1 ? half : sign.width / 2), side < 0 ? sign.y - 17 - 28 * n : sign.y + sign.height + 17];
      token.put(at);
      resting.push([...at, token.width]);
    });
    const sent = first.map(([node, k]) => moving(courseOf(node + "_" + k), true,
      isAsked ? "?" : brief(graph.sent[node][k].sent), "gg-grad", sideOf(courseOf(node + "_" + k))));
    run([[[upstream, 0, 1]], sent.map((token) => [token, 0, 1])]);
  }

  /* A number that moves along a line and rests in its middle; on a short one, of which it would hide all
     with the arrow, beside it: above for a `side` of -1, below for 1. It rests on no box, sign, or other pill. */
  function moving(course, isBack, text, kind, side) {
    const token = pill(text, kind), length = course.length(), off = layout.isDown || length >= token.width + LEAST_ROOM ? 0 : 19 * side;
    token.to = (share) => {
      const { x, y } = course.at(length * (isBack ? 1 - share : share));
      token.put([x, y + off]);
    };
    const key = layout.isDown ? "x" : "y", isAside = course.at(0)[key] !== course.at(length)[key];
    const { x, y } = course.at(isAside ? min(NEAR * length, NEAREST) : length / 2);
    const place = free([x, y + off], token.width, side, course, off && !isAside ? [0, 0] : isBack ? [HEAD, 0] : [0, HEAD]);
    token.rest = () => token.put(place);
    token.rest();
    return token;
  }

  /* Near the place of a pill, where it touches neither the box at the end of its line, nor the arrow, the sign, or another. */
  function free([x, y], width, side, course, [before, after]) {
    const key = layout.isDown ? "y" : "x", half = layout.isDown ? 14 : width / 2 + 2, start = course.at(0), end = course.at(course.length());
    const least = start[key] + half + before, most = end[key] - half - after;
    if (layout.isDown) { return [x, max(least, min(y, most))]; }
    const at = start.x > sign.x ? min(x, most) : max(x, least), middle = sign.y + CIRCLE, away = CIRCLE + 15;
    const isOver = abs(at - sign.x - sign.width / 2) < half + sign.width / 2 && abs(y - middle) < away;
    let across = isOver ? middle + side * away : y;
    const isTaken = ([left, top, wide]) => abs(left - at) < half + wide / 2 && abs(top - across) < 26;
    while (resting.some(isTaken)) { across += side * 26; }
    resting.push([at, across, width]);
    return [at, across];
  }

  /* Above a line that comes from above, or level; below one that comes from below: so those of two
     operands stand apart. */
  function sideOf(course) { return course.at(course.length()).y < course.at(0).y - 1 ? 1 : -1; }

  function pill(text, kind) {
    const group = drawn("g", { "class": "gg-token " + kind }, place), width = widthOfName(text, "650 14.5") + 16;
    drawn("rect", { x: -width / 2, y: -12, width, height: 24, rx: 12 }, group);
    drawn("text", { y: 5, "text-anchor": "middle" }, group, text);
    return { group, width, put: ([x, y]) => set(group, "transform", `translate(${tenth(x)},${tenth(y)})`) };
  }

  /* One leg after the other, then everything rests where it can be read. */
  function run(legs) {
    if (isCalm()) { return; }
    const start = performance.now(), pace = 380;
    tell(place.parentNode, "gg-flowing", true); /* the number of what receives comes with its pill */
    const moves = new Set(legs.flat().map(([token]) => token));
    moves.forEach((token) => { token.group.style.opacity = 0; });
    running = requestAnimationFrame(function frame(now) {
      const at = (now - start) / pace, leg = Math.floor(at);
      legs.forEach((tokensOfLeg, i) => tokensOfLeg.forEach(([token, from, to]) => {
        token.group.style.opacity = i === leg ? 1 : 0;
        if (i === leg) { token.to(from + (to - from) * eased(at - leg)); }
      }));
      if (leg < legs.length) { running = requestAnimationFrame(frame); return; }
      moves.forEach((token) => { token.group.style.opacity = 1; token.rest(); });
      stop();
    });
  }
}

function eased(share) { return share * share * (3 - 2 * share); }

function isCalm() { return matchMedia("(prefers-reduced-motion: reduce)").matches; }
