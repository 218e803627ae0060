/* The picture of a network as people draw it: neurons are circles, and weights are lines, with width and sign.
   What its steps say is in network.js. */

const DISC = 34, MOST_UNITS = 7, FEWEST_UNITS = 4, COLUMN = 210, CLOSE_COLUMN = 150, ROW = 76, CAPTION = 30, EDGE = 14;
const SMALLEST_DISC = 0.8; /* of wide layers as many neurons are shown as are not smaller than that */

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

/* What a picture of a network depends on, and how to make it: in a `room`, of all that a window has. */
function networkPicture(graph, network, isDown, room, whole, pick, adjust) {
  const most = unitsShown(room, isDown), apart = columnsApart(network, whole, isDown);
  return [[isDown, most, apart, network.at].join(), () => {
    const picture = networkPictureIn(graph, network, isDown, most, apart, pick, adjust);
    return { picture, layout: { isDown, ...picture.size } };
  }];
}

/* The picture of a network, with the interface of a picture of scalars. Of layers of more than `most` a few
   neurons are shown; layers stand so far `apart`. Their names stand in a row, or a column, of their own, where no
   line goes. A click opens a neuron; the number of a leaf, as an input is one, is changed as in its box; of a plain
   number it is said that it stays. */
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
    const own = column ? [network.layers[column - 1].name, frozenIn(graph, network.layers[column - 1].units)] : [network.samples.length > 1 ? `sample ${network.at + 1}` : "inputs"];
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
    const made = { group, unit, column, value: text(DISC, "gg-value"), gradient: text(DISC + 18, "gg-gradient"), wrong: text(DISC + 18, "gg-wrong-gradient"), old: text(DISC - 17, "gg-old"),
      title: drawn("title", {}, group), x: cx, y: cy, box: { x: cx - DISC, y: cy - DISC, width: 2 * DISC, height: 2 * DISC } };
    put(made.title, nameOf(graph, network, unit.out));
    if (unit.members) {
      const about = [unit.name, frozenIn(graph, [unit])].filter(Boolean).join(", ");
      tell(group, "gg-frozen", about.endsWith("frozen"));
      pressable(group, `Open ${about}`, () => pick(unit));
      put(made.title, `${about}: click to open it`);
    } else if (graph.nodes[unit.out].k === "constant") {
      group.classList.add("gg-fixed");
      put(made.title, `${nameOf(graph, network, unit.out)} is a plain number of the program and stays as it is; a Value in its place could be dragged`);
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
    lines.push({ group, course, path: drawn("path", { d: course.d }, group), title: leaf === null ? null : drawn("title", {}, group), leaf, at, to });
  }

  /* Below the right gradients those of a wrong engine, `beside`, where they differ. */
  function show(step, now, all, isAsked, beside) {
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
      const sent = isLoss || !has("backward", at) ? i : disc.unit.sum, isWrong = beside && isSent && beside[sent].isOff;
      fit(disc.gradient, at < 0 ? "" : isHidden && step.phase !== "forward" ? "?" : isSent ? brief(graph.gradients[sent]) : "–");
      fit(disc.wrong, isWrong ? `≠${brief(beside[sent].wrong)}` : "");
      tell(disc.group, "gg-apart", isWrong);
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
      if (line.title) { put(line.title, `${nameIn(graph, line.leaf)} = ${short(weight)}`); }
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
