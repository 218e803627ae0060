/* Experiments with numbers: a nudge, which is what a gradient is; throws, which is what training is; and
   a map of the result over two leaves. Everything is computed by the graph of the page. */

const PIXELS = 480, LEVELS = 9; /* of the map: its sides, and how many steps from its least to its most */

/* Nudge a leaf by h: the result moves by gradient × h, as long as h is small. Its number can be changed
   here too, also of one that is not drawn. */
function nudgeIn(around, graph, names, { setNumber, changeBy }) {
  const place = make("section", "", around), row = make("div", "gg-fields", place);
  make("h2", "", row, "Nudge");
  const leaf = leafIn(row, "leaf ", graph, names), which = () => Number(leaf.value);
  const number = numberIn(make("label", "", row, "= "), "Its number", (wanted) => setNumber(which(), wanted), (by) => changeBy(which(), by));
  const field = make("label", "", row, "by h = "), size = make("input", "", field), shownSize = make("b", "", field);
  size.type = "range";
  Object.assign(size, { min: -4, max: 1, step: 0.05, value: -2 });
  set(size, "aria-label", "Size of the nudge, as a power of ten");
  const said = make("p", "gg-nudge", place);
  const plot = plotIn(place);
  let now = null, known = [], shownFor = "";
  [leaf, size].forEach((each) => on(each, "input", () => { if (now) { now(); } }));
  return { select(i) { leaf.value = i; if (now) { now(); } }, show(gradients) {
    known = gradients;
    now = draw;
    draw();
  } };

  /* Before the gradient has come in the steps it is not told here either. */
  function draw() {
    const i = which(), h = 10 ** Number(size.value), x = graph.values[i], y = graph.values[graph.root];
    const gradient = graph.gradients[i] ?? 0, name = nameIn(graph, i), isFrozen = graph.nodes[i].f, isTold = !isFrozen && (known[i] !== null || graph.gradients[i] === null), { result } = graph;
    const moved = graph.resultAt([[i, x + h]]) - y;
    put(shownSize, short(h));
    if (shownFor !== (shownFor = [i, x].join())) { number.value = spelled(x); } /* not while one types */
    put(said, `${name} + ${short(h)}: ${result} moves by ${short(moved)}` + (isTold ? `; gradient × h = ` +
      `${short(gradient)} × ${short(h)} = ${short(gradient * h)}.` : isFrozen ? `; ${name} is frozen: no gradient reaches it.` : `; gradient × h is told once the gradient of ${name} has come.`));
    const reach = 2.5 * h, xs = Array.from({ length: 61 }, (_, k) => x - reach + 2 * reach * k / 60);
    const ys = xs.map((at) => graph.resultAt([[i, at]]));
    plot(`${result} over ${name}` + (isTold ? ", and the straight line of the gradient" : ""), xs, ys,
      [[x, y], [x + h, y + moved]], isTold ? xs.map((at) => y + gradient * (at - x)) : []);
  }
}

function leafIn(place, label, graph, names) {
  const field = make("label", "", place, label), select = make("select", "", field);
  let holder = select;
  names.forEach(([i, name, group]) => {
    if (group !== holder.label) { holder = group ? make("optgroup", "", select) : select; holder.label = group; }
    make("option", "", holder, asFormula(name)).value = i;
  });
  return select;
}

function path(xs, ys, place) {
  let text = "", isOn = false;
  xs.forEach((x, k) => {
    if (!isFinite(ys[k])) { isOn = false; return; }
    text += (isOn ? "L" : "M") + place(x, ys[k]).join(" ");
    isOn = true;
  });
  return text;
}

/* A plot: a curve with some points, the last of them where one is now, over a straight line if there is one.
   It stands right of the smallest and the largest number, so that neither covers the other. */
function plotIn(place) {
  const height = 74, margin = 10, plot = drawn("svg", { viewBox: `0 0 320 ${height}`, "class": "gg-plot", role: "img" }, place);
  return (label, xs, ys, points, line = []) => {
    const finite = ys.concat(line).filter(isFinite), low = min(...finite), high = max(...finite), isFlat = !(high > low);
    const [left] = xs, width = xs.at(-1) - left, by = isFinite(high - low) ? 1 : 0.5; /* the largest numbers are too far apart for a float */
    const share = (y) => (isFlat ? 0.5 : (by * y - by * low) / (by * high - by * low));
    const ends = isFlat ? [] : apart(high, low), start = 14 + 6 * max(0, ...ends.map((end) => end.length));
    const spot = (x, y) => [tenth(start + (320 - start - margin) * (width ? (x - left) / width : 0.5)),
      tenth(height - margin - (height - 2 * margin) * share(y))];
    clear(plot);
    plot.style.display = width ? "" : "none";
    set(plot, "aria-label", label);
    ends.forEach((end, k) => drawn("text", { x: 4, y: k ? height - 3 : 12, "class": "gg-tick" }, plot, end));
    if (line.length) { drawn("path", { d: path(xs, line, spot), "class": "gg-tangent" }, plot); }
    drawn("path", { d: path(xs, ys, spot), "class": "gg-curve" }, plot);
    points.forEach(([x, y], k) => {
      if (!isFinite(y)) { return; }
      const [cx, cy] = spot(x, y);
      drawn("circle", { cx, cy, r: 4, "class": k === points.length - 1 ? "gg-moved" : "gg-here" }, plot);
    });
  };
}

/* The result over the throws: an update, then forward again. */
function throwsIn(around) {
  const place = make("section", "gg-throws", around);
  make("h2", "", place, "Throws");
  const said = make("p", "", place);
  const plot = plotIn(place);
  return (results, name) => {
    const last = results.at(-1);
    put(said, results.length < 2 ? "Throw again: an update, then forward with the new numbers." :
      `${name} after ${results.length - 1} ${results.length > 2 ? "throws" : "throw"}: ${apart(results[0], last).join(" → ")}.` +
      (isFinite(last) ? "" : " It has exploded: start again with a smaller learning rate."));
    tell(around, "gg-thrown", results.length > 1); /* then they stand first */
    plot(`${name} over the throws`, results.map((_, k) => k), results, results.length > 80 ? [] : results.map((y, k) => [k, y]));
  };
}

/* A map of the result over two leaves, with the way that the throws have gone. */
function mapIn(around, graph, names) {
  if (names.length < 2) { return () => undefined; }
  const place = make("section", "gg-mapped", around), beside = make("div", "", place);
  make("h2", "", beside, "Map");
  const across = leafIn(beside, "across ", graph, names), up = leafIn(beside, "up ", graph, names);
  const said = make("p", "gg-small", beside), axes = make("div", "gg-axes", place), upward = make("div", "gg-axis gg-upward", axes);
  const canvas = make("canvas", "gg-map", axes), sideways = make("div", "gg-axis gg-sideways", axes);
  let walked = [], timer = null, thrown = null, isChosen = false;
  [across, up].forEach((each) => on(each, "input", () => { isChosen = true; draw(); }));
  choose();
  return (way) => { /* it takes many forward passes, so it follows when the hand rests */
    walked = way;
    if (way[0] && way[0] !== thrown && !isChosen) { thrown = way[0]; choose(); }
    clearTimeout(timer);
    timer = setTimeout(draw, 80);
  };

  /* The two leaves that the first throw moves most: over one that rests the way would be a straight line. */
  function choose() {
    const after = walked[1] || graph.values, isMoved = (i) => graph.nodes[i].m;
    const far = (i) => abs(walked.length ? after[i] - walked[0][i] : graph.gradients[i]) || 0;
    const two = names.map(([i]) => i).sort((a, b) => isMoved(b) - isMoved(a) || far(b) - far(a)).slice(0, 2);
    [across.value, up.value] = two.sort((a, b) => isMoved(b) - isMoved(a) || a - b);
  }

  function draw() {
    const [a, b] = [across, up].map((each) => Number(each.value)), side = graph.nodes.length > 300 ? 24 : 48, last = side - 1;
    const spots = walked.concat([graph.values]), [left, right] = range(a), [low, high] = range(b);
    axes.hidden = !isFinite(right - left + (high - low));
    if (axes.hidden) { put(said, "No map: a number is too large or not finite."); return; }
    /* At a cell, or `off` from it to the right and down. */
    const number = (cell, off) => graph.resultAt([[a, at(left, right, (cell % side + off) / last)], [b, at(high, low, (rowOf(cell) + off) / last)]]);
    const cells = Array.from({ length: side * side }, (_, cell) => number(cell, 0));
    const finite = cells.filter(isFinite), least = min(...finite), most = max(...finite);
    /* How many of the levels each is above: of large results they stand farther apart. */
    const depthOf = (value) => (isFinite(value) ? LEVELS * Math.sqrt(most > least ? max(0, value - least) / (most - least) : 0.5) : NaN), depths = cells.map(depthOf);
    const paint = canvas.getContext("2d"), { color, fill, stroke } = getComputedStyle(canvas); /* as they are now, light or dark */
    canvas.width = canvas.height = PIXELS;
    shade(fill.match(/[\d.]+/g).slice(0, 3));
    paint.strokeStyle = paint.fillStyle = color;
    paint.lineWidth = 2;
    paint.globalAlpha = 0.6;
    const marks = contours(), shown = [];
    paint.globalAlpha = 1;
    paint.font = "600 26px system-ui, sans-serif";
    paint.textAlign = "center";
    marks.forEach(({ x, y }, level) => {
      if (shown.some((other) => abs(other.x - x) < 80 && abs(other.y - y) < 26)) { return; }
      shown.push({ x, y });
      paint.fillText((least + (most - least) * (level / LEVELS) ** 2).toPrecision(2), x, y + 8);
    });
    paint.strokeStyle = paint.fillStyle = stroke;
    paint.lineWidth = 3;
    const places = spots.map((values) => [PIXELS * (values[a] - left) / (right - left), PIXELS * (high - values[b]) / (high - low)]);
    const disc = (place, radius) => { paint.beginPath(); paint.arc(...place, radius, 0, 7); };
    paint.beginPath();
    places.forEach((place) => paint.lineTo(...place));
    paint.stroke();
    disc(places.at(-1), 8);
    paint.fill();
    if (places.length > 1) { disc(places[0], 12); paint.stroke(); }
    const [x, y] = [across, up].map((each) => each.selectedOptions[0].text.split(", ").pop()); /* "w3" of "layer 3, neuron 1, w3", which stands above */
    [[upward, [short(high), y, short(low)]], [sideways, [short(left), x, short(right)]]].forEach(([axis, texts]) => {
      clear(axis);
      texts.forEach((text) => make("span", "", axis, text));
    });
    put(said, `${graph.result} over ${nameIn(graph, a)} and ${nameIn(graph, b)}: ` + (finite.length ? `from ${short(least)} (faint) to ${short(most)} (strong).` : "nowhere finite.") +
      (spots.length > 1 ? " ○ start, ● now." : " ● now."));
    set(canvas, "role", "img"); /* with a label at once: it is drawn a little later than all else */
    set(canvas, "aria-label", said.textNow);

    /* The larger the result, the stronger; nothing where it is no number. */
    function shade(rgb) {
      const small = document.createElement("canvas"), pixels = small.getContext("2d"), image = pixels.createImageData(side, side);
      small.width = small.height = side;
      depths.forEach((depth, k) => image.data.set([...rgb, isNaN(depth) ? 0 : 20 + 184 * depth / LEVELS], 4 * k));
      pixels.putImageData(image, 0, 0);
      paint.drawImage(small, 0.5, 0.5, last, last, 0, 0, PIXELS, PIXELS);
    }

    /* Draws a line at each level, through the squares between four numbers (marching squares). Gives for each
       a place for its number: the higher, the more to the right. */
    function contours() {
      const marks = [], scale = PIXELS / last;
      paint.beginPath();
      depths.forEach((depth, k) => {
        const square = [k, k + 1, k + side + 1, k + side], around = square.map((i) => depths[i]), most = max(...around);
        if (k % side === last) { return; }
        for (let level = Math.floor(min(...around)) + 1; level <= most && level < LEVELS; level += 1) {
          const ends = square.flatMap((i, corner) => { /* a line begins or ends on a side that leads across the level */
            const next = square[(corner + 1) % 4], [from, to] = [depths[i], depths[next]], share = (level - from) / (to - from);
            return from < level === to < level ? [] : [[scale * at(i % side, next % side, share), scale * at(rowOf(i), rowOf(next), share)]];
          });
          /* Where four lead across, the middle tells which two are of one line. */
          if (ends[2] && depthOf(number(k, 0.5)) < level !== depth < level) { ends.push(ends.shift()); }
          ends.forEach(([x, y], i) => { if (i % 2) { paint.lineTo(x, y); } else { paint.moveTo(x, y); } });
          const [[x, y]] = ends, off = abs(x - PIXELS * (0.15 + 0.7 * level / LEVELS));
          if (min(x, PIXELS - x, y + 36, PIXELS - y + 36) > 56 && !(marks[level]?.off < off)) { marks[level] = { x, y, off }; }
        }
      });
      paint.stroke();
      return marks;
    }

    function rowOf(cell) { return Math.floor(cell / side); }

    function range(i) {
      const seen = spots.map((values) => values[i]).filter(isFinite);
      const [from, to] = [min(...seen), max(...seen)];
      const reach = max(0.6 * (to - from), 0.6 * max(abs(from), abs(to)), 0.5);
      return [from - reach, to + reach];
    }
  }

  function at(from, to, share) { return from + (to - from) * share; }
}
