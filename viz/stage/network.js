/* A network, of which one step is a layer. Python finds it; a unit is what one neuron computed. A click opens a
   neuron down to its scalars. Next: circles.js, how it is drawn. */

const MOST_IN_GRID = 4, FEW_COLUMNS = 2; /* rows and columns of a matrix in an equation; beside others fewer */
const LONGEST_IN_NUMBERS = 52; /* so many characters has what is written out in numbers */
const STRENGTH = { "+": 1, "−": 1, "×": 2, "÷": 2, "^": 3 }; /* of signs: the stronger ones come first */
const FEW_NUMBERS = 3, WIDE = 1040; /* in a stage that is so wide vectors have MOST_IN_GRID */
/* So many numbers has a vector, has one of two that stand beside each other, and so many rows a matrix beside
   what comes from elsewhere: the most for which there is room. */
const DETAILS = [[MOST_IN_GRID, MOST_IN_GRID, MOST_IN_GRID], [MOST_IN_GRID, MOST_IN_GRID, 2], [FEW_NUMBERS, 2, 2]];

/* What Python has found (network.py): { samples: [{ inputs: [node], layers: [{ name, units }] }], root }. What
   is seen is one of the samples, `at`. A unit is a neuron on a sample: { neuron, name, members, sum, out,
   weights: Map source -> leaf, bias }, where `sum` is what the activation is applied to. `layerOf` has the place
   of each node's layer: -1 for the inputs and what they come from, and for the loss one more than for the last;
   `readers` the edges that start at a node: [node, operand]. */
function networkOf({ nodes, root }, found) {
  const samples = found.map(([inputs, layers]) => ({ inputs, layers: layers.map((units, at) => ({ name: `layer ${at + 1}`,
    units: units.map(([name, out, sum, bias, sources, leaves]) => ({ name, neuron: name.replace(/, sample.*/, ""), out, sum, bias,
      members: between(nodes, out, sources), weights: new Map(sources.map((source, i) => [source, leaves[i]])) })) })) }));
  const network = { root, samples, at: 0, layerOf: nodes.map(() => samples[0].layers.length), readers: nodes.map(() => []),
    get name() { return nameOfLevel(network.at); }, get inputs() { return samples[network.at].inputs; }, get layers() { return samples[network.at].layers; } };
  nodes.forEach(({ p }, i) => p.forEach((parent, k) => network.readers[parent].push([i, k])));
  samples.forEach(({ inputs, layers }) => {
    inputs.forEach((input) => between(nodes, input, []).forEach((i) => { network.layerOf[i] = -1; }));
    layers.forEach(({ units }, at) => units.forEach(({ members }) => members.forEach((i) => { network.layerOf[i] = at; })));
  });
  return network;
}

/* What a node is computed from, back to some sources. */
function between(nodes, out, sources) {
  const found = new Set([out]);
  found.forEach((i) => nodes[i].p.forEach((parent) => { if (!sources.includes(parent)) { found.add(parent); } }));
  return found;
}

/* The steps, a layer each; `all` are those of scalars. */
function networkSteps(graph, network, all) {
  const last = network.layers.length - 1, list = [];
  network.layers.forEach((layer, at) => list.push({ phase: "forward", layer: at }));
  if (!isOutput(network)) { list.push({ phase: "forward", layer: null }); }
  list.push({ phase: "seed", layer: null });
  for (let at = last; at >= 0; at -= 1) { list.push({ phase: "backward", layer: at }); }
  if (graph.rate !== null) {
    network.layers.forEach((layer, at) => { if (movedIn(graph, layer.units).length) { list.push({ phase: "update", layer: at }); } });
    if (movedElsewhere(graph, network).length) { list.push({ phase: "update", layer: null }); }
  }
  return list.map((step) => {
    const outs = step.layer === null ? [graph.root] : network.layers[step.layer].units.map((unit) => unit.out);
    return { ...step, node: outs[0], outs, edges: [], isLayer: true, formula: formulaOfLayer(graph, network, step), ...toldOfLayer(graph, network, step, all) };
  });
}

/* The steps of scalars that one of a layer stands for, on the sample that is seen first. */
function scalarsOfLayer(network, full, step) {
  const all = full.filter((each) => each.phase === step.phase), own = all.filter(({ node }) => isOfLayer(network, step, node));
  const seen = own.filter(({ node }) => unitsOf(network).some(({ members }) => members.has(node)));
  return own.length ? [...seen, ...own] : all.length ? all : full.slice(-1); /* an update that only the page knows of */
}

/* Whether a node is of the layer of a step, on whatever sample; or else of none. */
function isOfLayer({ layerOf, layers }, { layer }, node) {
  return layer === null ? !layers[layerOf[node]] : layerOf[node] === layer;
}

/* The steps of scalars in the order of the layers, on all samples, and how many of them have come by a step: what
   the weights get from elsewhere, as from a penalty, comes with their layer. */
function scalarsInOrder({ nodes }, { layerOf, layers }, full, steps, now) {
  const last = layers.length - 1, isSame = (phase, layer) => (each) => each.phase === phase && each.layer === layer;
  const done = new Set(full.filter(({ phase, node, edges: [edge] }) => {
    const receiver = edge && nodes[edge[0]].p[edge[1]], at = edge && !nodes[receiver].p.length ? layerOf[receiver] : layerOf[node];
    const near = phase === "backward" ? max(0, min(last, at)) : phase === "forward" ? max(0, at) : at;
    const place = steps.findIndex(isSame(phase, layers[near] ? near : null));
    return place >= 0 ? place <= now : phase === "forward" && steps[now].phase !== "forward";
  }));
  return [[...done, ...full.filter((step) => !done.has(step))], done.size - 1];
}

/* The nodes as people say them: `said` is "layer 1, neuron 2, w0" of what a neuron has, and "layer 1, neuron 2"
   of what it gives; `own` is "w0", as a neuron that is open and the tables call its leaves. `graph.order` goes from
   the result back, neuron by neuron. Gives the leaves of neurons with their names, by neuron, and the others:
   [node, name, neuron]. */
function sayNames(graph, { samples, layers }) {
  const { nodes } = graph, known = new Set(nodes.map(({ n }) => n)), leaves = new Map(), order = nodes.map(() => 0);
  /* Of those that are called alike all but the first have a number, and w2 may be that of another layer first. */
  const own = ({ n }) => n.replace(/_\d+$/, (number, at) => (known.has(n.slice(0, at)) || /^(w\d+|b)_/.test(n) ? "" : number));
  layers.forEach(({ units }, at) => units.forEach(({ neuron }, k) => samples.forEach((sample) => {
    const unit = sample.layers[at].units[k], { members, name, out, sum } = unit, parts = leavesOf(unit), names = parts.map((i) => own(nodes[i]));
    const all = [...names, ...[...unit.weights.keys()].map((i) => nodes[i].n)]; /* which may be labelled alike */
    members.forEach((i) => {
      if (i === sum && i !== out) { nodes[i].d = `${name}, δ`; } /* as its gradient is called */
      nodes[i].said = name + (i === out ? "" : `, ${i === sum ? "sum" : own(nodes[i])}`);
      order[i] = (layers.length - at) * nodes.length + k;
    });
    parts.forEach((i, part) => {
      nodes[i].own = all.indexOf(names[part]) === all.lastIndexOf(names[part]) ? names[part] : nodes[i].n;
      nodes[i].said = `${neuron}, ${nodes[i].own}`;
      if (nodes[i].k === "leaf") { leaves.set(i, [i, nodes[i].said, neuron]); }
    });
  })));
  graph.order = nodes.map((node, i) => i).reverse().sort((a, b) => order[a] - order[b]);
  return [...leaves.values(), ...nodes.flatMap(({ k, n }, i) => (k === "leaf" && !leaves.has(i) ? [[i, n]] : []))];
}

/* How a text calls nodes: in a neuron that is open its leaves have their own names, and what it reads and nobody
   has named is called as what it is: x1 of the inputs, h1 of the neurons before. */
function callingIn({ nodes }, network, unit) {
  if (!unit) { return (text) => text; }
  const names = new Map(leavesOf(unit).map((i) => [nodes[i].n, nodes[i].own])), known = new Set([...nodes.map(({ n }) => n), ...names.values()].map(asFormula));
  const read = [["x", network.inputs], ...network.layers.map(({ units }) => ["h", units.map(({ out }) => out)])];
  read.forEach(([letter, places]) => places.forEach((i, at) => {
    const { n } = nodes[i], name = letter + (at + 1);
    if (unit.weights.has(i) && /^v\d+$/.test(n) && !known.has(asFormula(name))) {
      names.set(n, name);
      known.add(asFormula(name));
    }
  }));
  return (text) => text.replace(/[\p{L}\d_]+/gu, (name) => names.get(name) ?? name);
}

/* The nodes that a level shows, from the result back: neurons with their leaves, and inputs; a neuron that is open
   with what it reads; or all. */
function nodesSeen({ order }, { root, inputs, layers }, level, unit) {
  if (unit) { return order.filter((i) => unit.members.has(i) || unit.weights.has(i)); }
  const own = layers.slice().reverse().flatMap(({ units }) => units.flatMap((each) => [each.out, each.sum, ...leavesOf(each)]));
  return level === "network" ? [...new Set([root, ...own, ...inputs])] : order;
}

/* What a neuron computes: "v5 = tanh(w0 * x1 + w1 * x2 + b)". */
function formulaOfUnit(graph, unit) {
  const { nodes, values } = graph, name = (i) => (nodes[i].k === "constant" ? plain(values[i]) : graph.called(nodes[i].n));
  const terms = [...unit.weights].map(([source, leaf]) => `${name(leaf)} * ${name(source)}`);
  return `${name(unit.out)} = ${bent(graph, [unit], terms.concat(biases([unit]).map(name)).join(" + "))}`;
}

/* What a layer computes: "layer 1 = tanh(W * x + b)"; and behind the last one "L = f(layer 2 of 4 samples)". */
function formulaOfLayer(graph, network, { layer }) {
  const { samples, layers } = network, beside = inputsBeside(network).length ? ", inputs" : "";
  if (layer === null) { return `${graph.nodes[graph.root].n} = f(${layers[layers.length - 1].name}${ofSamples(samples)}${beside})`; }
  const { name, units } = layers[layer];
  return `${name} = ${madeOf(graph, units)}`;
}

/* The inputs that what comes behind the last layer reads too, as an output that is added to them. */
function inputsBeside({ samples, layers, layerOf, readers }) {
  const isRead = (input) => readers[input].some(([reader]) => layerOf[reader] === layers.length);
  return [...new Set(samples.flatMap(({ inputs }) => inputs.filter(isRead)))];
}

/* What units make of what they read: "tanh(W * x + b)". */
function madeOf(graph, units) { return bent(graph, units, biases(units).length ? "W * x + b" : "W * x"); }

/* What units make of their sums, written once for all: "tanh(sums)", and with other numbers each "sums × (0, 2)". */
function bent({ nodes, values }, units, sums) {
  const written = (places, isInside) => {
    const { k, o, s, p } = nodes[places[0]], isSum = places.every((i, at) => i === units[at].sum);
    const bracketedIn = (text) => (isInside && text.includes(" ") ? `(${text})` : text);
    if (isSum) { return bracketedIn(sums); }
    if (k === "constant") {
      const numbers = places.map((i) => values[i]);
      return numbers.every((x) => Object.is(x, numbers[0])) ? bracketed(plain(numbers[0])) : vector(numbers);
    }
    if (places.some((i) => nodes[i].o !== o)) { return null; }
    const isNamed = /^\w/.test(s), operands = p.map((operand, at) => written(places.map((i) => nodes[i].p[at]), !isNamed));
    return operands.includes(null) ? null : isNamed || p.length < 2 ? `${s}(${operands.join(", ")})` : bracketedIn(operands.join(` ${s} `));
  };
  return written(units.map(({ out }) => out), false) ?? `f(${sums})`;
}

/* The neuron that a node is of; of the loss, and of what else is of none, the last one. */
function unitAt(network, node) {
  const own = unitsOf(network);
  return [...own, ...network.samples.flatMap(unitsOf)].find(({ members }) => members.has(node)) || own.pop();
}

function unitsOf({ layers }) { return layers.flatMap(({ units }) => units); }

/* The sample that a node is of: the one that is seen, if it may be, as it is for what no sample has alone. */
function sampleAt({ samples, at }, node) {
  const isOf = (sample) => unitsOf(sample).some(({ members }) => members.has(node)), found = samples.findIndex(isOf);
  return found < 0 || isOf(samples[at]) ? at : found;
}

/* What the network on a sample is called as a level. */
function nameOfLevel(at) { return at ? `network, sample ${at + 1}` : "network"; }

/* What is to be opened: a level, a unit, a sample; of a neuron alone its unit on the first one. */
function levelCalled({ samples }, called) {
  const at = samples.findIndex((sample, at) => [nameOfLevel(at), `network, sample ${at + 1}`].includes(called));
  return at >= 0 ? ["network", null, at] : ["scalars", samples.flatMap(unitsOf).find(({ name, neuron }) => [name, neuron].includes(called))];
}

/* The leaves of a layer that an update moves, each once. */
function movedIn(graph, units) { return thatMove(graph, [...weightsOf(units), ...biases(units)]); }

function thatMove(graph, leaves) { return [...new Set(leaves)].filter((i) => graph.nodes[i].m); }

/* The weights and the bias of a unit. */
function leavesOf(unit) { return [...weightsOf([unit]), ...biases([unit])]; }

function weightsOf(units) { return units.flatMap((unit) => [...unit.weights.values()]); }

/* What is said of units whose leaves no gradient reaches; "" of others. */
function frozenIn(graph, units) {
  const leaves = [...weightsOf(units), ...biases(units)], count = leaves.filter((i) => graph.nodes[i].f).length;
  return !count ? "" : count < leaves.length ? "partly frozen" : "frozen";
}

/* Those that no layer has: inputs, or what stands around the network. */
function movedElsewhere(graph, network) {
  const own = new Set(network.layers.flatMap(({ units }) => movedIn(graph, units)));
  return graph.nodes.map((node, i) => i).filter((i) => graph.nodes[i].m && !own.has(i));
}

function isOutput(network) {
  return network.layers[network.layers.length - 1].units.some((unit) => unit.out === network.root);
}

/* Tells as much of layers as fits in a stage of a width, in which `stepsOf()` are the longest steps. */
function fitDetail(graph, width, stepsOf, fits) {
  const least = width > WIDE ? 1 : DETAILS.length - 1;
  [graph.width, graph.detail] = [width, 0];
  while (!stepsOf().every(fits) && graph.detail < least) { graph.detail += 1; }
  stepsOf();
}

/* What a step of a layer says, with the numbers as they are. */
function toldOfLayer(graph, network, { phase, layer }, all) {
  const [most, least, fewRows] = DETAILS[graph.detail ?? DETAILS.length - 1], whole = (numbers) => vector(numbers, most);
  const isNarrow = graph.width <= 700, root = graph.nodes[graph.root].n, values = (list) => whole(list.map((i) => graph.values[i]));
  const { length } = network.samples, ofSample = length > 1 ? ` (sample ${network.at + 1} of ${length})` : "";
  if (phase === "seed") {
    return said("seed", [[[`gradient of ${root}`, `∂${root}/∂${root}`], "=", ["seed", "1", 1]]],
      `Seed: ∂${root}/∂${root} = `, "1.", ["", "", "1"]);
  }
  if (phase === "update") { return saidOfUpdate(); }
  if (layer === null) {
    const outs = network.samples.flatMap(({ layers }) => layers[layers.length - 1].units.map((unit) => unit.out));
    const named = length > 1 ? `outputs of ${length} samples` : "output of the network", beside = inputsBeside(network);
    const result = [`value of ${root}`, short(graph.values[graph.root]), 1], computed = resultInNumbers(graph, network);
    return said(root, [[[named, values(outs)], ...(beside.length ? ["and", ["inputs", values(beside)]] : []), "→", ...(computed ? [[`${root} in numbers`, computed], "="] : []), result]],
      `Forward: from the ${length > 1 ? named : "output"} ${values(outs)}${beside.length ? ` and the inputs ${values(beside)}` : ""} comes ${root} = ${computed && `${asFormula(computed)} = `}`, `${result[1]}.`, ["", "", result[1]]);
  }
  const { name, units } = network.layers[layer], before = sourcesOf(units), [unit] = units;
  const size = `${units.length} × ${before.length}`, bends = bent(graph, units, "sums"), bend = bends.replace(/^(\w+)\(sums\)$|^sums$/, "$1");
  const outs = units.map((each) => graph.values[each.out]);
  if (phase === "forward") {
    const input = layer ? network.layers[layer - 1].name : "the inputs";
    return said(name, [[[`weights, ${size}`, (before.length <= FEW_COLUMNS && grid(ofWeight(graph.values), units, before)) || "W"], "·", [`from ${input}`, values(before)],
      ...(biases(units).length ? ["+", ["biases", values(biases(units))]] : []),
      "=", [`sums of ${name}`, values(units.map((each) => each.sum))]],
    [[bend === bends ? "each one" : bend || "output", bends], "=", [`output of ${name}`, whole(outs), 1]]],
    `Forward${ofSample}: ${name} takes ${before.length} numbers from ${input} and gives `, `${whole(outs)}.`, ["", "", `${madeOf(graph, units)} = ${vector(outs)}`]);
  }
  const ofSums = units.map((each) => graph.gradients[each.sum]), ofOuts = units.map((each) => graph.gradients[each.out]);
  const bySlopes = units.map((each) => slopeOfUnit(graph, each)), [upstream, slopes, deltas] = [ofOuts, bySlopes, ofSums].map(whole);
  const next = network.layers[layer + 1];
  const product = next || units.length > 1 ? "" : productInNumbers(graph, network, unit.out, all);
  const first = next ? [[`δ of ${next.name}`, whole(next.units.map((each) => graph.gradients[each.sum]))], "×",
    [`local: weights of ${next.name}, transposed`, inLine(grid(ofWeight(graph.values), next.units, units.map((each) => each.out), true), 4) || "Wᵀ"]] :
    fromResult();
  const isFrozen = weightsOf(units).every((i) => graph.nodes[i].f);
  const from = elsewhereFor(graph, network, layer), few = from ? units.slice(0, fewRows) : units, slopesOfWeights = grid(ofWeight(graph.gradients), few, before);
  const outer = few.length < units.length && slopesOfWeights ? `∂${root}/∂W, ${few.length} of ${units.length} rows` : `∂${root}/∂W of ${name}`, elsewhere = (unit, source) => fromElsewhere(graph, network, unit, unit.weights.get(source));
  return said(name, [[...first, "×", [`local: slopes of ${name}`, slopes], "=", [`δ of ${name}`, deltas, 1]],
    ...(isFrozen ? [] : [[[`δ of ${name}`, vector(ofSums, least), 1], "⊗", [layer ? `outputs of ${network.layers[layer - 1].name}` : "inputs", vector(before.map((i) => graph.values[i]), least)],
      ...(from ? ["+", [from.replace(" of the network", ""), inLine(grid(elsewhere, units, before), least) || "see Steps"]] : []), "=", [outer, slopesOfWeights || `${size} numbers: see Steps`, 1]]])],
  `Backward, ${name}${ofSample}: ${next ? `δ of ${next.name}, ${first[0][1]}, times its weights, which is ` : "the gradient of its outputs, "}` +
    `${product ? `1 × ${asFormula(product)}` : upstream}, times the slopes ${slopes} gives the gradient of its sums, δ = `,
  `${deltas}. ` + (isFrozen ? "The weights are frozen: no gradient reaches them." :
    `∂${root}/∂W is δ times each input${from && `, and what comes from ${from}`}: ${(few.length === units.length && inLine(slopesOfWeights, 6)) || `${size} numbers`}.`),
  [ofOuts, bySlopes, ofSums].map((numbers) => vector(numbers)));

  /* The gradient of the outputs: the product along the way from the result, where there is one. On a phone the
     sentence alone says so, as what becomes of the result: both lines of a layer are to be seen. */
  function fromResult() {
    const ways = units.map(({ out }) => wayTo(graph, network, out)), areSeveral = units.some(({ out }, i) => !ways[i] && graph.gradients[out] !== null);
    return units.some(({ out }, i) => !ways[i] || out === graph.root) ? [[`upstream ∂${root}/∂output${areSeveral ? ", over several paths" : ""}`, upstream]] :
      isNarrow ? [[`upstream ∂${root}/∂output`, upstream]] : [[`upstream ∂${root}/∂${root}`, "1"], "×", [`local ∂${root}/∂output`, product || upstream]];
  }

  /* Only what moves is told: some updates leave out the biases, or the weights. */
  function saidOfUpdate() {
    const units = layer === null ? [] : network.layers[layer].units, of = layer === null ? "" : ` of ${network.layers[layer].name}`;
    const groups = layer === null ? [[movedElsewhere(graph, network), "", "other leaf", "other leaves"]] :
      [[weightsOf(units), "W", "weight", "weights"], [biases(units), "b", "bias", "biases"]];
    const moves = groups.map(([leaves, sign, one, many]) => ({ sign, one, many, all: new Set(leaves).size, moved: thatMove(graph, leaves) }))
      .filter(({ moved }) => moved.length);
    const isAscent = graph.rate < 0, rate = short(abs(graph.rate));
    const told = moves.map(({ all, moved, one, many }) => (moved.length < all ? `${moved.length} of the ${all} ${many}` :
      all > 1 ? `the ${all} ${many}` : `the ${one}`)).join(" and ");
    const isOne = moves.length === 1 && moves[0].moved.length === 1;
    const still = layer === null ? "" : frozenIn(graph, units) && ` What is frozen in ${network.layers[layer].name} stays.`;
    const others = network.layers.filter((each) => frozenIn(graph, each.units) === "frozen").map((each) => each.name).join(" and ");
    const rows = moves.map(({ sign, one, many, all, moved }) => {
      const name = moved.length < all ? `${moved.length} of ${all} ${many}` : moved.length > 1 ? many : one, by = sign && moved.length === all ? `∂${root}/∂${sign}` : "gradients";
      const isShort = moved.length <= most;
      return [[name, isShort ? values(moved) : sign || "numbers"], isAscent ? "+" : "−",
        ["learning rate × gradient", `${rate} × ${isShort ? whole(moved.map((i) => graph.gradients[i] ?? 0)) : by}`], "=",
        [`new ${name}${of}`, isShort ? whole(moved.map((i) => graph.moved.get(i))) : `${moved.length} numbers: see Steps`, 1]];
    });
    const isLast = graph.after !== null && (layer === null || !(movedElsewhere(graph, network).length || network.layers.slice(layer + 1).some((each) => movedIn(graph, each.units).length)));
    const [before, after] = [graph.values[graph.root], graph.after].map(short);
    if (isLast && !isNarrow) { rows[rows.length - 1].push("so", [`${root} before`, before], "→", [`${root} after all updates`, after, 1]); }
    return said(layer === null ? "others" : network.layers[layer].name, rows, `Update: ${told}${of} ${isOne ? "moves" : "move"} ` +
      `${isAscent ? "with" : "against"} ${isOne ? "its gradient" : "their gradients"}: `, "the new numbers are in the table." + (isLast ? ` By all updates ${root} goes from ${before} to ${after}.` : "") + still +
      (others && ` The weights of ${others} are frozen and stay.`), ["", "", told]);
  }

  /* What is asked for, of a layer, is the number of its first neuron. */
  function said(edge, equations, asks, tells, [upstreamCell, local, result]) {
    const first = layer === null ? null : network.layers[layer].units[0];
    const answer = phase === "update" ? null : layer === null ? (phase === "seed" ? ["g", graph.root] : ["v", graph.root]) :
      phase === "forward" ? ["v", first.out] : ["g", first.sum];
    const of = layer === null ? root : `${phase === "forward" ? "the output" : "δ"} of ${first.name}`;
    return { equations, asks, tells, cells: [edge, upstreamCell, local, "", result], check: "", answer, of };
  }
}

/* The edges by which a node gets its gradient: [reader, operand]. */
function usedBy({ sent }, { readers }, i) { return readers[i].filter(([reader, k]) => sent[reader][k]); }

/* The edges from the result back to a node, where there is one way; null where there are several, or none. */
function wayTo(graph, network, node) {
  const way = [];
  for (let i = node; i !== graph.root; i = way[0][0]) {
    const edges = usedBy(graph, network, i);
    if (edges.length !== 1) { return null; }
    way.unshift(edges[0]);
  }
  return way;
}

/* Writes nodes in numbers of so many digits, those that are open as what they are computed from. Gives how, and
   the number that comes of what is written. */
function writerOf({ nodes, values }, isOpen, digits) {
  const number = (i) => (nodes[i].k === "constant" && String(values[i]).length <= 8 ? String(values[i]) : shortIn(values[i], digits));
  const isSplit = (i) => nodes[i].p.length > 0 && isOpen(i), strength = (i) => (isSplit(i) ? STRENGTH[nodes[i].s] ?? 9 : number(i).startsWith("-") ? 0 : 9);
  return { text, value, inside };

  function value(i) { return isSplit(i) ? operations[nodes[i].o](...nodes[i].p.map(value))[0] : numberOf(number(i)); }

  function text(i) {
    const { o, s, p } = nodes[i], own = STRENGTH[s];
    if (!isSplit(i)) { return number(i); }
    if (s === "−" && p.length === 1) { return `-${inside(p[0], 2)}`; }
    if (!own || p.length !== 2) { return `${/^\w/.test(s) ? s : o}(${p.map(text).join(", ")})`; }
    const [left, right] = p;
    return `${inside(left, s === "^" ? 4 : isSplit(left) ? own : 0)} ${{ "×": "*", "÷": "/", "−": "-", "^": "**" }[s] || s} ${inside(right, own + (s !== "+" && s !== "×"))}`;
  }

  /* In brackets where what is around is stronger. */
  function inside(i, least) { return strength(i) < least ? `(${text(i)})` : text(i); }
}

/* What is written in as many digits as it takes to come out; "" where none do, or it is too long. */
function inNumbers(graph, isOpen, wanted, write) {
  const precision = max(DIGITS, short(wanted).replace(/e.*|\D/g, "").replace(/^0+/, "").length);
  for (let digits = DIGITS; graph.isLive && digits < ALL_DIGITS; digits += 1) {
    const [text, number] = write(writerOf(graph, isOpen, digits));
    if (text.length > LONGEST_IN_NUMBERS) { return ""; }
    if (number.toPrecision(precision) === wanted.toPrecision(precision)) { return text; }
  }
  return "";
}

/* The result as what it is computed from: the outputs, or where that is long, the terms that it is the sum of. */
function resultInNumbers(graph, { layerOf, layers }) {
  const { nodes, root, values } = graph, isBehind = (i) => layerOf[i] === layers.length;
  const count = (isOpen) => { /* of what is open; a node that is read twice is written twice */
    const pending = [root];
    for (let at = 0; at < pending.length && at < LONGEST_IN_NUMBERS; at += 1) { if (isOpen(pending[at])) { pending.push(...nodes[pending[at]].p); } }
    return pending.length;
  };
  const written = (isOpen) => (count(isOpen) < LONGEST_IN_NUMBERS ? inNumbers(graph, isOpen, values[root], ({ text, value }) => [text(root), value(root)]) : "");
  return written(isBehind) || (nodes[root].s === "+" && written((i) => isBehind(i) && nodes[i].s === "+")) || "";
}

/* The product of the local derivatives on the way from the result to an output, each as its formula with its
   numbers where it has one: "2 * (0.6457 - 1) = -0.7087". Those that are 1 are left out. */
function productInNumbers(graph, network, out, all) {
  const way = wayTo(graph, network, out) || [], { nodes, gradients, locals } = graph, reached = new Set(way.map(([sender]) => sender));
  const factors = way.filter(([sender, k]) => locals[sender][k] !== 1).map(([sender, k]) => {
    const step = all.find(({ phase, node, edges }) => phase === "backward" && node === sender && edges.some((edge) => edge[1] === k));
    const isStale = !step || (step.branch && graph.isChanged()), [formula] = isStale || typeof step.cells[2] === "string" ? [] : step.cells[2];
    return [sender, k, typeof formula === "string" ? formula.replace(/ = $/, "") : ""];
  });
  if (!factors.some(([, , formula]) => formula) && factors.length < 2) { return ""; }
  const product = inNumbers(graph, (i) => reached.has(i) && "+−".includes(nodes[i].s), gradients[out], ({ value, inside }) => {
    const parts = factors.map(([sender, k, formula]) => {
      const { o, p } = nodes[sender], names = new Map(p.map((i) => [nodes[i].n, i]));
      const text = formula ? formula.replace(/[\p{L}\d_]+/gu, (name) => (names.has(name) ? inside(names.get(name), 2) : name)) : bracketed(short(locals[sender][k]));
      return [/ [-+] /.test(formula) && factors.length > 1 ? `(${text})` : text, operations[o](...p.map(value))[k + 1]];
    });
    return [parts.map(([text]) => text).join(" * "), parts.reduce((all, [, local]) => all * local, 1)];
  });
  return product && `${product} = ${short(gradients[out])}`;
}

/* How fast a unit's output changes with its sum. */
function slopeOfUnit(graph, { out, sum }) {
  const { p } = graph.nodes[out];
  return out === sum ? 1 : p.length === 1 && p[0] === sum ? graph.locals[out][0] : slopeOf(graph, out, sum);
}

/* From where the weights and biases of a layer get gradients beside the sample seen; "" for nowhere. */
function elsewhereFor({ sent }, { samples, layers, layerOf, readers }, layer) {
  const others = samples.length - 1, found = new Set(others ? [`${others} other sample${others > 1 ? "s" : ""}`] : []);
  layers[layer].units.forEach((unit, at) => [...unit.weights.values(), ...biases([unit])].forEach((leaf) => readers[leaf].forEach(([reader, k]) => {
    const isSame = samples.some((sample) => sample.layers[layer].units[at].members.has(reader));
    if (sent[reader][k] && !isSame) { found.add(layers[layerOf[reader]] ? "other neurons" : "outside of the network"); }
  })));
  return [...found].join(" and ");
}

/* What a unit's leaf gets beside that. */
function fromElsewhere({ sent }, { readers }, { members }, leaf) {
  return readers[leaf].reduce((sum, [reader, k]) => sum + ((!members.has(reader) && sent[reader][k]?.sent) || 0), 0);
}

function ofSamples({ length }) { return length > 1 ? ` of ${length} samples` : ""; }

function sourcesOf(units) { return [...new Set(units.flatMap((unit) => [...unit.weights.keys()]))]; }

function biases(units) { return units.map((unit) => unit.bias).filter((i) => i !== null); }

/* A few numbers of a vector: more are in the table. */
function vector(numbers, most = FEW_NUMBERS) {
  const shown = numbers.length > most ? [...numbers.slice(0, 2).map(short), "…"] : numbers.map(short);
  return shown.length === 1 ? shown[0] : "(" + shown.join(", ") + ")";
}

/* The weight's number among those of all nodes. */
function ofWeight(numbers) { return ({ weights }, source) => numbers[weights.get(source)]; }

/* A number for each weight: a row a neuron, a column a source, or transposed. Few can stand in an equation;
   "" for more. */
function grid(numberOf, units, sources, isTransposed = false) {
  if (max(units.length, sources.length) > MOST_IN_GRID) { return ""; }
  const number = (unit, source) => short(numberOf(unit, source));
  return (isTransposed ? sources.map((source) => units.map((unit) => number(unit, source))) :
    units.map((unit) => sources.map((source) => number(unit, source)))).map((row) => row.join("\t")).join("\n");
}

/* A matrix on one line, where it is of so few numbers; "" for more. */
function inLine(matrix, most) {
  const rows = matrix.split("\n").map((row) => row.split("\t")), count = rows.length * rows[0].length;
  const text = rows.map((row) => row.join(", ")).join(rows[0].length > 1 ? "; " : ", ");
  return count > most ? "" : count > 1 ? `(${text})` : text;
}

/* The weights of a layer and their gradients as tables: a row a neuron, a column a source. On the way back
   gradients come first, and there are the weights by which δ came. */
function matricesIn(place, graph, network, step) {
  clear(place);
  if (step.phase === "update" && step.layer === null) { otherLeavesIn(place, graph, movedElsewhere(graph, network)); return; }
  const { layers } = network, at = step.layer ?? layers.length - 1, { name, units } = layers[at], root = graph.nodes[graph.root].n;
  const elsewhere = elsewhereFor(graph, network, at), weightsIn = (layer) => tableOf(`Weights W of ${layer.name}`, layer.units, (i) => graph.values[i]);
  const gradientsIn = () => {
    tableOf(`Gradients ∂${root}/∂W of ${name}`, units, (i) => graph.gradients[i]);
    if (elsewhere) { tableOf(`Of these from ${elsewhere}`, units, (i, unit) => fromElsewhere(graph, network, unit, i)); }
  };
  if (step.phase === "backward") { gradientsIn(); weightsIn(layers[at]); } else { weightsIn(layers[at]); gradientsIn(); }
  if (step.phase === "backward" && layers[at + 1]) { weightsIn(layers[at + 1]); }
  if (step.phase === "update") { tableOf(`New weights W of ${name}`, units, (i) => graph.moved.get(i) ?? graph.values[i]); }

  function tableOf(title, units, number) {
    const sources = sourcesOf(units);
    make("h2", "", place, title);
    const called = (leaves) => (new Set(leaves.map((i) => graph.nodes[i].own)).size === 1 ? graph.nodes[leaves[0]].own : "");
    const heads = sources.map((i) => [called(units.map(({ weights }) => weights.get(i)).filter(isFinite)), nameOf(graph, network, i)].filter(Boolean).join(" * "));
    const { body } = tableIn(place, ["neuron", ...heads, called(biases(units)) || "bias"].map(asFormula));
    units.forEach((unit, k) => rowIn(body, `neuron ${k + 1}`, [...sources.map((source) => unit.weights.get(source)), unit.bias]
      .map((i) => (i === null ? "" : short(number(i, unit))))));
  }
}

function rowIn(body, heading, texts) {
  const row = make("tr", "", body);
  make("th", "", row, heading).scope = "row";
  texts.forEach((text) => make("td", "", row, text));
}

function otherLeavesIn(place, graph, leaves) {
  make("h2", "", place, "Leaves outside of the layers");
  const { body } = tableIn(place, ["leaf", "value", "gradient", "new value"]);
  leaves.forEach((i) => rowIn(body, graph.nodes[i].n, [graph.values[i], graph.gradients[i], graph.moved.get(i)].map(short)));
}

function nameOf(graph, network, i) {
  for (const { units } of network.layers) {
    const found = units.findIndex((unit) => unit.out === i);
    if (found >= 0) { return `neuron ${found + 1}`; }
  }
  const { n, k } = graph.nodes[i], at = network.inputs.indexOf(i);
  return k === "constant" ? `x${at + 1}` : n;
}
