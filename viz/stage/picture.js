/* The picture of the graph: boxes with value and gradient, signs of operations, edges, and what moves
   along them in a step. It is drawn once for a layout; a step changes texts and classes only. */

const SVG = "http:" + "/" + "/www.w3.org/2000/svg";

function drawn(tag, attributes, parent, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, given] of Object.entries(attributes)) { made.setAttribute(key, given); }
  if (text !== undefined) { made.textContent = text; }
  if (parent) { parent.appendChild(made); }
  return made;
}

/* A name with its index below, as in mathematics: w1, x[2], w0_3. */
function labelled(place, name, attributes) {
  const line = drawn("text", attributes, place);
  const [, stem, index] = /^(.*?[^\d_])_?(\d+(?:_\d+)?)$/.exec(name) || [null, name, ""];
  const room = 13 - Math.ceil(0.7 * index.length), letters = [...stem];
  drawn("tspan", {}, line, letters.length > room ? letters.slice(0, room - 1).join("") + "…" : stem);
  if (index) { drawn("tspan", { dy: 4, "font-size": "72%" }, line, index.replace("_", ",")); }
  return line;
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

/* Draws the part of a graph that a layout has places for into `world`; `pick` is told of a click on a
   node, `adjust` makes a leaf live. */
function pictureIn(world, graph, layout, pick, adjust) {
  world.textContent = "";
  const edges = new Map(), stubs = [], marks = [];
  const lines = drawn("g", { "class": "gg-lines" }, world);
  const isShown = (i) => Boolean(layout.boxes[i]), isOpen = (i) => Boolean(layout.signs[i]);
  graph.nodes.forEach((node, i) => {
    if (!isOpen(i)) { return; }
    node.p.forEach((parent, k) => {
      if (!layout.edges.has(i + "_" + k)) { return; } /* of very many operands it is in a fold */
      const d = curve(layout.edges.get(i + "_" + k), layout.isDown);
      const group = drawn("g", { "class": "gg-edge", "data-e": i + "_" + k }, lines);
      edges.set(i + "_" + k, { group, path: drawn("path", { d }, group), tip: drawn("path", { "class": "gg-tip" }, group) });
    });
    const group = drawn("g", { "class": "gg-edge", "data-e": String(i) }, lines);
    const path = drawn("path", { d: curve(stubOf(i), layout.isDown) }, group);
    stubs[i] = { group, path, tip: drawn("path", { "class": "gg-tip" }, group) };
  });
  const showFolds = layout.folds ? foldsIn(world, graph, layout, pick) : () => undefined;
  const signs = graph.nodes.map((node, i) => (isOpen(i) ? signOf(node, i) : null));
  const boxes = graph.nodes.map((node, i) => (isShown(i) ? boxOf(node, i) : null));
  const above = drawn("g", { "class": "gg-flow" }, world);
  const flow = flowIn(above, layout);
  return { show, boxes: boxes.map((box) => box && box.group), flow, hover, cull,
    spots: layout.boxes.concat((layout.folds || []).map((fold) => fold.box)) };

  /* Of a large graph only what the window shows is painted; `window` is in the picture's units. */
  function cull(window) {
    const isIn = (x, y, width, height) => x < window.x + window.width && x + width > window.x &&
      y < window.y + window.height && y + height > window.y;
    const see = (group, isSeen) => {
      if (group.seenNow !== isSeen) { group.seenNow = isSeen; group.style.display = isSeen ? "" : "none"; }
    };
    boxes.forEach((box, i) => {
      if (!box) { return; }
      const { x, y, width, height } = layout.boxes[i];
      see(box.group, isIn(x - 12, y - 12, width + 24, height + 24));
      if (!signs[i]) { return; }
      const sign = layout.signs[i];
      see(signs[i], isIn(sign.x, sign.y, sign.width, sign.height));
      see(stubs[i].group, signs[i].seenNow || box.group.seenNow);
    });
    edges.forEach((edge, key) => {
      const points = layout.edges.get(key), xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
      const x = Math.min(...xs), y = Math.min(...ys);
      see(edge.group, isIn(x, y, Math.max(...xs) - x, Math.max(...ys) - y));
    });
  }

  function stubOf(i) {
    const sign = layout.signs[i], box = layout.boxes[i];
    return layout.isDown ? [[sign.x + sign.width / 2, sign.y + sign.height], [box.x + box.width / 2, box.y]] :
      [[sign.x + sign.width, sign.y + sign.height / 2], [box.x, box.y + box.height / 2]];
  }

  function signOf(node, i) {
    const { x, y, width, height } = layout.signs[i];
    const group = drawn("g", { "class": "gg-sign", "data-o": i, transform: `translate(${x},${y})` }, world);
    drawn("rect", { width, height, rx: height / 2 }, group);
    drawn("text", { x: width / 2, y: height / 2 + 5, "text-anchor": "middle" }, group, node.s);
    group.addEventListener("click", () => pick(i));
    return group;
  }

  function boxOf(node, i) {
    const { x, y, width, height } = layout.boxes[i];
    const group = drawn("g", { "class": "gg-box gg-" + node.k, "data-n": i,
      transform: `translate(${x},${y})` }, world);
    drawn("rect", { "class": "gg-outline", width, height, rx: 10 }, group);
    const box = { group, title: drawn("title", {}, group), told: () => node.n };
    group.addEventListener("pointerenter", () => put(box.title, box.told()));
    if (node.k === "constant") {
      box.value = drawn("text", { "class": "gg-value", x: width / 2, y: height / 2 + 6, "text-anchor": "middle" }, group);
    } else {
      labelled(group, node.n, { "class": "gg-name", x: 13, y: 23 });
      if (node.p.length && node.of) { drawn("text", { "class": "gg-of", x: width - 13, y: 22, "text-anchor": "end" }, group, node.of); }
      box.value = drawn("text", { "class": "gg-value", x: 13, y: 48 }, group);
      drawn("path", { "class": "gg-rule", d: `M13 57H${width - 13}` }, group);
      box.gradient = drawn("text", { "class": "gg-gradient", x: 13, y: 75 }, group);
      box.wrong = drawn("text", { "class": "gg-wrong-gradient", x: width - 13, y: 75, "text-anchor": "end" }, group);
      marks[i] = drawn("g", { "class": "gg-mark", transform: `translate(${width - 1},1)` }, group);
    }
    group.addEventListener("click", (event) => { if (!event.defaultPrevented) { pick(i); } });
    if (node.k === "leaf" && graph.isLive) { adjust(group, i, width); }
    return box;
  }

  /* One step: `known` is what has come, `asked` what is hidden while a person guesses. */
  function show(step, known, { isAsked = false, beside = null } = {}) {
    const lit = litIn(graph, step);
    const largest = known.gradients.reduce((most, each) =>
      (each !== null && Number.isFinite(each) ? Math.max(most, Math.abs(each)) : most), 0) || 1;
    graph.nodes.forEach((node, i) => {
      const box = boxes[i], isNew = known.moved.has(i);
      if (!box) { return; }
      const value = isNew ? graph.moved.get(i) : graph.values[i];
      put(box.value, isAsked && lit.asked.value === i ? "?" :
        !known.values[i] ? "–" : known.stale.has(i) ? short(value) + " (old)" :
        node.k === "constant" ? plain(value) : short(value));
      tell(box.group, "gg-stale", known.stale.has(i));
      tell(box.group, "role", lit.roles.get("n" + i));
      if (signs[i]) { tell(signs[i], "role", lit.roles.get("o" + i)); }
      if (!box.gradient) { return; }
      put(box.gradient, isAsked && lit.asked.gradients.has(i) ? "?" : short(known.gradients[i]));
      put(box.wrong, beside && beside[i].isOff ? "≠ " + short(beside[i].wrong) : "");
      const status = known.isSeeded || known.gradients[i] !== null ? known.status(i) : "", share = graph.uses[i] ? known.received[i] / graph.uses[i] : 1;
      tell(box.group, "status", status);
      box.told = () => described(node, i, status, known);
      drawMark(marks[i], status, status === "waiting" ? 0 : status === "partial" ? share : 1);
    });
    edges.forEach((edge, key) => light(edge, lit.edges.get(key), widthOf(key)));
    stubs.forEach((stub, i) => light(stub, lit.edges.get(String(i)),
      known.gradients[i] === null ? 1.6 : thickness(known.gradients[i])));
    showFolds(step, known, largest);
    flow.show(step, graph, lit, isAsked, edges, stubs);

    function widthOf(key) {
      const [node, k] = key.split("_").map(Number), parent = graph.nodes[node].p[k];
      const sent = graph.sent[node][k];
      return sent && known.received[parent] >= sent.received ? thickness(sent.sent) : 1.6;
    }

    function thickness(number) {
      return Number.isFinite(number) ? 1.2 + 4.8 * Math.sqrt(Math.min(1, Math.abs(number) / largest)) : 6;
    }
  }

  function described(node, i, status, known) {
    const uses = graph.uses[i];
    return node.n + (known.values[i] ? " = " + short(graph.values[i]) : "") + (status ? "; gradient " + status : "") +
      (uses ? `, ${known.received[i]} of ${uses} ${uses > 1 ? "uses" : "use"} received` : "");
  }

  function light(edge, direction, width) {
    if (edge.widthNow !== tenth(width)) { edge.widthNow = tenth(width); edge.path.style.strokeWidth = edge.widthNow; }
    if (!direction && !edge.isLit) { return; }
    edge.isLit = Boolean(direction);
    if (direction) { edge.group.parentNode.appendChild(edge.group); } /* above those that rest */
    tell(edge.group, "gg-forward", direction === "forward");
    tell(edge.group, "gg-backward", direction === "backward");
    if (direction) { edge.tip.setAttribute("d", arrow(edge.path, direction)); }
    edge.tip.style.display = direction ? "" : "none";
  }

  /* Marks a node that is pointed at, here or in the formula or the table. */
  function hover(i, isOn) {
    if (boxes[i]) { boxes[i].group.classList.toggle("gg-hover", isOn); }
    if (signs[i]) { signs[i].classList.toggle("gg-hover", isOn); }
  }
}

/* A head that touches the shape the line ends in: the result on the way forward, the operand back. */
function arrow(path, direction) {
  const length = path.getTotalLength(), isBack = direction === "backward";
  const tip = path.getPointAtLength(isBack ? 0 : length);
  const from = path.getPointAtLength(isBack ? Math.min(10, length) : Math.max(0, length - 10));
  const angle = Math.atan2(tip.y - from.y, tip.x - from.x);
  const point = (along, across) => [tip.x + along * Math.cos(angle) - across * Math.sin(angle),
    tip.y + along * Math.sin(angle) + across * Math.cos(angle)].map(tenth).join(" ");
  return `M${point(0, 0)}L${point(-11, 6)}L${point(-11, -6)}Z`;
}

/* Which boxes, signs and edges a step is about. */
function litIn(graph, step) {
  const roles = new Map(), edges = new Map(), asked = { value: null, gradients: new Set() };
  const { nodes } = graph;
  if (step.phase === "forward") {
    nodes[step.node].p.forEach((parent, k) => {
      roles.set("n" + parent, "sender");
      edges.set(step.node + "_" + k, "forward");
    });
    edges.set(String(step.node), "forward");
    roles.set("o" + step.node, "operation");
    roles.set("n" + step.node, "receiver");
    asked.value = step.node;
  } else if (step.phase === "backward") {
    for (const [node, k] of step.edges) {
      if (!graph.sent[node][k]) { continue; }
      const parent = nodes[node].p[k];
      roles.set("n" + parent, "receiver");
      edges.set(node + "_" + k, "backward");
      asked.gradients.add(parent);
    }
    edges.set(String(step.node), "backward");
    roles.set("o" + step.node, "operation");
    roles.set("n" + step.node, "sender");
  } else {
    roles.set("n" + step.node, "receiver");
    if (step.phase === "seed") { asked.gradients.add(step.node); } else { asked.value = step.node; }
  }
  return { roles, edges, asked };
}

/* A small disc: empty while waiting, filled by the share received, ringed while in progress. */
function drawMark(place, status, share) {
  if (place.markNow === status + share) { return; }
  place.markNow = status + share;
  place.textContent = "";
  if (!status) { return; }
  const angle = 2 * Math.PI * share, x = tenth(5 * Math.sin(angle)), y = tenth(-5 * Math.cos(angle));
  if (status === "in progress") { drawn("circle", { r: 8, "class": "gg-ring" }, place); }
  drawn("circle", { r: 5, "class": status === "waiting" || share < 1 ? "" : "gg-full" }, place);
  if (share > 0 && share < 1) {
    drawn("path", { d: `M0 0V-5A5 5 0 ${share > 0.5 ? 1 : 0} 1 ${x} ${y}Z`, "class": "gg-full" }, place);
  }
}

/* What moves in a step carries its number: values to the operation and on; the upstream gradient to the
   operation, where it is multiplied by the local derivative, and its product to the operand. */
function flowIn(place, layout) {
  let running = null;
  return { show, stop };

  function stop() { if (running) { cancelAnimationFrame(running); running = null; } }

  function show(step, graph, lit, isAsked, edges, stubs) {
    stop();
    place.textContent = "";
    if (step.phase !== "backward" && step.phase !== "forward") { return; }
    if (!stubs[step.node]) { return; } /* the step is of a part that is not open here */
    const stub = stubs[step.node].path;
    if (step.phase === "forward") {
      const still = graph.nodes[step.node].p.map((parent, k) => [edges.get(step.node + "_" + k), parent]).filter(([edge]) => edge)
        .map(([edge, parent]) => moving(edge.path, false, brief(graph.values[parent]), "gg-data", 0.5));
      const result = moving(stub, false, isAsked ? "?" : brief(graph.values[step.node]), "gg-data", 0.5);
      run([still.map((token) => [token, 0, 1]), [[result, 0, 1]]]);
      return;
    }
    const upstream = moving(stub, true, brief(graph.gradients[step.node]), "gg-grad", 0.5);
    const first = step.edges.filter(([node, k]) => graph.sent[node][k] && edges.has(node + "_" + k)).slice(0, 4);
    first.forEach(([node, k], n) => {
      const text = "× " + bracketed(brief(graph.locals[node][k])), sign = layout.signs[node];
      const token = pill(text, "gg-local"), half = token.width / 2;
      token.put(layout.isDown ? [sign.x - half - 6, sign.y + sign.height / 2 + 28 * n] :
        [sign.x + sign.width / 2, sign.y - 17 - 28 * n]);
    });
    const sent = first.map(([node, k]) => moving(edges.get(node + "_" + k).path, true,
      isAsked ? "?" : brief(graph.sent[node][k].sent), "gg-grad", 0.5));
    run([[[upstream, 0, 1]], sent.map((token) => [token, 0, 1])]);
  }

  /* A number that moves along a line; `at` is where it rests, as a share of the way. */
  function moving(path, isBack, text, kind, at) {
    const token = pill(text, kind);
    token.to = (share) => {
      const { x, y } = path.getPointAtLength(path.getTotalLength() * (isBack ? 1 - share : share));
      token.put([x, y]);
    };
    token.rest = () => token.to(at);
    token.rest();
    return token;
  }

  function pill(text, kind) {
    const group = drawn("g", { "class": "gg-token " + kind }, place), width = 7.6 * text.length + 13;
    drawn("rect", { x: -width / 2, y: -12, width, height: 24, rx: 12 }, group);
    drawn("text", { y: 5, "text-anchor": "middle" }, group, text);
    return { group, width, put: ([x, y]) => group.setAttribute("transform", `translate(${tenth(x)},${tenth(y)})`) };
  }

  /* One leg after the other, then everything rests where it can be read. */
  function run(legs) {
    if (isCalm()) { return; }
    const start = performance.now(), pace = 380;
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
      running = null;
    });
  }
}

function eased(share) { return share * share * (3 - 2 * share); }

function isCalm() { return window.matchMedia("(prefers-reduced-motion: reduce)").matches; }
