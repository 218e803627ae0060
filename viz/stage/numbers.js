/* The graph and its numbers: forward, backward and update as the engine does them, in its order, so
   that the numbers are the engine's. `operations` is printed from the rows of the table: for each its
   value and its local derivatives. What was stored is shown until something is changed. Nothing here
   knows of the page. Next: steps are laid out in panels.js, the graph in layout.js. */

/* In four significant digits, as Python's ".4g" writes them: a tie goes to the even digit. */
function short(x) {
  if (x === null || x === undefined) { return "–"; }
  if (Number.isNaN(x)) { return "nan"; }
  if (!Number.isFinite(x)) { return x > 0 ? "inf" : "-inf"; }
  if (x === 0) { return Object.is(x, -0) ? "-0" : "0"; }
  const [digits, power] = rounded(Math.abs(x));
  const sign = x < 0 ? "-" : "";
  if (power < -4 || power > 3) {
    const size = String(Math.abs(power)).padStart(2, "0");
    return sign + trimmed(digits[0] + "." + digits.slice(1)) + "e" + (power < 0 ? "-" : "+") + size;
  }
  const all = power < 0 ? "0".repeat(-power) + digits : digits;
  const point = power < 0 ? 1 : power + 1;
  return sign + trimmed(all.slice(0, point) + "." + all.slice(point));
}

/* Four digits and the power of ten of the first. */
function rounded(x) {
  const near = /50*e/.test(x.toExponential(9)) ? x.toExponential(60).replace(".", "") : "";
  const isTie = /^\d{4}50*e/.test(near) && Number(near[3]) % 2 === 0;
  const [digits, power] = (isTie ? near.slice(0, 4) + near.slice(near.indexOf("e")) :
    x.toExponential(3).replace(".", "")).split("e");
  return [digits, Number(power)];
}

/* The same in three digits, where there is little room. */
function brief(x) { return Number.isFinite(x) && x !== 0 ? short(Number(x.toPrecision(3))) : short(x); }

/* A plain number as it is in the code, unless it has as many digits as a measured one. */
function plain(x) { return Number.isFinite(x) && String(x).length <= 8 ? String(x) : short(x); }

function trimmed(text) { return text.replace(/\.?0*$/, ""); }

/* A number of the data, where "inf", "-inf" and "nan" are texts. */
function numberOf(stored) {
  return typeof stored === "string" ? Number(stored.replace("inf", "Infinity")) : stored;
}

/* What a person types: a comma may be a point, and a long minus a short one; NaN if it is none. */
function typed(text) {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  return plain === "" ? NaN : /^[-+]?inf$/.test(plain) ? numberOf(plain) : Number(plain);
}

/* The numbers of a graph, which people may change. */
function graphIn(data, operations) {
  const nodes = data.nodes, root = data.root;
  const stored = nodes.map((node) => numberOf(node.v));
  const given = new Map(); /* the leaves that were changed, and their numbers */
  const graph = { nodes, root, rate: data.rate, isLive: data.live === true, change, restore, evaluate,
    isChanged: () => given.size > 0, given: () => new Map(given), setRate };
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

  /* Values and local derivatives in one pass; to a plain number no gradient flows. */
  function computeAll() {
    graph.values = [];
    graph.locals = nodes.map((node, i) => {
      if (!node.p.length) {
        graph.values.push(given.has(i) ? given.get(i) : stored[i]);
        return [];
      }
      const [value, ...locals] = operations[node.o](...node.p.map((parent) => graph.values[parent]));
      graph.values.push(value);
      return locals.map((local, k) => (nodes[node.p[k]].k === "constant" ? null : local));
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

  function contribution(node, upstream, local) {
    const masks = operations[node.o] && operations[node.o].masks;
    return masks && local === 0 && !Number.isFinite(upstream) ? 0 : upstream * local;
  }

  /* The result, had some leaves other numbers. */
  function evaluate(changed) { return forward(new Map([...given, ...changed]))[root]; }
}

/* The number that a text refers to; see `told.py`. */
function referred(graph, [kind, node, operand]) {
  const edge = graph.sent[node] && graph.sent[node][operand];
  switch (kind) {
    case "v": return graph.values[node];
    case "g": return graph.gradients[node];
    case "l": return graph.locals[node][operand];
    case "c": return edge && edge.sent;
    case "b": return edge && edge.before;
    case "a": return edge && edge.after;
    case "r": return graph.rate;
    case "m": return graph.moved.get(node);
    default: return graph.after;
  }
}

function bracketed(text) { return text.startsWith("-") ? `(${text})` : text; }

/* A text with its numbers as they are now; "()" asks for brackets around negative ones. The formula of
   a derivative that holds for the stored numbers only is left out once numbers change. */
function written(graph, text, step) {
  if (typeof text === "string") { return text; }
  const isStale = step && step.branch && graph.isChanged();
  return text.filter((piece, i) => !(isStale && typeof piece === "string" && text[i + 1] && text[i + 1][0] === "l" &&
    piece.endsWith(" = ") && !piece.includes("∂"))).map((piece) => (typeof piece === "string" ? piece : shown(piece))).join("");

  function shown(piece) {
    const number = short(referred(graph, piece));
    return piece[piece.length - 1] === "()" ? bracketed(number) : number;
  }
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
  return { values, gradients, received, isSeeded, moved, stale: behind(nodes, moved),
    status: (i) => statusOf(i) };

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

/* The classic wrong engines on the same numbers. Each gives, edge by edge, what the gradient of the
   receiver becomes: [sender, operand, receiver, gradient]. */
const WRONG_ENGINES = {
  "= instead of +=": (graph) => swept(graph, (before, sent) => sent),
  "no order": depthFirst,
  "inner nodes never zeroed": (graph) => swept(graph, (before, sent) => before + sent,
    graph.gradients.map((gradient, i) => (i === graph.root ? 1 : gradient))),
  "leaves not zeroed": (graph) => swept(graph, (before, sent) => before + sent,
    graph.gradients.map((gradient, i) => (graph.nodes[i].p.length ? null : gradient))),
};

function edgesOf(graph, i) {
  return graph.nodes[i].p.map((parent, k) => [k, parent, graph.locals[i][k]])
    .filter(([, , local]) => local !== null && local !== undefined);
}

function swept(graph, joined, left = []) {
  const gradients = graph.nodes.map((node, i) => left[i] ?? null), found = [];
  gradients[graph.root] = 1;
  for (let i = graph.nodes.length - 1; i >= 0; i -= 1) {
    if (graph.gradients[i] === null || gradients[i] === null) { continue; }
    for (const [k, parent, local] of edgesOf(graph, i)) {
      const sent = gradients[i] * local, before = gradients[parent];
      gradients[parent] = before === null ? sent : joined(before, sent);
      found.push([i, k, parent, gradients[parent]]);
    }
  }
  return found;
}

/* A node sends on what it has when it is first reached, then goes to its operands in turn. */
function depthFirst(graph) {
  const gradients = graph.nodes.map(() => null), reached = new Set(), found = [];
  const pending = [graph.root];
  gradients[graph.root] = 1;
  while (pending.length) {
    const i = pending.pop();
    if (reached.has(i)) { continue; }
    reached.add(i);
    const edges = edgesOf(graph, i);
    for (const [k, parent, local] of edges) {
      const sent = gradients[i] * local;
      gradients[parent] = gradients[parent] === null ? sent : gradients[parent] + sent;
      found.push([i, k, parent, gradients[parent]]);
    }
    edges.reverse().forEach(([, parent]) => pending.push(parent));
  }
  return found;
}
