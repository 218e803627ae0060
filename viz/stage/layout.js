/* Where the boxes stand: in ranks along the flow, operands before results, few crossings, each box
   near those it is connected with. Works for both directions: `along` is the direction of the flow
   (to the right, or down), `across` is the other. Pure geometry; the picture is in picture.js. */

const BOX = { width: 122, height: 84, low: 46 }; /* `low` is a plain number, which has no gradient */
const CIRCLE = 22, APART = 22, LANE = 14, TWINS = 16, LONGEST = 24;
const GAP = 56, GAP_DOWN = 40, GAP_EMPTY = 70; /* before and after a sign, on the way to the right and down; of ranks without one */

/* How wide an operation's sign is drawn: a circle, or longer for a name. */
function circleWidth(sign) { return max(2 * CIRCLE, 9.2 * sign.length + 22); }

function sizeOf(node) {
  return { width: BOX.width, height: node.k === "constant" ? BOX.low : BOX.height };
}

/* The places of boxes, signs and edges, and the size of the whole; of what is folded, see folds.js. Of a large graph a part may be open:
   the nodes of `inside` with their operands; by default all.
   Gives { boxes: [{x, y, width, height} or null], signs: [... or null], edges: Map "node_operand" ->
   points, width, height }; x and y are of the upper left corner. */
function layoutOf(all, isDown, inside = null) {
  const isInside = (i) => !inside || inside.has(i), isShown = all.map((node, i) => isInside(i));
  all.forEach((node, i) => { if (isInside(i)) { node.p.forEach((parent) => { isShown[parent] = true; }); } });
  const places = all.map((node, i) => i).filter((i) => isShown[i]), place = new Map(places.map((i, at) => [i, at]));
  const nodes = places.map((i) => ({ ...all[i], p: isInside(i) ? all[i].p.map((parent) => place.get(parent)) : [] }));
  const found = laidOut(nodes, isDown), edges = new Map();
  found.edges.forEach((points, key) => {
    const [node, k] = key.split("_");
    edges.set(places[node] + "_" + k, points);
  });
  const spread = (list) => all.map((node, i) => (place.has(i) ? list[place.get(i)] : null));
  return { ...found, boxes: spread(found.boxes), signs: spread(found.signs), edges };
}

function laidOut(nodes, isDown) {
  const ranks = ranksOf(nodes), items = [], layers = [];
  const sizes = nodes.map(sizeOf), widest = [], gap = isDown ? GAP_DOWN : GAP; /* `widest` sign of each rank, along the flow */
  nodes.forEach((node, i) => {
    const sign = !node.p.length || node.isPlain ? 0 : isDown ? 2 * CIRCLE : circleWidth(node.s);
    widest[ranks[i]] = max(widest[ranks[i]] || 0, sign);
  });
  const starts = [0], deep = isDown ? BOX.height : BOX.width;
  widest.slice(1).forEach((sign, i) => starts.push(starts[i] + deep + (sign ? sign + 2 * gap : GAP_EMPTY)));
  nodes.forEach((node, i) => put({ node: i, rank: ranks[i],
    size: isDown ? sizes[i].width : sizes[i].height, before: [], after: [] }));
  const chains = new Map(), shared = new Map();
  /* An edge over several ranks goes through lanes between the boxes, those of one operand together; a
     very long one goes straight. */
  nodes.forEach((node, i) => node.p.forEach((parent, k) => {
    let last = items[parent];
    const lanes = [], isLong = ranks[i] - ranks[parent] > LONGEST;
    for (let rank = ranks[parent] + 1; rank < ranks[i] && !isLong; rank += 1) {
      const key = parent + "_" + rank, isNew = !shared.has(key);
      if (isNew) { shared.set(key, put({ rank, size: LANE, before: [], after: [] })); }
      const lane = shared.get(key);
      if (isNew) { join(last, lane); }
      lanes.push(lane);
      last = lane;
    }
    if (!isLong) { join(last, items[i]); }
    chains.set(i + "_" + k, lanes);
  }));
  ordered(layers, nodes);
  spread(layers);
  return placed();

  function put(item) {
    (layers[item.rank] = layers[item.rank] || []).push(item);
    items.push(item);
    return item;
  }

  function join(from, to) { from.after.push(to); to.before.push(from); }

  function placed() {
    const least = items.reduce((found, item) => min(found, item.at - item.size / 2), Infinity);
    const most = items.reduce((found, item) => max(found, item.at + item.size / 2), -Infinity);
    const length = starts[starts.length - 1] + deep;
    const boxes = nodes.map((node, i) => {
      const along = starts[ranks[i]], across = items[i].at - least, { width, height } = sizes[i];
      return isDown ? { x: across - width / 2, y: along, width, height } :
        { x: along, y: across - height / 2, width, height };
    });
    const signs = nodes.map((node, i) => {
      if (!node.p.length || node.isPlain) { return null; }
      const width = circleWidth(node.s), height = 2 * CIRCLE, box = boxes[i];
      return isDown ? { x: box.x + box.width / 2 - width / 2, y: box.y - gap - height, width, height } :
        { x: box.x - gap - widest[ranks[i]] / 2 - width / 2, y: box.y + box.height / 2 - CIRCLE, width, height };
    });
    const edges = new Map();
    nodes.forEach((node, i) => node.p.forEach((parent, k) => {
      const lanes = chains.get(i + "_" + k).map((lane) => {
        const along = starts[lane.rank], across = lane.at - least;
        return isDown ? [[across, along], [across, along + BOX.height]] :
          [[along, across], [along + BOX.width, across]];
      });
      const points = [ending(boxes[parent], true), ...lanes.flat(), ending(signs[i] || boxes[i], false)];
      edges.set(i + "_" + k, points.map(beside(node.p, k)));
    }));
    const across = most - least;
    return { boxes, signs, edges, isDown, width: isDown ? across : length,
      height: isDown ? length : across };
  }

  /* An operand that is used twice by one operation has an edge for each use, side by side. */
  function beside(parents, k) {
    const twins = parents.map((parent, at) => at).filter((at) => parents[at] === parents[k]);
    const by = TWINS * (twins.indexOf(k) - (twins.length - 1) / 2);
    return ([x, y]) => (isDown ? [x + by, y] : [x, y + by]);
  }

  /* The middle of the side that the flow leaves (or enters) a shape by. */
  function ending(shape, isStart) {
    return isDown ? [shape.x + shape.width / 2, shape.y + (isStart ? shape.height : 0)] :
      [shape.x + (isStart ? shape.width : 0), shape.y + shape.height / 2];
  }
}

/* A result stands after its operands, and a leaf right before the first that uses it. */
function ranksOf(nodes) {
  const ranks = nodes.map(() => 0), first = nodes.map(() => Infinity);
  nodes.forEach((node, i) => node.p.forEach((parent) => {
    ranks[i] = max(ranks[i], ranks[parent] + 1);
  }));
  nodes.forEach((node, i) => node.p.forEach((parent) => {
    first[parent] = min(first[parent], ranks[i]);
  }));
  nodes.forEach((node, i) => {
    if (!node.p.length && first[i] < Infinity) { ranks[i] = first[i] - 1; }
  });
  return ranks;
}

/* Orders each layer by the middle of the neighbours, to and fro; keeps the best that was found. */
function ordered(layers, nodes) {
  const start = evaluation(nodes);
  layers.forEach((layer) => {
    layer.forEach((item) => { item.key = keyOf(item, start); });
    layer.sort((a, b) => a.key - b.key);
    number(layer);
  });
  let best = remembered(), least = crossings(layers);
  for (let round = 0; round < 12 && least > 0; round += 1) {
    const isForth = round % 2 === 0;
    (isForth ? layers.slice(1) : layers.slice(0, -1).reverse()).forEach((layer) => {
      layer.forEach((item) => {
        const near = isForth ? item.before : item.after;
        item.key = near.length ? mean(near.map((other) => other.place)) : item.place;
      });
      layer.sort((a, b) => a.key - b.key || a.place - b.place);
      number(layer);
    });
    const now = crossings(layers);
    if (now < least) { least = now; best = remembered(); }
  }
  layers.forEach((layer, rank) => { layers[rank] = best[rank]; number(best[rank]); });

  function remembered() { return layers.map((layer) => layer.slice()); }
  function number(layer) { layer.forEach((item, place) => { item.place = place; }); }
}

/* Where a node comes when the expression is read from the left: operands in their order. */
function evaluation(nodes) {
  const found = nodes.map(() => Infinity), used = new Set(nodes.flatMap((node) => node.p));
  let count = 0;
  const left = nodes.map((node, i) => i).filter((i) => !used.has(i)).reverse();
  while (left.length) {
    const i = left.pop();
    if (found[i] < Infinity) { continue; }
    count += 1;
    found[i] = count;
    left.push(...nodes[i].p.slice().reverse());
  }
  return found;
}

function keyOf(item, start) {
  let last = item;
  while (last.node === undefined) { [last] = last.before; } /* a lane is kept by its operand */
  return start[last.node];
}

function crossings(layers) {
  let found = 0;
  layers.slice(0, -1).forEach((layer) => {
    const ends = layer.flatMap((item) => item.after.map((to) => to.place).sort((a, b) => a - b));
    if (ends.length > 400) { return; } /* too many to count; the middle is good enough */
    ends.forEach((end, i) => { for (let j = i + 1; j < ends.length; j += 1) { found += ends[j] < end; } });
  });
  return found;
}

function mean(numbers) { return numbers.reduce((sum, each) => sum + each, 0) / numbers.length; }

/* Positions across the flow: near the neighbours, never closer than boxes allow. */
function spread(layers) {
  layers.forEach((layer) => {
    let at = 0;
    layer.forEach((item) => { item.at = at + item.size / 2; at += item.size + APART; });
    layer.forEach((item) => { item.at -= (at - APART) / 2; });
  });
  for (let round = 0; round < 10; round += 1) {
    const isForth = round % 2 === 0;
    (isForth ? layers : layers.slice().reverse()).forEach((layer) => settle(layer, (item) => {
      const near = round > 7 ? item.before.concat(item.after) : isForth ? item.before : item.after;
      return near.length ? mean(near.map((other) => other.at)) : item.at;
    }));
  }
}

/* The positions nearest to those wished for that keep order and distance: isotonic regression by
   pooling adjacent violators (Ayer et al. 1955). */
function settle(layer, wish) {
  const blocks = [], offsets = [];
  let offset = 0;
  layer.forEach((item, i) => {
    if (i) { offset += (layer[i - 1].size + item.size) / 2 + APART; }
    offsets.push(offset);
    blocks.push({ sum: wish(item) - offset, count: 1 });
    while (blocks.length > 1 && level(-2) > level(-1)) {
      const last = blocks.pop();
      blocks[blocks.length - 1].sum += last.sum;
      blocks[blocks.length - 1].count += last.count;
    }
  });
  let i = 0;
  blocks.forEach((block) => {
    for (let k = 0; k < block.count; k += 1, i += 1) { layer[i].at = block.sum / block.count + offsets[i]; }
  });

  function level(position) {
    const block = blocks[blocks.length + position];
    return block.sum / block.count;
  }
}

/* A smooth line through points, which leaves and enters along the flow. */
function curve(points, isDown) {
  return "M" + points[0].map(tenth).join(" ") + bends(points, isDown).map((bend) => "C" + bend.map(tenth).join(" ")).join("");
}

/* From each point to the next: the two handles and the end. */
function bends(points, isDown) {
  return points.slice(1).map(([x, y], i) => {
    const [fromX, fromY] = points[i], halfX = (fromX + x) / 2, halfY = (fromY + y) / 2;
    return isDown ? [fromX, halfY, x, halfY, x, y] : [halfX, fromY, halfX, y, x, y];
  });
}

function tenth(number) { return Math.round(number * 10) / 10; }
