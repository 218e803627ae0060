/* A network seen as people draw it: neurons are circles, weights are lines, and one step is a layer.
   Python finds it; a unit is what one neuron computed. A click opens a neuron down to its scalars. */

const DISC = 34, MOST_UNITS = 7, FEWEST_UNITS = 4, COLUMN = 210, CLOSE_COLUMN = 150, ROW = 76, CAPTION = 30, EDGE = 14;
const MOST_IN_GRID = 4, FEW_COLUMNS = 2; /* rows and columns of a matrix in an equation; beside vectors fewer */
const SMALLEST_DISC = 0.8; /* of wide layers as many neurons are shown as are not smaller than that */

/* { inputs: [node], layers: [{ name, units }], root } of what Python has found (patterns.py). A unit has
   { name, members, sum, out, weights: Map source -> leaf, bias }, where `sum` is what the activation is
   applied to. */
function networkOf({ nodes, root }, { inputs, layers }) {
  const members = new Map();
  nodes.forEach((node, i) => { members.set(node.path, (members.get(node.path) || new Set()).add(i)); });
  return { inputs, root, layers: layers.map((units, at) => ({ name: `layer ${at + 1}`,
    units: units.map(([out, sum, bias, sources, leaves], k) => ({ name: `layer ${at + 1}, neuron ${k + 1}`, out, sum, bias,
      weights: new Map(sources.map((source, k) => [source, leaves[k]])), members: members.get(nodes[out].path) })) })) };
}

/* The steps, a layer each. */
function networkSteps(graph, network) {
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
    return { ...step, node: outs[0], outs, edges: [], isLayer: true, ...toldOfLayer(graph, network, step) };
  });
}

/* The steps of scalars that one of a layer stands for. */
function scalarsOfLayer(network, full, step) {
  const all = full.filter((each) => each.phase === step.phase), own = all.filter(({ node }) => isOfLayer(network, step, node));
  return own.length ? own : all.length ? all : full.slice(-1); /* an update that only the page knows of */
}

function isOfLayer(network, { layer }, node) {
  const ofLayer = (units) => units.some((unit) => unit.members.has(node) || unit.bias === node);
  return layer === null ? !network.layers.some(({ units }) => ofLayer(units)) : ofLayer(network.layers[layer].units);
}

/* The nodes as people say them: `said` is "layer 1, neuron 2, w0" of what a neuron has, and "layer 1, neuron 2"
   of what it gives; `graph.order` goes from the result back, neuron by neuron. Gives the leaves of neurons with
   their names, by neuron, and the others: [node, name, neuron]. */
function sayNames(graph, { layers }) {
  const { nodes } = graph, known = new Set(nodes.map(({ n }) => n)), leaves = [], order = nodes.map(() => 0);
  /* Of those that are called alike all but the first have a number, and w2 may be that of another layer first. */
  const own = ({ n }) => n.replace(/_\d+$/, (number, at) => (known.has(n.slice(0, at)) || /^(w\d+|b)_/.test(n) ? "" : number));
  layers.forEach(({ units }, at) => units.forEach((unit, k) => {
    const parameters = [...unit.weights.values(), ...biases([unit])];
    [...unit.members, ...parameters].forEach((i) => {
      nodes[i].said = unit.name + (i === unit.out ? "" : `, ${i === unit.sum ? "sum" : own(nodes[i])}`);
      order[i] = (layers.length - at) * nodes.length + k;
    });
    leaves.push(...parameters.filter((i) => nodes[i].k === "leaf").map((i) => [i, nodes[i].said, unit.name]));
  }));
  const listed = new Set(leaves.map(([i]) => i));
  graph.order = nodes.map((node, i) => i).reverse().sort((a, b) => order[a] - order[b]);
  return [...leaves, ...nodes.flatMap(({ k, n }, i) => (k === "leaf" && !listed.has(i) ? [[i, n]] : []))];
}

/* What a neuron computes: "v5 = tanh(w0 * x1 + w1 * x2 + b)". */
function formulaOfUnit({ nodes, values }, { out, sum, weights, bias }) {
  const name = (i) => (nodes[i].k === "constant" ? bracketed(plain(values[i])) : nodes[i].n);
  const terms = [...weights].map(([source, leaf]) => `${name(leaf)} * ${name(source)}`).concat(bias === null ? [] : name(bias)).join(" + ");
  return `${name(out)} = ${out === sum ? terms : `${nodes[out].s}(${terms})`}`;
}

/* The neuron that a node is of; of the loss, and of what else is of none, the last one. */
function unitAt({ layers }, node) {
  const units = layers.flatMap((layer) => layer.units);
  return units.find((unit) => unit.members.has(node)) || units[units.length - 1];
}

/* The leaves of a layer that an update moves, each once. */
function movedIn(graph, units) { return thatMove(graph, [...weightsOf(units), ...biases(units)]); }

function thatMove(graph, leaves) { return [...new Set(leaves)].filter((i) => graph.nodes[i].m); }

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

/* What a step of a layer says, with the numbers as they are. */
function toldOfLayer(graph, network, { phase, layer }) {
  const root = graph.nodes[graph.root].n, values = (list) => vector(list.map((i) => graph.values[i]));
  if (phase === "seed") {
    return said("seed", [[[`gradient of ${root}`, `∂${root}/∂${root}`], "=", ["seed", "1", 1]]],
      `Seed: ∂${root}/∂${root} = `, "1.", ["", "", "1"]);
  }
  if (phase === "update") { return saidOfUpdate(); }
  if (layer === null) {
    const outs = network.layers[network.layers.length - 1].units.map((unit) => unit.out);
    return said(root, [[["output of the network", values(outs)], "→", [`value of ${root}`, short(graph.values[graph.root]), 1]]],
      `Forward: from the output ${values(outs)} comes ${root} = `, `${short(graph.values[graph.root])}.`, ["", "", short(graph.values[graph.root])]);
  }
  const { name, units } = network.layers[layer], before = sourcesOf(units), [unit] = units;
  const size = `${units.length} × ${before.length}`, bend = unit.out === unit.sum ? "" : graph.nodes[unit.out].s;
  const outs = values(units.map((each) => each.out));
  if (phase === "forward") {
    const input = layer ? network.layers[layer - 1].name : "the inputs";
    return said(name, [[[`weights, ${size}`, (before.length <= FEW_COLUMNS && grid(graph.values, units, before)) || "W"], "·", [`from ${input}`, values(before)],
      ...(biases(units).length ? ["+", ["biases", values(biases(units))]] : []),
      "=", [`sums of ${name}`, values(units.map((each) => each.sum))]],
    [[bend || "output", `${bend}(sums)`.replace(/^\(sums\)$/, "sums")], "=", [`output of ${name}`, outs, 1]]],
    `Forward: ${name} takes ${before.length} numbers from ${input} and gives `, `${outs}.`, [biases(units).length ? "W · x + b" : "W · x", bend, outs]);
  }
  const ofSums = units.map((each) => graph.gradients[each.sum]), deltas = vector(ofSums);
  const slopes = vector(units.map((each) => (each.out === each.sum ? 1 : graph.locals[each.out][0])));
  const upstream = vector(units.map((each) => graph.gradients[each.out])), next = network.layers[layer + 1];
  const first = next ? [[`δ of ${next.name}`, vector(next.units.map((each) => graph.gradients[each.sum]))], "×",
    [`local: weights of ${next.name}, transposed`, inLine(grid(graph.values, next.units, units.map((each) => each.out), true), 4) || "Wᵀ"]] :
    [[`upstream ∂${root}/∂output`, upstream]];
  const outer = `∂${root}/∂W of ${name}`, slopesOfWeights = grid(graph.gradients, units, before), isFrozen = weightsOf(units).every((i) => graph.nodes[i].f);
  return said(name, [[...first, "×", [`local: slopes of ${name}`, slopes], "=", [`gradient δ of ${name}`, deltas, 1]],
    ...(isFrozen ? [] : [[[`gradient δ of ${name}`, vector(ofSums, 2), 1], "⊗", [layer ? `outputs of ${network.layers[layer - 1].name}` : "inputs", vector(before.map((i) => graph.values[i]), 2)], "=",
      [outer, slopesOfWeights || `${size} numbers: see Steps`, 1]]])],
  `Backward, ${name}: the gradient of its outputs, ${upstream}, times the slopes ${slopes} gives δ = `,
  `${deltas}. ` + (isFrozen ? "The weights are frozen: no gradient reaches them." :
    `∂${root}/∂W is δ times each input: ${inLine(slopesOfWeights, 6) || `${size} numbers`}.`),
  [upstream, slopes, deltas]);

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
      const isShort = moved.length < 4;
      return [[name, isShort ? values(moved) : sign || "numbers"], isAscent ? "+" : "−",
        ["learning rate × gradient", `${rate} × ${isShort ? vector(moved.map((i) => graph.gradients[i] ?? 0)) : by}`], "=",
        [`new ${name}${of}`, isShort ? vector(moved.map((i) => graph.moved.get(i))) : `${moved.length} numbers: see Steps`, 1]];
    });
    return said(layer === null ? "others" : network.layers[layer].name, rows, `Update: ${told}${of} ${isOne ? "moves" : "move"} ` +
      `${isAscent ? "with" : "against"} ${isOne ? "its gradient" : "their gradients"}: `, "the new numbers are in the table." + still +
      (others && ` The weights of ${others} are frozen and stay.`), ["", "", ""]);
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

function sourcesOf(units) { return [...new Set(units.flatMap((unit) => [...unit.weights.keys()]))]; }

function biases(units) { return units.map((unit) => unit.bias).filter((i) => i !== null); }

/* A few numbers of a vector: more are in the table. */
function vector(numbers, most = 3) {
  const shown = numbers.length > most ? [...numbers.slice(0, 2).map(short), "…"] : numbers.map(short);
  return shown.length === 1 ? shown[0] : "(" + shown.join(", ") + ")";
}

/* A number for each weight: a row a neuron, a column a source, or transposed. Few can stand in an equation;
   "" for more. */
function grid(numbers, units, sources, isTransposed = false) {
  if (max(units.length, sources.length) > MOST_IN_GRID) { return ""; }
  const number = (unit, source) => short(numbers[unit.weights.get(source)]);
  return (isTransposed ? sources.map((source) => units.map((unit) => number(unit, source))) :
    units.map((unit) => sources.map((source) => number(unit, source)))).map((row) => row.join("\t")).join("\n");
}

/* A matrix on one line, where it is of so few numbers; "" for more. */
function inLine(matrix, most) {
  const rows = matrix.split("\n").map((row) => row.split("\t")), count = rows.length * rows[0].length;
  const text = rows.map((row) => row.join(", ")).join(rows[0].length > 1 ? "; " : ", ");
  return count > most ? "" : count > 1 ? `(${text})` : text;
}

/* The weights of a layer and their gradients as a table: a row a neuron, a column a source. */
function matricesIn(place, graph, network, step) {
  clear(place);
  if (step.phase === "update" && step.layer === null) { otherLeavesIn(place, graph, movedElsewhere(graph, network)); return; }
  const at = step.layer === null ? network.layers.length - 1 : step.layer, { name, units } = network.layers[at];
  const sources = sourcesOf(units), root = graph.nodes[graph.root].n;
  const from = sources.map((i) => nameOf(graph, network, i));
  [["Weights W of " + name, (i) => graph.values[i]], [`Gradients ∂${root}/∂W of ${name}`, (i) => graph.gradients[i]],
    ...(step.phase === "update" ? [["New weights W of " + name, (i) => graph.moved.get(i) ?? graph.values[i]]] : [])]
    .forEach(([title, number]) => {
      make("h2", "", place, title);
      const { body } = tableIn(place, ["neuron", ...from, "bias"]);
      units.forEach((unit, k) => {
        rowIn(body, `neuron ${k + 1}`, [...sources.map((i) => unit.weights.get(i)), unit.bias].map((i) => (i === null || i === undefined ? "" : short(number(i)))));
      });
    });
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

/* How many neurons of a layer a window shows, beside each other or one above the other. */
function unitsShown({ width, height }, isDown) {
  const room = (isDown ? width : height) - 2 * EDGE - CAPTION * SMALLEST_DISC;
  return max(FEWEST_UNITS, min(MOST_UNITS, Math.floor(room / (ROW * SMALLEST_DISC))));
}

/* How far apart the layers of a network stand: closer where a window is too short for all of them. */
function columnsApart(network, { width, height }, isDown) {
  const count = network.layers.length + (isOutput(network) ? 0 : 1);
  return max(CLOSE_COLUMN, min(COLUMN, ((isDown ? height : width) - 2 * (DISC + EDGE + MARGIN)) / count));
}

/* The picture of a network, with the interface of a picture of scalars. Of layers of more than `most` a few
   neurons are shown; layers stand so far `apart`. Their names stand in a row, or a column, of their own, where no
   line goes. A click opens a neuron; the number of a leaf, as an input is one, is changed as in its box. */
function networkPictureIn(graph, network, isDown, most, apart, pick, adjust) {
  const place = drawn("g", {}), columns = [network.inputs.map((i) => ({ out: i, sum: i, weights: new Map() })), ...network.layers.map((layer) => layer.units)];
  const shown = columns.map((units) => (units.length <= most ? units : [...units.slice(0, most - 2), null, units[units.length - 1]]));
  const tallest = max(...shown.map((units) => units.length)), discs = new Map(), lines = [], titles = [];
  const along = (column) => DISC + EDGE + column * apart;
  const spot = (column, row) => {
    const across = DISC + CAPTION + (row + (tallest - shown[column].length) / 2) * ROW;
    return isDown ? [across, along(column)] : [along(column), across];
  };
  const back = drawn("g", {}, place), front = drawn("g", {}, place);
  shown.forEach((units, column) => {
    const own = column ? [network.layers[column - 1].name, frozenIn(graph, network.layers[column - 1].units)] : ["inputs"];
    titled(column, own.filter(Boolean).join(" · "));
    units.forEach((unit, row) => {
      const [cx, cy] = spot(column, row);
      if (!unit) {
        drawn("text", { x: cx, y: cy + 5, "text-anchor": "middle", "class": "gg-title" }, front, `⋮ ${columns[column].length - most + 1} more`);
        return;
      }
      discs.set(unit.out, discOf(unit, column, cx, cy));
    });
  });
  const ends = network.layers[network.layers.length - 1].units.filter((unit) => discs.has(unit.out));
  const loss = isOutput(network) ? null : lossOf();
  shown.slice(1).forEach((units, at) => units.forEach((unit) => {
    if (!unit) { return; }
    unit.weights.forEach((leaf, source) => { if (discs.has(source)) { lineBetween(source, unit.out, leaf, at); } });
  }));
  if (loss) { ends.forEach((unit) => lineBetween(unit.out, graph.root, null, network.layers.length)); }
  const length = along(columns.length - (loss ? 0 : 1)) + DISC + EDGE, breadth = CAPTION + 2 * DISC + (tallest - 1) * ROW + EDGE;
  const size = isDown ? { width: breadth, height: length } : { width: length, height: breadth };
  return { place, show, boxesOf, size, spots: [...discs.values()].map((disc) => disc.box), box: (i) => discs.get(i)?.group,
    focus: (unit) => { if (discs.has(unit.out)) { giveKeys(discs.get(unit.out).group); } } };

  function discOf(unit, column, cx, cy) {
    const group = drawn("g", { "class": "gg-disc gg-box", "data-n": unit.out, transform: `translate(${cx - DISC},${cy - DISC})` }, front);
    drawn("rect", { "class": "gg-outline", width: 2 * DISC, height: 2 * DISC, rx: DISC }, group);
    const text = (y, name) => drawn("text", { "class": name, x: DISC, y, "text-anchor": "middle" }, group);
    const made = { group, unit, column, value: text(DISC, "gg-value"), gradient: text(DISC + 18, "gg-gradient"), old: text(DISC - 17, "gg-old"),
      title: drawn("title", {}, group), x: cx, y: cy, box: { x: cx - DISC, y: cy - DISC, width: 2 * DISC, height: 2 * DISC } };
    put(made.title, nameOf(graph, network, unit.out));
    if (unit.members) {
      const about = [unit.name, frozenIn(graph, [unit])].filter(Boolean).join(", ");
      tell(group, "gg-frozen", about.endsWith("frozen"));
      pressable(group, `Open ${about}`, () => pick(unit));
      put(made.title, `${about}: click to open it`);
    } else if (graph.nodes[unit.out].k === "leaf" && graph.isLive) {
      made.adjusted = adjust(group, unit.out, [DISC - 5, DISC + 13], { width: 2 * DISC, height: 2 * DISC, rx: DISC });
    }
    return made;
  }

  function titled(column, text) {
    const x = isDown ? CAPTION / 2 + 4 : along(column), y = isDown ? along(column) : CAPTION - 12;
    const turned = isDown ? { transform: `rotate(-90 ${x} ${y})` } : {}, long = widthOfName(text.toUpperCase()), high = CAPTION - 12;
    drawn("text", { x, y, ...turned, "text-anchor": "middle", "class": "gg-title" }, front, text);
    const [width, height] = isDown ? [high, long] : [long, high];
    titles.push({ column, box: { x: x - width / 2, y: y - height / 2, width, height } });
  }

  function lossOf() {
    const mean = (key) => ends.reduce((sum, unit) => sum + discs.get(unit.out)[key], 0) / ends.length;
    const at = along(columns.length), [cx, cy] = isDown ? [mean("x"), at] : [at, mean("y")];
    const made = discOf({ out: graph.root, sum: graph.root, weights: new Map() }, columns.length, cx, cy);
    titled(columns.length, graph.nodes[graph.root].n);
    made.group.classList.add("gg-result");
    discs.set(graph.root, made);
    return made;
  }

  function lineBetween(from, to, leaf, at) {
    const a = discs.get(from), b = discs.get(to);
    const ends = isDown ? [[a.x, a.y + DISC], [b.x, b.y - DISC]] : [[a.x + DISC, a.y], [b.x - DISC, b.y]];
    const group = drawn("g", { "class": "gg-edge", "data-n": `${from} ${leaf}` }, back), course = courseOf(ends, isDown);
    lines.push({ group, course, path: drawn("path", { d: course.d }, group), leaf, at, to });
  }

  function show(step, now, all, isAsked) {
    const seen = all.slice(0, now + 1), has = (phase, at) => seen.some((each) => each.phase === phase && each.layer === at);
    const isSeeded = seen.some((each) => each.phase === "seed");
    /* What a moved number leads to is of before: a layer that moved, and all after it. */
    const moved = seen.filter((each) => each.phase === "update"), first = min(...moved.map((each) => each.layer ?? 0));
    discs.forEach((disc, i) => {
      const at = disc.column - 1, isResult = i === graph.root, isLoss = isResult && loss;
      const isKnown = at < 0 || (isLoss ? seen.some((each) => each.phase === "forward" && each.layer === null) : has("forward", at));
      const isSent = isLoss ? isSeeded : at >= 0 && (has("backward", at) || (isResult && isSeeded));
      const role = roleAt(step, i), isHidden = isAsked && role === "receiver";
      const isOld = moved.length > 0 && (at >= first || isLoss);
      fit(disc.value, isHidden && step.phase === "forward" ? "?" : isKnown ? brief(graph.values[i]) : "–");
      tell(disc.group, "gg-stale", isOld);
      put(disc.old, isOld ? "(old)" : "");
      fit(disc.gradient, at < 0 ? "" : isHidden && step.phase !== "forward" ? "?" :
        isSent ? brief(graph.gradients[isLoss ? i : disc.unit.sum]) : "–");
      tell(disc.group, "role", role);
      disc.adjusted?.();
    });
    const sizes = lines.filter((line) => line.leaf !== null);
    const most = max(1e-300, ...sizes.map((line) => abs(graph.values[line.leaf])));
    lines.forEach((line) => {
      const isBack = step.phase === "backward" && step.layer !== null && line.at === step.layer + 1;
      const isForth = step.phase === "forward" && line.at === (step.layer ?? network.layers.length);
      const weight = line.leaf === null ? 0.5 * most : graph.values[line.leaf];
      const share = abs(weight) / most;
      tell(line.group, "gg-weight", line.leaf !== null);
      tell(line.group, "gg-negative", weight < 0);
      light(line, isBack ? "backward" : isForth ? "forward" : "", 0.6 + 5 * min(1, isFinite(share) ? share : 1));
    });
  }

  function fit(text, number) {
    put(text, number);
    tell(text, "gg-long", number.length > 7); /* in letters of the usual size it would cross the outline */
  }

  /* With the discs of a step the names of their layers are seen. */
  function boxesOf(step) {
    const lit = [...discs].filter(([i]) => roleAt(step, i)).map(([, disc]) => disc);
    return [...lit, ...titles.filter(({ column }) => lit.some((disc) => disc.column === column))].map(({ box }) => box);
  }

  function roleAt(step, i) {
    const isResult = i === graph.root;
    return step.phase === "update" && step.layer === null ? roleOfOther(i, isResult) :
      roleOf(step, discs.get(i).column - 1, Boolean(isResult && loss));
  }

  /* What moves and is no part of a layer is an input, or stands around the result. */
  function roleOfOther(i, isResult) {
    const isInput = network.inputs.includes(i), others = movedElsewhere(graph, network);
    return (isInput ? others.includes(i) : isResult && others.some((each) => !network.inputs.includes(each))) ? "receiver" : null;
  }

  function roleOf(step, at, isLoss) {
    const last = network.layers.length - 1, { layer } = step;
    if (step.phase === "seed") { return isLoss || (!loss && at === last) ? "receiver" : null; }
    if (step.phase === "forward") {
      if (layer === null) { return isLoss ? "receiver" : at === last ? "sender" : null; }
      return isLoss ? null : at === layer ? "receiver" : at === layer - 1 ? "sender" : null;
    }
    if (step.phase === "update") { return !isLoss && at === layer ? "receiver" : null; }
    if (!isLoss && at === layer) { return "receiver"; }
    return layer === last ? (isLoss ? "sender" : null) : !isLoss && at === layer + 1 ? "sender" : null;
  }
}
