/* The graph and its numbers: forward, backward and update as the engine does them, in its order, so
   that the numbers are the engine's. `operations` is printed from the rows of the table: for each its
   value and its local derivatives. What was stored is shown until something is changed. Nothing here
   knows of the page. Next: steps are laid out in panels.js, the graph in layout.js. */

/* As Python shows numbers (engine/text.py): as typed if whole or of few digits; else in four digits. */
const { abs, max, min } = Math, { isFinite, isNaN } = Number;
const AS_TYPED = 6, ROUNDING = 12, WHOLE = 1e9, ALL_DIGITS = 17;
let DIGITS = 4;

function short(x) { return shortIn(x, DIGITS); }

function shortIn(x, digits) {
  if (x === null || x === undefined) { return "–"; }
  if (!isFinite(x)) { return spelled(x); }
  if (Number.isInteger(x) && abs(x) < WHOLE) { return inDigits(x, 9); }
  const few = inDigits(x, max(AS_TYPED, digits)), all = inDigits(x, ALL_DIGITS, true);
  if (Number(few) === Number(inDigits(x, max(ROUNDING, digits))) && few.length <= all.length) { return few; }
  const whole = abs(x) < 10 ** AS_TYPED ? String(Math.trunc(abs(x))).length : 0;
  let near, count = max(digits, whole);
  do { near = inDigits(x, count); count += 1; } while (abs(near) === 1); /* only what is one is shown as one */
  return near.length <= all.length ? near : all;
}

/* In how many digits the operands of a row are shown so that it comes out, as in engine/text.py. */
function digitsOfRow(operands, result, compute, least = DIGITS) {
  const precision = max(DIGITS, shortIn(result, least).replace(/e.*|\D/g, "").replace(/^0+/, "").length);
  const at = (x) => (isFinite(x) ? inDigits(x + 0, precision) : String(x)), wanted = at(result);
  if (at(compute(...operands)) !== wanted) { return least; }
  let digits = least;
  while (digits < ALL_DIGITS && at(compute(...operands.map((x) => numberOf(shortIn(x, digits))))) !== wanted) { digits += 1; }
  return digits;
}

/* In how many digits two numbers are shown so that one sees which is the larger, as in engine/text.py. */
function digitsApart(before, after) {
  const order = (x, y) => Math.sign(x - y);
  return digitsOfRow([before, after], order(before, after), order);
}

function apart(...both) { return both.map((x) => shortIn(x, digitsApart(...both))); }

/* Python's "%.{count}g", where a tie goes to the even digit; or its repr, in the fewest digits that tell. */
function inDigits(x, count, isRepr = false) {
  if (x === 0) { return Object.is(x, -0) ? "-0" : "0"; }
  const [digits, power] = isRepr ? fewest(abs(x)) : rounded(abs(x), count);
  const sign = x < 0 ? "-" : "";
  if (power < -4 || power >= (isRepr ? 16 : count)) {
    const size = String(abs(power)).padStart(2, "0");
    return sign + trimmed(digits[0] + "." + digits.slice(1)) + "e" + (power < 0 ? "-" : "+") + size;
  }
  const all = power < 0 ? "0".repeat(-power) + digits : digits.padEnd(power + 1, "0");
  const point = power < 0 ? 1 : power + 1;
  return sign + trimmed(all.slice(0, point) + "." + all.slice(point));
}

function fewest(x) {
  const [digits, power] = x.toExponential().replace(".", "").split("e");
  return [digits, Number(power)];
}

/* So many digits and the power of ten of the first. */
function rounded(x, count) {
  const near = /50*e/.test(x.toExponential(min(100, count + 6))) ? x.toExponential(80).replace(".", "") : "";
  const isTie = near !== "" && /^50*e/.test(near.slice(count)) && Number(near[count - 1]) % 2 === 0;
  const [digits, power] = (isTie ? near.slice(0, count) + near.slice(near.indexOf("e")) :
    x.toExponential(count - 1).replace(".", "")).split("e");
  return [digits, Number(power)];
}

/* The same in three digits, where there is little room. */
function brief(x) {
  const near = x && Number(x.toPrecision(3));
  return short(abs(near) === 1 ? x : near);
}

/* A plain number as it is in the code, unless it has as many digits as a measured one. */
function plain(x) { return isFinite(x) && x !== 0 && String(x).length <= 8 ? String(x) : short(x); }

function trimmed(text) { return text.includes(".") ? text.replace(/\.?0*$/, "") : text; }

/* A number of the data, where "inf", "-inf" and "nan" are texts. */
function numberOf(stored) {
  return typeof stored === "string" ? Number(stored.replace("inf", "Infinity")) : stored;
}

/* A number in all its digits, as `typed` reads it. */
function spelled(number) { return Object.is(number, -0) ? "-0" : String(number).replace("Infinity", "inf").replace("NaN", "nan"); }

/* What a person types: a comma may be a point, and a long minus a short one, also that of an exponent;
   NaN if it is none, or where a comma may be that of thousands, as in 1,000. */
function typed(text) {
  if (/^\W*[1-9]\d{0,2}(,\d{3})+(\.\d*)?\s*$/.test(text)) { return NaN; }
  const plain = text.trim().replace(",", ".").replaceAll("−", "-");
  return plain === "" ? NaN : Number(plain.replace(/^([-+]?)inf(inity)?$/i, "$1Infinity"));
}

/* The nodes and the steps as Python tells them, from the shorter form of the page; see page.py. */
function unpackedNodes({ nodes, paths, signs }) {
  return nodes.map((node) => ({ k: node.p ? "node" : "leaf", o: null, s: signs[node.o] || "", p: [], l: [], w: -1, m: false,
    ...node, path: node.path === undefined ? "" : paths[node.path] }));
}

function unpacked({ steps, forms, texts, mark, root }, nodes) {
  return steps.map(([form, node, operands, check, uses]) => {
    const [phase, asks, tells, equations, cells, answer, branch] = forms[form], { p } = nodes[node];
    const edges = (operands || []).map((k) => [node, k]);
    const name = (word) => nodes[word === "0" ? node : word === "1" ? root : p[word.charCodeAt(0) - 97]].n;
    const words = (text) => text.split(mark).map((part, i) => (i ? name(part[0]) + part.slice(1) : part)).join("");
    const nodeAt = (i) => (i === -1 ? node : i < -1 ? p[-2 - i] : i);
    const reference = ([kind, ...places]) => (places.length || !edges.length ? [kind, ...places.map(nodeAt)] : [kind, ...edges[0]]);
    const text = (given) => {
      const found = typeof given === "number" ? texts[given] : given ?? "";
      return typeof found === "string" ? words(found) : found.map((part) => (typeof part === "string" ? words(part) : reference(part)));
    };
    return { phase, node, edges, branch, uses, check: text(check), asks: text(asks), tells: text(tells), cells: cells.map(text),
      answer: reference(answer), equations: equations.map((equation) => equation.map((part) =>
        (typeof part === "string" ? part : [text(part[0]), text(part[1]), ...part.slice(2)]))) };
  });
}

/* The numbers of a graph, which people may change. */
function graphIn(data, operations) {
  const nodes = unpackedNodes(data), { root } = data;
  const stored = nodes.map((node) => numberOf(node.v));
  const given = new Map(); /* the leaves that were changed, and their numbers */
  const graph = { nodes, root, result: asFormula(nodes[root].n), rate: data.rate, isLive: data.live === true, change, restore, resultAt, called: (text) => text,
    isChecked: data.checked, isChanged: () => given.size > 0, given: () => new Map(given), setRate };
  compute();
  return graph;

  function setRate(rate) { graph.rate = rate; compute(); }

  function change(index, number) {
    if (Object.is(number, stored[index])) { given.delete(index); } else { given.set(index, number); }
    compute();
  }

  /* Back to other numbers for leaves, by default to those of the program. */
  function restore(numbers = []) {
    given.clear();
    for (const [index, number] of numbers) {
      if (!Object.is(number, stored[index])) { given.set(index, number); }
    }
    compute();
  }

  function compute() {
    if (given.size) { computeAll(); } else {
      graph.values = stored.slice();
      graph.locals = nodes.map((node) => node.l.map(numberOf));
    }
    backward();
    graph.moved = new Map();
    if (graph.rate !== null) {
      nodes.forEach((node, i) => {
        if (node.m) { graph.moved.set(i, graph.values[i] - graph.rate * (graph.gradients[i] ?? 0)); }
      });
    }
    graph.after = graph.moved.size && graph.isLive ?
      forward(new Map([...given, ...graph.moved]))[root] : numberOf(data.after ?? null);
  }

  function forward(changed) {
    const values = [];
    nodes.forEach((node, i) => {
      values.push(changed.has(i) ? changed.get(i) : !node.p.length ? stored[i] :
        operations[node.o](...node.p.map((parent) => values[parent]))[0]);
    });
    return values;
  }

  /* Values and local derivatives in one pass; to a plain number, or a frozen one, no gradient flows. */
  function computeAll() {
    graph.values = [];
    graph.locals = nodes.map((node, i) => {
      if (!node.p.length) {
        graph.values.push(given.has(i) ? given.get(i) : stored[i]);
        return [];
      }
      const [value, ...locals] = operations[node.o](...node.p.map((parent) => graph.values[parent]));
      graph.values.push(value);
      return locals.map((local, k) => (nodes[node.p[k]].k === "constant" || nodes[node.p[k]].f ? null : local));
    });
  }

  /* One contribution an edge; the first is the gradient itself, its sign of zero too. */
  function backward() {
    graph.gradients = nodes.map(() => null);
    graph.sent = nodes.map(() => []);
    graph.uses = nodes.map(() => 0);
    graph.gradients[root] = 1;
    for (let i = nodes.length - 1; i >= 0; i -= 1) {
      const upstream = graph.gradients[i];
      if (upstream === null) { continue; }
      graph.locals[i].forEach((local, k) => {
        if (local === null) { return; }
        const parent = nodes[i].p[k], before = graph.gradients[parent];
        const sent = contribution(nodes[i], upstream, local);
        graph.gradients[parent] = before === null ? sent : before + sent;
        graph.uses[parent] += 1;
        graph.sent[i][k] = { sent, before: before ?? 0, after: (before ?? 0) + sent,
          total: graph.gradients[parent], received: graph.uses[parent] };
      });
    }
  }

  /* The result, had some leaves other numbers. */
  function resultAt(changed) { return forward(new Map([...given, ...changed]))[root]; }
}

/* A branch that is switched off sends nothing, even of an infinite gradient. */
function contribution(node, upstream, local) {
  return node.z && local === 0 && !isFinite(upstream) ? 0 : upstream * local;
}

/* The number that a text refers to; see `told.py`. */
function referred(graph, [kind, node, operand]) {
  const edge = graph.sent[node]?.[operand];
  switch (kind) {
    case "v": case "x": return graph.values[node];
    case "o": return graph.values[operand];
    case "u": case "g": return graph.gradients[node];
    case "l": return graph.locals[node][operand];
    case "c": case "s": return edge?.sent;
    case "b": return edge?.before;
    case "a": return edge?.after;
    case "z": return graph.gradients[node] ?? 0;
    case "n": return edge?.received;
    case "w": return graph.uses[node];
    case "r": return abs(graph.rate);
    case "m": return graph.moved.get(node);
    default: return graph.after;
  }
}

/* In how many digits it is shown: where it is an operand, as many as its row takes to come out. */
function digitsOf(graph, [kind, node, operand]) {
  const { nodes, values, gradients, moved, rate } = graph, value = values[node];
  if (kind === "o") {
    const { p, o } = nodes[node];
    return isExact(operand) ? ALL_DIGITS : digitsOfRow(p.map((i) => values[i]), value, (...shown) =>
      operations[o](...shown.map((x, k) => (isExact(p[k]) ? values[p[k]] : x)))[0]);
  }
  if ("xzrmL".includes(kind)) {
    if (!moved.has(node)) { return digitsApart(values[graph.root], graph.after); }
    const least = digitsApart(value, moved.get(node));
    return kind === "m" ? least : digitsOfRow([value, abs(rate), gradients[node] ?? 0], moved.get(node),
      (x, r, g) => x - Math.sign(rate) * r * g, least);
  }
  const edge = graph.sent[node][operand];
  if (!edge || kind === "c") { return DIGITS; }
  if ("ul".includes(kind)) {
    return digitsOfRow([gradients[node], graph.locals[node][operand]], edge.sent, (u, l) => contribution(nodes[node], u, l));
  }
  const least = digitsApart(edge.before, edge.after);
  return kind === "a" ? least : digitsOfRow([edge.before, edge.sent], edge.after, added, least);

  /* A plain number is shown as it is in the code, whatever the row. */
  function isExact(i) { return nodes[i].k === "constant" && String(values[i]).length <= 8; }
}

/* What a node is called: of a neuron's, with the neuron. */
function nameIn(graph, i) { return asFormula(graph.nodes[i].said || graph.called(graph.nodes[i].n)); }

function bracketed(text) { return text.startsWith("-") ? `(${text})` : text; }

/* A text of the engine as the formula writes it: indices below, by the rule of `letters_and_index` in Python,
   powers above, products with a dot, and a negative number behind a sign in brackets, unless a power is of it alone. */
function asFormula(text) {
  const written = (digits, signs) => digits.replace(/\d/g, (digit) => signs[digit]).replace("-", "⁻").replaceAll("_", ",");
  return text.replace(/ \*\* (-?\d+)(?![\w.])/g, (all, power) => written(power, "⁰¹²³⁴⁵⁶⁷⁸⁹")).replace(/ \* /g, " · ").replace(/ - /g, " − ")
    .replace(/(^|[^\w.])([A-Za-z\u0370-\u03ff]+)_?(\d+(?:_\d+)*)(?![\w(]|\.\w)/g, (all, before, stem, index) => before + stem + written(index, "₀₁₂₃₄₅₆₇₈₉"))
    .replace(/([+−·×/] )(-(inf|[\d.]*\d(e[-+]?\d+)?)(?![\w.²-¹⁰-⁻]| \*\*))/g, "$1($2)");
}

/* A text with its names as the level calls them, and its numbers as they are now; "()" asks for brackets around negative ones. The formula of
   a derivative that holds for the stored numbers only is left out once numbers change. */
function written(graph, text, step) {
  if (typeof text === "string") { return asFormula(graph.called(text)); }
  const isStale = step && step.branch && graph.isChanged();
  return asFormula(graph.called(text.filter((piece, i) => !(isStale && typeof piece === "string" && text[i + 1] && text[i + 1][0] === "l" &&
    piece.endsWith(" = ") && !piece.includes("∂"))).map((piece) => (typeof piece === "string" ? piece : shown(piece))).join("")));

  function shown(piece) {
    const number = shortIn(referred(graph, piece), graph.isLive ? digitsOf(graph, piece) : DIGITS);
    return piece.at(-1) === "()" ? bracketed(number) : number;
  }
}

/* Which operation made the first number that is nan or infinite; "" if none did, or nothing comes
   of it. As `not_finite` in told.py says it of the numbers of the program. */
function notFinite(graph, steps) {
  const { nodes, values, root } = graph, used = new Set([root]);
  const first = values.reduceRight((found, value, i) => {
    if (isFinite(value) || !used.has(i)) { return found; }
    nodes[i].p.forEach((parent) => used.add(parent));
    return i;
  }, -1);
  const asked = (step) => written(graph, step.asks, step).replace(/^Forward: |^Backward, /, "");
  const from = "Not finite from here on: ";
  if (first >= 0) {
    const step = steps.find(({ phase, node }) => phase === "forward" && node === first);
    const made = step ? `${asked(step)}${short(values[first])}` : `${nameIn(graph, first)} is ${short(values[first])} from the beginning`;
    return `${from}${made}.`;
  }
  for (const step of steps.filter(({ phase }) => phase === "backward")) {
    const [[sender, k]] = step.edges, edge = graph.sent[sender][k];
    if (edge && !isFinite(edge.after)) {
      const total = isFinite(edge.sent) ? `, with what came before ${short(edge.after)}` : "";
      return `${from}the gradient ${asked(step)}${short(edge.sent)}${total}.`;
    }
  }
  return "";
}

/* The gradient of a node by differences, and whether to trust it: as `finding` in engine/check.py, which
   says why. Steps begin at a quarter of the number; near zero, where that is in doubt, also at 0.1. */
function byDifferences(graph, i) {
  const size = abs(graph.values[i]), found = differencesFrom(graph, i, max(size, 0.1));
  if (!found.isDoubtful || size === 0 || size >= 0.1) { return found; }
  const nearer = differencesFrom(graph, i, size);
  return nearer.isDoubtful ? found : nearer;
}

function differencesFrom(graph, i, size) {
  const { nodes, values, gradients, root } = graph, x = values[i], middle = values[root], gradient = gradients[i];
  const at = (number) => graph.resultAt([[i, number]]), bends = [];
  const rounding = nodes.map(({ p }, k) => (p.length === 1 && abs(values[p[0]]) === abs(values[k]) || !p.length ? 0 :
    abs((gradients[k] ?? 0) * values[k]) * Number.EPSILON)).filter(isFinite).reduce(added, 0);
  let step = 0.71875 * 2 ** (Math.floor(Math.log2(size)) - 1), row = [], steepest = 0;
  let best = { value: NaN, error: Infinity, isSharp: false, isSettled: false, isFinal: false };
  for (let count = 1; count <= 26 && x - step < x && x < x + step; count += 1, step /= 4) {
    const above = at(x + step), below = at(x - step), inner = abs(middle), outer = max(abs(above), abs(below));
    const noiseOf = (own, most) => 2 * max(own, Number.EPSILON * most, Number.MIN_VALUE) / step;
    const slope = (above - below) / (x + step - (x - step)), noise = noiseOf(rounding * (outer < inner ? outer / inner : 1), outer);
    const bend = [(above - middle - (middle - below)) / step, noiseOf(rounding, max(outer, inner))];
    if (![slope, noise, ...bend].every(isFinite)) { row = []; bends.push(null); continue; }
    bends.push(bend);
    steepest = max(steepest, abs(slope));
    row = row.slice(0, 5).reduce((finer, coarser, k) => {
      const last = finer[k], value = last + (last - coarser) / (16 ** (k + 1) - 1);
      const error = max(abs(value - last), abs(value - coarser)) + noise, isSharp = error <= 1e-6 * abs(value);
      if (isSharp === best.isSharp ? error < best.error : isSharp) {
        best = { value, error, isSharp, isSettled: isSharp || error <= max(100 * noise, 1e-6 * steepest),
          isFinal: error <= max(1e-12 * abs(value), 2 * noise) };
      }
      return [...finer, value];
    }, [slope]);
    if (count >= 8 && best.isFinal && !isKinked(bends)) { break; }
  }
  const { value, error } = best, isKink = isFinite(value) && isKinked(bends);
  const isLost = !best.isSharp && gradient !== 0 && abs(gradient - value) <= 4 * error && error > 0.05 * abs(gradient);
  return { value, error, isKink, isDoubtful: isKink || !isFinite(value) || !best.isSettled || isLost };
}

/* Whether the slopes to the left and to the right, whose differences and their noise these are, stay apart. */
function isKinked(bends) {
  const ratios = [0];
  for (let k = 1; k < bends.length; k += 1) {
    const [longer, shorter] = [bends[k - 1], bends[k]];
    if (longer && shorter && shorter[1] < 0.01 * abs(longer[0])) { ratios.push(abs(shorter[0] / longer[0])); }
    else if (ratios.length > 1) { break; }
  }
  return ratios.slice(-3).every((ratio) => ratio > 0.6 && ratio < 1.6);
}

/* The steps that occur with the numbers as they are: an edge that carries nothing has none. */
function stepsNow(graph, all) {
  return all.filter((step) => {
    if (step.phase === "update") { return graph.rate !== null; }
    return step.phase !== "backward" || step.edges.some(([node, k]) => graph.sent[node][k]);
  });
}

/* What has come by a step: numbers, gradients so far, statuses. `isAsked` hides the step's answer. */
function knownAfter(graph, steps, now, isAsked = false) {
  const { nodes, root } = graph;
  const computed = new Set(), values = nodes.map((node) => !node.p.length), moved = new Set();
  const gradients = nodes.map(() => null), received = nodes.map(() => 0);
  let isSeeded = false;
  steps.forEach((step) => { if (step.phase === "forward") { computed.add(step.node); } });
  nodes.forEach((node, i) => { if (!computed.has(i)) { values[i] = true; } });
  steps.slice(0, now + (isAsked ? 0 : 1)).forEach((step) => {
    if (step.phase === "forward") { values[step.node] = true; }
    if (step.phase === "update") { moved.add(step.node); }
    if (step.phase === "seed") { isSeeded = true; gradients[root] = 1; }
    for (const [node, k] of step.edges || []) {
      const edge = graph.sent[node][k], parent = nodes[node].p[k];
      if (!edge) { continue; }
      gradients[parent] = edge.total;
      received[parent] = edge.received;
    }
  });
  return { values, gradients, received, isSeeded, moved, stale: behind(nodes, moved), status: statusOf };

  function statusOf(i) {
    const step = steps[now];
    if (step.phase === "backward" && step.node === i) { return "in progress"; }
    if (i === root) { return isSeeded ? "done" : "waiting"; }
    if (!graph.uses[i]) { return ""; } /* no gradient ever comes */
    return !received[i] ? "waiting" : received[i] === graph.uses[i] ? "done" : "partial";
  }
}

/* The nodes computed from some others: their numbers are of before the update. */
function behind(nodes, moved) {
  const found = new Set();
  nodes.forEach((node, i) => {
    if (node.p.some((parent) => moved.has(parent) || found.has(parent))) { found.add(i); }
  });
  return found;
}

/* The classic wrong engines on the same numbers. Each gives what it finds at the nodes, and edge by edge
   what the gradient of the receiver becomes: [receiver, gradient]. */
const WRONG_ENGINES = {
  "= instead of +=": (graph) => swept(graph, (before, sent) => sent),
  "no order": depthFirst,
  "inner nodes never zeroed": (graph) => swept(graph, added, (i) => (i === graph.root ? null : graph.gradients[i])),
  "leaves not zeroed": (graph) => swept(graph, added, (i) => (graph.nodes[i].k === "leaf" ? graph.gradients[i] : null)),
};

function added(before, sent) { return before + sent; }

function edgesOf(graph, i) {
  return graph.nodes[i].p.map((parent, k) => [parent, graph.locals[i][k]])
    .filter(([, local]) => local !== null && local !== undefined);
}

/* In the right order; `left` is what an earlier backward() left at a node. It begins at `from`. */
function swept(graph, joined, left = () => null, from = graph.root) {
  const start = graph.nodes.map((node, i) => left(i)), edges = [];
  start[from] = 1;
  const gradients = start.slice();
  for (let i = graph.nodes.length - 1; i >= 0; i -= 1) {
    if (graph.gradients[i] === null || gradients[i] === null) { continue; }
    for (const [parent, local] of edgesOf(graph, i)) {
      const sent = contribution(graph.nodes[i], gradients[i], local), before = gradients[parent];
      gradients[parent] = before === null ? sent : joined(before, sent);
      edges.push([parent, gradients[parent]]);
    }
  }
  return { start, edges };
}

/* How fast one node changes with another, by all ways between; null if by none. */
function slopeOf(graph, i, by) { return engineAfter(swept(graph, added, () => null, i), null).gradients[by]; }

/* A node sends on what it has when it is first reached, then goes to its operands in turn. */
function depthFirst(graph) {
  const start = graph.nodes.map(() => null), reached = new Set(), edges = [], pending = [graph.root];
  start[graph.root] = 1;
  const gradients = start.slice();
  while (pending.length) {
    const i = pending.pop();
    if (reached.has(i)) { continue; }
    reached.add(i);
    const own = edgesOf(graph, i);
    for (const [parent, local] of own) {
      const sent = contribution(graph.nodes[i], gradients[i], local);
      gradients[parent] = gradients[parent] === null ? sent : gradients[parent] + sent;
      edges.push([parent, gradients[parent]]);
    }
    own.reverse().forEach(([parent]) => pending.push(parent));
  }
  return { start, edges };
}

/* The gradients of an engine after so many of its edges, after all of them for null; and which nodes
   have all that will come. */
function engineAfter({ start, edges }, count) {
  const gradients = start.slice(), left = start.map(() => 0);
  edges.forEach(([receiver], at) => { if (count !== null && at >= count) { left[receiver] += 1; } });
  edges.slice(0, count === null ? edges.length : count).forEach(([receiver, gradient]) => { gradients[receiver] = gradient; });
  return { gradients, isDone: (i) => left[i] === 0 };
}

/* Wrong engines beside the right one, for each of the names: of each node both gradients, and whether they
   differ. That is only said of what both have completed, up to the rounding of the terms that are summed. */
function compared(graph, names, count) {
  const right = engineAfter(swept(graph, added), count), sizes = graph.nodes.map(() => 0);
  sizes[graph.root] = 1;
  for (let i = graph.nodes.length - 1; i >= 0; i -= 1) {
    edgesOf(graph, i).forEach(([parent, local]) => { sizes[parent] += sizes[i] * abs(local); });
  }
  return names.map((name) => {
    const wrong = engineAfter(WRONG_ENGINES[name](graph), count);
    return graph.nodes.map((node, i) => {
      const [a, b] = [right.gradients[i], wrong.gradients[i]];
      const isKnown = a !== null && b !== null && right.isDone(i) && wrong.isDone(i);
      const size = isFinite(sizes[i]) ? sizes[i] : max(abs(a), abs(b)), distance = abs(a - b);
      const isSame = Object.is(a, b) || a === b || (isFinite(distance) && distance <= 1e-9 * size);
      return { right: a, wrong: b, isOff: isKnown && !isSame };
    });
  });
}
