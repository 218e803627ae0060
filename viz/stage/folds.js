/* What of a large graph is folded, so that the rest can be read. Of repetitions, which Python has found
   (repeats.py), one is open: that of the step; those before it are one box, and those after it one. Of
   an operation on very many operands those that contribute most are shown, with the one that the step is
   about, and one box for all others. Every box says what it stands for, and opens when it is clicked.
   Next: picture.js draws it. */

const NAMED_OPERANDS = 9, MOST_NAMED = 12, LEAST_NAMED = 3, MOST_BARS = 24;
const FEW_OPERATIONS = 3; /* repetitions as short as this are open with those beside them */

/* Gives how to see the graph at a step; null where nothing is folded. `series` are those of the data, and
   of more operands than `mostOperands` some are folded. */
function foldingOf(graph, series, mostOperands) {
  const { nodes } = graph, chains = nodes.map((node) => chainOf(series.length ? node.r : null)), reach = series.map(() => 0);
  const isMany = nodes.map((node) => new Set(node.p).size > mostOperands);
  if (!series.length && !isMany.some(Boolean)) { return null; }
  /* As many of each in all steps, so that no box jumps: fewer where there are more such operations. */
  const most = max(LEAST_NAMED, min(NAMED_OPERANDS, Math.floor(MOST_NAMED / isMany.filter(Boolean).length)));
  series.forEach((each, s) => {
    const operations = nodes.filter((node) => node.p.length && node.r && node.r[0] === s).length;
    const isShort = operations <= FEW_OPERATIONS * each.count && !series.some(({ around }) => around && around[0] === s);
    reach[s] = isShort ? 1 : 0;
  });
  return { hasSeries: series.length > 0, viewAt, nameAt };

  /* The repetitions around a node, the outermost first. */
  function chainOf(innermost) {
    const found = [];
    for (let at = innermost; at; at = series[at[0]].around) { found.unshift(at); }
    return found;
  }

  /* "repeat 17 of 50"; "" outside of all. */
  function nameAt(i) {
    return chains[i].map(([s, j]) => `repeat ${counted(j + 1)} of ${counted(series[s].count)}`).join(", ");
  }

  /* What is seen at a step: { key, shown, isOpen, operands, folds, ties }. An open node has its operation
     beside it; a tie goes from a fold to what reads it. Of an `open` set of nodes, around
     that of the step, only they and their operands are seen. */
  function viewAt(step, { isWhole = false, open = null, isPredicting = false } = {}) {
    const alone = open && step.node;
    const foldOf = closedAt(step.node, isWhole), operands = operandsAt(step, isPredicting);
    hideUnderMany(foldOf, operands);
    const isOpen = nodes.map((node, i) => Boolean(node.p.length) && (open ? open.has(i) : foldOf[i] === null));
    const shown = nodes.map((node, i) => (open ? open.has(i) : foldOf[i] === null));
    isOpen.forEach((is, i) => { if (is) { operands(i).forEach((k) => { shown[nodes[i].p[k]] = true; }); } });
    const folds = foldsOf(foldOf, shown, alone), ties = tiesOf(folds, foldOf, shown, isOpen, operands);
    const key = JSON.stringify([alone, isWhole || chains[step.node], [...folds.keys()], nodes.map((node, i) => i).filter((i) => isMany[i] && isOpen[i])
      .map((i) => [i, ...operands(i)])]);
    return { key, shown, isOpen, operands, folds: [...folds.values()], ties };
  }

  /* The key of the fold that each node is in; null if none is. */
  function closedAt(focus, isWhole) {
    const now = new Map(chains[focus]);
    return chains.map((chain) => {
      for (const [s, j] of isWhole ? [] : chain) {
        if (!now.has(s)) { return `${s}=`; }
        if (abs(j - now.get(s)) > reach[s]) { return `${s}${j < now.get(s) ? "<" : ">"}`; }
      }
      return null;
    });
  }

  /* Which operands of a node are shown, by their positions: all, or of very many those that contribute
     most, and last the one that leads to the step, so that the others stay where they are; those of a
     compiled call, which sends to all at once, in the order of the call. While a person predicts, the
     first ones: the contributions are what is asked for. */
  function operandsAt(step, isPredicting) {
    const leads = [], known = new Map();
    nodes.forEach((node, i) => { leads.push(i === step.node || node.p.some((parent) => leads[parent])); });
    return (i) => {
      if (!known.has(i)) { known.set(i, isMany[i] ? important(i) : nodes[i].p.map((parent, k) => k)); }
      return known.get(i);
    };

    function important(i) {
      const { p } = nodes[i], edges = step.edges || [];
      const own = edges.length === 1 && step.node === i ? edges[0][1] : step.node === i ? -1 : p.findIndex((parent) => leads[parent]);
      const order = p.map((parent, k) => k).filter((k) => p.indexOf(p[k]) === k);
      if (!isPredicting) {
        const sizes = p.map((parent, k) => weight(i, k)), values = p.map((parent) => sizeOfNumber(graph.values[parent]));
        order.sort((a, b) => compare(sizes[b], sizes[a]) || compare(values[b], values[a]) || a - b);
      }
      const fixed = order.slice(0, most - 1), isAmong = (k) => fixed.some((each) => p[each] === p[k]);
      const last = own < 0 || isAmong(own) ? order[most - 1] : own, all = p.map((parent, k) => k);
      const isLast = (k) => p[k] === p[last];
      return nodes[i].o ? [...all.filter(isAmong), ...all.filter(isLast)] : all.filter((k) => isAmong(k) || isLast(k));
    }
  }

  /* How much an edge contributes. Of those that contribute the same, large operands come first. */
  function weight(i, k) { return graph.sent[i][k] ? sizeOfNumber(graph.sent[i][k].sent) : 0; }

  function sizeOfNumber(number) { return isNaN(number) ? Infinity : abs(number); }

  function compare(one, other) { return one === other ? 0 : one - other; } /* of two infinities too */

  /* What only leads to operands that are not shown is folded with them. */
  function hideUnderMany(foldOf, operands) {
    const under = nodes.map(() => null), isKept = nodes.map(() => false);
    for (let i = nodes.length - 1; i >= 0; i -= 1) {
      const isHidden = under[i] !== null && !isKept[i], { p } = nodes[i];
      const few = isMany[i] && foldOf[i] === null && !isHidden ? new Set(operands(i).map((k) => p[k])) : null;
      p.forEach((parent) => {
        if (isHidden) { under[parent] = under[parent] ?? under[i]; }
        else if (few && !few.has(parent) && foldOf[parent] === null) { under[parent] = under[parent] ?? i; }
        else { isKept[parent] = true; }
      });
      if (isHidden) { foldOf[i] = `+${under[i]}`; }
    }
  }

  function foldsOf(foldOf, shown, alone) {
    const folds = new Map();
    if (alone !== null) {
      const left = new Set(nodes[alone].p.filter((parent) => !shown[parent]));
      if (left.size) { folds.set(`+${alone}`, { members: [...left] }); left.forEach((i) => { foldOf[i] = `+${alone}`; }); }
    } else {
      foldOf.forEach((key, i) => {
        if (key === null || shown[i]) { return; }
        if (!folds.has(key)) { folds.set(key, { members: [] }); }
        folds.get(key).members.push(i);
      });
    }
    folds.forEach((fold, key) => Object.assign(fold, { key }, key[0] === "+" ? remainder(fold.members, Number(key.slice(1))) : repeated(fold.members, key)));
    return folds;
  }

  function remainder(members, of) {
    const left = new Set(members), own = [...new Set(nodes[of].p.filter((parent) => left.has(parent)))];
    const size = new Map(nodes[of].p.map((parent, k) => [parent, weight(of, k)]));
    const next = own.reduce((most, i) => (size.get(i) > size.get(most) ? i : most), own[0]);
    const rest = members.length > own.length ? `, with the ${counted(members.length - own.length)} nodes before them` : "";
    return { of, next, name: `${counted(own.length)} more`, about: `operands of ${asFormula(nodes[of].n)}`, parts: own,
      title: `${counted(own.length)} more operands of ${asFormula(nodes[of].n)}${rest}. Those shown contribute most, or the step is about them. Click to see the next.` };
  }

  function repeated(members, key) {
    const s = parseInt(key, 10), last = new Map();
    members.forEach((i) => {
      const at = chains[i].find(([each]) => each === s)[1];
      if (nodes[i].p.length || !last.has(at)) { last.set(at, i); }
    });
    const places = [...last.keys()].sort((a, b) => a - b), first = places[0] + 1, end = places[places.length - 1] + 1;
    const range = first === end ? `repeat ${counted(first)}` : `repeats ${counted(first)}–${counted(end)}`;
    const count = members.filter((i) => nodes[i].p.length).length, operations = `${counted(count)} operation${count === 1 ? "" : "s"}`;
    return { next: last.get(key.endsWith(">") ? places[0] : places[places.length - 1]), name: range, about: `of ${counted(series[s].count)}`,
      parts: places.map((at) => last.get(at)), title: `${range} of ${counted(series[s].count)}, ${operations}. Click to open.` };
  }

  /* From a fold (its key) or a node (its number) to what reads it, where no edge of a shown operand does. */
  function tiesOf(folds, foldOf, shown, isOpen, operands) {
    const ties = new Map(), inFold = (i) => (!shown[i] && folds.has(foldOf[i]) ? foldOf[i] : null);
    const tie = (from, to) => { if (from !== null && from !== to) { ties.set(`${from} ${to}`, [from, to]); } };
    nodes.forEach((node, i) => {
      const own = inFold(i);
      if (own !== null) {
        node.p.forEach((parent) => { if (!shown[parent]) { tie(inFold(parent), own); } else if (foldOf[parent] !== own) { tie(parent, own); } });
      } else if (isOpen[i]) {
        const seen = new Set(operands(i));
        node.p.forEach((parent, k) => { if (!seen.has(k) && !shown[parent]) { tie(inFold(parent), i); } });
      } else if (shown[i] && foldOf[i] !== null && folds.has(foldOf[i])) { tie(foldOf[i], i); }
    });
    return [...ties.values()];
  }
}

function counted(number) { return String(number).replace(/\B(?=(\d{3})+$)/g, ","); }

/* The places of what a view shows, as `layoutOf` gives them, with those of folds and ties. */
function foldedLayout(all, isDown, view) {
  const items = [], place = new Map();
  const add = (id, item) => { place.set(id, items.length); items.push({ id, p: [], slots: [], ...item }); };
  all.forEach((node, i) => { if (view.shown[i]) { add(i, { k: node.k, s: node.s, isPlain: !view.isOpen[i] }); } });
  view.folds.forEach((fold) => add(fold.key, { k: "fold", s: "", isPlain: true }));
  all.forEach((node, i) => {
    if (!view.isOpen[i]) { return; }
    view.operands(i).forEach((k) => { joined(i, node.p[k], k); });
  });
  view.ties.forEach(([from, to]) => joined(to, from, null));
  const order = sorted(items), at = new Map(order.map((old, now) => [old, now]));
  const sortedItems = order.map((old) => ({ ...items[old], p: items[old].p.map((parent) => at.get(parent)) }));
  const found = laidOut(sortedItems, isDown), edges = new Map(), ties = [];
  found.edges.forEach((points, key) => {
    const [item, slot] = key.split("_").map(Number), { id, slots } = sortedItems[item];
    if (slots[slot] === null) { ties.push(points); } else { edges.set(`${id}_${slots[slot]}`, points); }
  });
  const spread = (list) => all.map((node, i) => (place.has(i) ? list[at.get(place.get(i))] : null));
  return { ...found, boxes: spread(found.boxes), signs: spread(found.signs), edges, ties,
    folds: view.folds.map((fold) => ({ ...fold, box: found.boxes[at.get(place.get(fold.key))] })) };

  function joined(to, from, slot) {
    const item = items[place.get(to)];
    item.p.push(place.get(from));
    item.slots.push(slot);
  }
}

/* The numbers of items, each after those that it reads. */
function sorted(items) {
  const readers = items.map(() => []), missing = items.map((item) => item.p.length), order = [];
  items.forEach((item, i) => item.p.forEach((parent) => readers[parent].push(i)));
  items.forEach((item, i) => { if (!missing[i]) { order.push(i); } });
  for (let next = 0; next < order.length; next += 1) {
    readers[order[next]].forEach((reader) => {
      missing[reader] -= 1;
      if (!missing[reader]) { order.push(reader); }
    });
  }
  return order;
}

/* Draws the folds of a layout: a stack of boxes, each with a bar for every part of it, as high as its
   gradient is large. Gives how to show what is known at a step. */
function foldsIn(place, graph, layout, pick) {
  (layout.ties || []).forEach((points) => {
    const group = drawn("g", { "class": "gg-edge gg-tie" }, place);
    drawn("path", { d: curve(points, layout.isDown) }, group);
  });
  const made = (layout.folds || []).map((fold) => {
    const { x, y, width, height } = fold.box;
    const group = drawn("g", { "class": "gg-fold", "data-fold": fold.key, transform: `translate(${x},${y})` }, place);
    pressable(group, fold.title, () => pick(fold.next));
    [8, 4, 0].forEach((by) => drawn("rect", { x: by, y: -by, width: width - 8, height, rx: 10, "class": "gg-outline" }, group));
    drawn("text", { "class": "gg-name", x: 10, y: 22, ...(fold.name.length > 11 && { textLength: width - 28, lengthAdjust: "spacingAndGlyphs" }) }, group, fold.name);
    drawn("text", { "class": "gg-of", x: 10, y: 41 }, group, clippedTo(fold.about, 15));
    drawn("path", { "class": "gg-rule", d: `M10 ${height - 8}H${width - 18}` }, group);
    drawn("title", {}, group, fold.title);
    return { fold, group, bars: drawn("path", { "class": "gg-bars" }, group) };
  });
  return (step, known, largest) => made.forEach(({ fold, group, bars }) => {
    const isPart = fold.of === step.node && (step.phase === "forward" || (step.phase === "backward" && step.edges.length > 1));
    tell(group, "gg-lit", isPart);
    const { width, height } = fold.box, count = min(MOST_BARS, fold.parts.length), pitch = (width - 28) / count, heights = Array(count).fill(0);
    fold.parts.forEach((i, at) => {
      const each = Math.floor(at * count / fold.parts.length), size = abs(known.gradients[i] ?? 0);
      heights[each] = max(heights[each], isFinite(size) ? Math.sqrt(min(1, size / largest)) : 1);
    });
    set(bars, "d", heights.map((share, at) => (share > 0 ?
      `M${tenth(10 + at * pitch)} ${height - 8}v${tenth(-max(1, 26 * share))}h${tenth(max(1, pitch - 1))}V${height - 8}z` : "")).join(""));
  });
}

function clippedTo(text, length) { return text.length > length ? text.slice(0, length - 1) + "…" : text; }
