/* Puts the parts of a page together: a stage with formula, timeline, picture, equation and controls, in
   which every number can be changed. This and the files before it are the body of one function: it sets
   up every stage within an element, once, reports each move of a reader to `moved`, and gives back, for
   each, how to go to a step. `operations` are the rows of the table as JavaScript. */

const MAP = { width: 160, height: 76 }; /* so large may it be */
const CULLED = 150; /* of so many boxes only what the window shows is drawn */
const LARGE = 30; /* from so many nodes a network is seen as one */
const TELLING = ["mistakes", "more", "explore"]; /* the drawers that have the answers: with them nobody predicts */
const MEASURED = 8; /* so many equations of each phase are measured */
const FEW = 0.1; /* of the steps that have the longest equations */
const SHARE = 0.165, SHARE_OF_TALL = 0.22, LEAST_SHARE = 118; /* of the height, of that of a tall window, and in pixels: so tall may the equation line be */
const LITTLE = 14; /* so much more it gets where that is all that lacks */
const TWO_ROWS = 98; /* from this height on the equation line has room for two of full size */
const NUMERAL = /^[-.0-9]$/; /* a key with which a number may begin */
const PACE = 2000, CALM_PACE = 4000; /* how long a step stays while playing, in milliseconds */

function setUp(root, moved) {
  const data = JSON.parse(root.querySelector(".gg-data").textContent);
  DIGITS = data.digits;
  const graph = graphIn(data, operations), allSteps = unpacked(data, graph.nodes), first = data.first || 0;
  const names = graph.nodes.map((node, i) => [i, node.n]).filter(([i]) => graph.nodes[i].k === "leaf");
  const network = data.network ? networkOf(graph, data.network) : null, leaves = network ? sayNames(graph, network) : names;
  const folding = data.folds ? foldingOf(graph, network ? [] : data.series || [], data.operands) : null;
  const folded = network ? "network" : folding && folding.hasSeries ? "repeats" : null; /* the level above scalars */
  /* What is seen: the network, repetitions, all scalars, or those of one neuron. */
  let level = folded && (graph.nodes.length >= LARGE || !network) ? folded : "scalars", unit = null;
  const opening = level;
  let steps = stepsSeen(), now = 0, timer = null;
  let isPredicting = false, isRevealed = false, wrongEngine = null, layout = null, picture = null;
  const formulas = new Map(allSteps.filter((step) => step.phase === "forward").map((step) => [step.node, step.equations[0][0][1]]));
  const kept = {}; /* what was drawn last: all that is open, a step alone, the network */
  let viewed = null; /* what is folded, as it is drawn */
  const hands = { pick: jump, point, adjust: adjustable };
  let held = null; /* the node that had the keys in a picture that was drawn anew, "" for what is none */
  let isDown = false, directed = null; /* which way the picture runs, and for which window that was chosen */
  let mapSize = MAP; /* that of the minimap, which is as long and as high as the picture */
  let isAll = false; /* whether all is shown, also where a step would be shown alone */
  let brokenNow = brokenIn(); /* which number is the first that is not finite */
  let isTurning = false; /* whether another step is about to be shown */
  let keyStep = 0, keyed = ""; /* the leaf and the number that the keys have left, and their step to it */
  let throws = [graph.values[graph.root]], way = [], selected = names.length ? names[0][0] : null;

  const page = make("div", "gg-stage", root);
  const top = make("header", "gg-top", page);
  const aside = make("div", "gg-aside", top), formula = formulaIn(top, aside, root.querySelector(".gg-math").textContent, data.lines, formulas, { point, pick: jump });
  const levels = folded ? levelsIn(aside, folded, network, folding, openLevel) : () => undefined;
  const timeline = timelineIn(page, leap, first, data.all || allSteps.length);
  const middle = make("div", "gg-middle", page);
  const frame = make("div", "gg-frame", middle);
  const svg = drawn("svg", { "class": "gg-picture", role: "group", "aria-label": "Graph" }, frame);
  const alone = data.alone ? aloneIn(graph, frame) : null;
  const tools = make("div", "gg-tools", aside), minimap = drawn("svg", { "class": "gg-minimap", "aria-hidden": true }, frame);
  const camera = cameraOn(frame, svg, (view) => { showMinimap(view); cull(view); remember(); },
    () => Boolean(root.dataset.focus) || hasKeys(root));
  const broken = make("p", "gg-note gg-alarm gg-broken", page);
  set(broken, "role", "status");
  const equation = make("div", "gg-equation", page), showEquation = equationIn(equation);
  const controls = make("div", "gg-controls", page);
  const bar = toolbarIn(controls, "Steps");
  const toFirst = buttonIn(bar, "first", "First step", () => leap(0));
  const back = buttonIn(bar, "back", "Step back", () => leap(now - 1));
  const player = buttonIn(bar, "play", "Play", play);
  const forward = buttonIn(bar, "forward", "Step forward", () => leap(now + 1));
  const toLast = buttonIn(bar, "last", "Last step", () => leap(steps.length - 1));
  const predictor = buttonIn(bar, "predict", "Hide every answer until you ask (P)", predict, "Predict");
  const movable = graph.nodes.filter((node) => node.m), canChange = graph.isLive && names.length > 0;
  const canThrow = canChange && movable.length > 0 && movable.every((node) => node.k === "leaf");
  const drawers = drawersIn(middle, toolbarIn(controls, "Drawers"), (name) => {
    tell(page, "gg-has-drawer", name !== null);
    if (isPredicting && TELLING.includes(name)) { predict(); }
    camera.letGo();
    fitLater();
    show(false);
  });
  const table = drawers.add("table", "Steps", "All steps as a table (T)"), matrices = make("div", "", table);
  const showRows = rowsIn(table, first, { go: leap, point, mark });
  const showWords = wordsIn(drawers.add("words", "Words", "The step in words (W)"), data.lines, canThrow);
  const isPart = first + allSteps.length < (data.all || 0) || first > 0; /* of wrong engines a part would tell nothing */
  const showMistakes = isPart ? () => undefined : mistakesIn(drawers.add("mistakes", "Mistakes", "What wrong engines get (M)"), choose);
  const experiments = canChange ? experimentsIn(drawers.add("explore", "Explore", "Change a number, see it on a map (E)")) : null;
  const more = root.querySelector(".gg-more"), factors = more && graph.isLive && more.querySelector("[data-factors]");
  if (more) { drawers.add("more", "Derivation", "How the derivative comes about").append(more); more.hidden = false; }
  const showFactors = factors ? factorsIn(factors) : () => undefined;
  if (canChange) { liveControls(); }
  const guess = guessIn(controls, { reveal, next: () => leap(now + 1), leave: takeKeys });
  const hint = make("span", "gg-hint", controls);
  const saying = make("p", "gg-sentence", page);
  const note = make("p", "gg-note", page, data.live === true ? "" : data.live);
  if (data.outdated) { set(make("p", "gg-note gg-alarm", page, data.outdated), "role", "note"); }
  set(saying, "aria-live", "polite");
  note.hidden = !note.textContent;
  set(predictor, "aria-pressed", "false");
  [["fit", "Show all of the graph (F)", fit], ["closer", "Zoom in (+)", closer], ["farther", "Zoom out (-)", farther]]
    .forEach(([name, label, act]) => buttonIn(tools, name, label, act));
  root.querySelectorAll(".gg-static").forEach((part) => { part.hidden = true; });
  root.tabIndex = -1; /* a click anywhere gives the stage the keys */
  on(root, "keydown", onKey);
  on(root, "pointerdown", () => { if (!hasKeys(root)) { takeKeys(); } });
  new ResizeObserver(fitLater).observe(frame);
  root.stage = { get count() { return steps.length; }, get index() { return now; }, go: leap, set: setNamed,
    get level() { return levelNow(); }, open: (to) => restore({ ...state(), level: to, step: null }),
    numbers, step: stepShown, state, restore };
  shortFormulas();
  arrange();
  if (data.state) {
    restore(data.state);
    if (!root.dataset.focus && hasKeys(root)) { document.activeElement.blur(); }
  }
  if (root.dataset.focus) {
    restoreFromAddress();
    on(window, "hashchange", restoreFromAddress);
    takeKeys();
  }
  show(true);
  return (index) => {
    if (index === placeOf(steps[now])) { return; }
    if (isNetwork() || unit) { openLevel("scalars"); }
    pause();
    turn(steps.indexOf(allSteps[index - first]));
  };

  /* The place of a step among all; of a layer's, that of its first scalars. */
  function placeOf(step) { return first + allSteps.indexOf(scalarsOf(step)[0]); }

  /* The steps of scalars that a step stands for, in their order: one, or those of a layer. */
  function scalarsOf(step) { return step.isLayer ? scalarsOfLayer(network, stepsNow(graph, allSteps), step) : [step]; }

  /* The step on the level that is open which has to do with another. */
  function nearestTo(step) {
    if (steps.includes(step)) { return steps.indexOf(step); }
    const alike = (each) => each.phase === step.phase;
    const own = isNetwork() ? steps.findIndex((each) => alike(each) && isOfLayer(network, each, step.node)) :
      steps.indexOf(scalarsOf(step).find((each) => alike(each) && steps.includes(each)));
    return own >= 0 ? own : max(0, steps.findIndex(alike));
  }

  /* The room of the picture while no drawer is open. */
  function wholeRoom() {
    const hidden = (parseFloat(equation.style.height) || 0) - rectOf(equation).height; /* on phones, by a drawer */
    return { width: middle.clientWidth, height: middle.clientHeight + hidden };
  }

  /* The picture runs to the right or down, as all of it is larger, or the steps are, where they are shown
     alone; where it can be read neither way, and the window is no square, as that is shaped. So it stays
     while the window does: a drawer turns nothing. */
  function direct() {
    const key = [page.clientWidth, page.clientHeight, level, unit && unit.name].join();
    if (key === directed) { return; }
    directed = key;
    const room = wholeRoom(), { width, height } = room, isTall = height > 0.75 * width;
    isDown = isTall && (width < 560 || width < 0.9 * height);
    const all = allOf(isDown), scaleAlone = (way) => (alone && !isNetwork() ?
      alone.meanScale(all, steps, unit && unit.members, room, (open) => pictureOf(way, null, open)) : 0);
    if (all.picture.size >= CULLED && !scaleAlone(isDown)) { return; } /* no window shows all of it */
    const [right, down] = [false, true].map((way) => scaleAlone(way) || min(LARGEST, scaleIn(room, allOf(way).layout)));
    if (max(right, down) >= READABLE || (isTall && !isDown)) { isDown = down > right; }
  }

  /* The window is another one: the step stands elsewhere in it, and the picture may run another way. */
  function arrange() {
    if (!camera.measure().width) { return; }
    reserve();
    camera.measure(); /* beside an equation of another height */
    if (settle()) { show(false); }
  }

  /* Draws what is to be seen at the step, and brings the step into view. Gives whether it was drawn anew. */
  function settle() {
    const before = picture;
    draw();
    frameStep();
    return picture !== before;
  }

  function draw() {
    if (!camera.room().width) { return; }
    viewed = viewNow();
    direct();
    const all = allOf(isDown), isWhole = isAll || !alone || isNetwork() || !alone.isNeeded(all, steps, now, [wholeRoom(), camera.room()]);
    const shown = isWhole ? all : stepAlone(all);
    if (shown.picture === picture) { return; }
    if (svg.contains(document.activeElement)) { held = document.activeElement.closest("[data-n]")?.dataset.n ?? ""; }
    const { node } = steps[now], before = layout?.boxes?.[node];
    ({ layout, picture } = shown);
    svg.replaceChildren(picture.place);
    set(svg, "width", layout.width);
    set(svg, "height", layout.height);
    camera.resize({ width: layout.width, height: layout.height }, before, layout.boxes?.[node]);
    cull(camera.view());
    drawMinimap(all);
    if (alone) { alone.tell(shown.picture === all.picture ? null : steps[now].node); }
  }

  /* What was drawn last of its kind, if that is still right. */
  function once(kind, key, make) {
    if (!kept[kind] || kept[kind].key !== key) { kept[kind] = { key, ...make() }; }
    return kept[kind];
  }

  /* All that is open on the level. */
  function allOf(isDown) { return isNetwork() ? networkHere(isDown) : wholeOf(isDown); }

  function networkHere(isDown) {
    const [key, make] = networkPicture(graph, network, isDown, camera.room(), wholeRoom(), openUnit, adjustable);
    return once("network", key, make);
  }

  /* What is folded at this step, where of all operations the open ones are shown; null where nothing is. */
  function viewNow(open = null) {
    return folding && !unit && !isNetwork() ? folding.viewAt(steps[now], { isWhole: level === "scalars", open, isPredicting }) : null;
  }

  function wholeOf(isDown) {
    return once("whole", [unit && unit.name, isDown, viewed && viewed.key].join(), () => pictureOf(isDown, viewed, unit && unit.members));
  }

  function stepAlone(all) {
    const rooms = [wholeRoom(), camera.room()], sizes = rooms.flatMap(({ width, height }) => [width, height]);
    return once("alone", [now, isDown, ...sizes, unit && unit.name, viewed && viewed.key].join(), () =>
      alone.pictureAt(steps[now], all, unit && unit.members, rooms, (open) => pictureOf(isDown, viewNow(open), open)));
  }

  /* What is seen in a view of what is folded, or else those nodes of which the operations are open; by default all. */
  function pictureOf(isDown, view, open) {
    const layout = view ? foldedLayout(graph.nodes, isDown, view) : layoutOf(graph.nodes, isDown, open);
    return { layout, picture: pictureIn(graph, layout, hands) };
  }

  /* The equation line keeps one height, so that the picture stands still: that of the tallest of most
     steps, where it is no more than its share. What is taller is set in small, and scrolls. */
  function reserve() {
    if (equation.widthNow === page.clientWidth + level || !equation.offsetHeight) { return; }
    tell(page, "gg-has-drawer", false); /* on phones it hides some */
    equation.widthNow = page.clientWidth + level;
    equation.style.height = "";
    tell(page, "gg-two", false);
    const { clientWidth, clientHeight } = page, isTall = clientWidth > 700 && clientHeight > clientWidth; /* there the picture leaves some of it */
    const share = max(LEAST_SHARE, (isTall ? SHARE_OF_TALL : SHARE) * clientHeight);
    const heightOf = (step, isSmall) => {
      showEquation(graph, step, false);
      equation.classList.toggle("gg-small", isSmall);
      return rectOf(equation).height;
    };
    if (isNetwork()) { fitDetail(graph, clientWidth, () => { steps = stepsSeen(); return longestSteps().flat(); }, (step) => heightOf(step, clientWidth <= 700) <= share); }
    const [common, rare] = longestSteps();
    const heights = common.map((step) => heightOf(step, false)).map((height, i) => (height > share ? heightOf(common[i], true) : height));
    equation.style.height = max(...heights.concat(rare.map((step) => heightOf(step, true))).map((height) => (height > share + LITTLE ? share : height))) + "px";
    tell(page, "gg-two", parseFloat(equation.style.height) > TWO_ROWS); /* one equation below the other in every step */
    tell(page, "gg-has-drawer", drawers.openNow() !== null);
    equate();
  }

  /* Of each phase the steps with the longest equations: one of them is the tallest. First of most steps,
     then of the few that are longer. */
  function longestSteps() {
    const lengthOf = (step) => step.equations.flat().reduce((sum, term) => sum + (typeof term === "string" ? term :
      written(graph, term[0]) + written(graph, term[1], step)).length, 0);
    const sized = steps.map((step) => ({ step, size: lengthOf(step) }));
    sized.sort((a, b) => b.size - a.size);
    const few = Math.floor(FEW * steps.length);
    return [sized.slice(few), sized.slice(0, few)].map((part) => ["forward", "seed", "backward", "update"]
      .flatMap((phase) => part.filter(({ step }) => step.phase === phase).slice(0, MEASURED)).map(({ step }) => step));
  }

  /* The equation of the step, with what the chosen wrong engine has there; gives that for all nodes. */
  function equate() {
    const step = steps[now], hidden = isHidden();
    const beside = wrongEngine && !hidden ? compared(graph, [wrongEngine], edgesSent())[0] : null;
    showEquation(graph, step, hidden, beside && !isNetwork() && besides(step, beside));
    return beside;
  }

  function fit() {
    camera.glide(() => {
      isAll = true;
      draw();
      camera.fit();
      if (!camera.isOwn()) {
        isAll = false;
        settle();
      }
    });
    show(false);
  }

  function closer() { camera.glide(() => camera.zoom(1.25)); }

  function farther() { camera.glide(() => camera.zoom(0.8)); }

  function fitLater() { requestAnimationFrame(arrange); }

  function frameStep() {
    if (!picture) { return; }
    camera.show(picture.boxesOf(steps[now]));
    makeWay(camera.view());
  }

  /* The minimap, and what is said of a step that stands alone, are in corners where they cover nothing that
     is seen. Where there is no such corner the minimap covers nothing of the step, and lets the rest shine through. */
  function makeWay(view) {
    const room = camera.room(), gapsOf = (boxes) => boxes.map((box) => {
      const left = view.x + view.scale * box.x, top = view.y + view.scale * box.y;
      return { left, top, right: room.width - left - view.scale * box.width, bottom: room.height - top - view.scale * box.height };
    });
    const own = gapsOf(picture.boxesOf(steps[now])), seen = own.concat(gapsOf(picture.spots.filter(Boolean)))
      .filter(({ left, right, top, bottom }) => max(left, right) < room.width && max(top, bottom) < room.height);
    const putIn = (part, { width, height }, corners) => {
      const size = { left: width, right: width, top: height, bottom: height };
      const free = (gaps) => corners.find((corner) => gaps.every((gap) => corner.split(" ").some((side) => gap[side] > size[side] + 12)));
      const clear = free(seen), found = clear || (part === minimap && free(own));
      part.dataset.corner = found || corners[0];
      part.style.visibility = found ? "" : "hidden";
      part.style.opacity = clear ? "" : 0.3;
    };
    const all = ["bottom right", "bottom left", "top right", "top left"];
    putIn(minimap, mapSize, all);
    if (alone) { putIn(alone.note, alone.size(), all.reverse().filter((corner) => corner !== minimap.dataset.corner)); }
  }

  /* All that is open, and which of it the window shows. */
  function drawMinimap(all) {
    const { width, height } = all.layout, scale = min(MAP.width / width, MAP.height / height);
    clear(minimap);
    set(minimap, "viewBox", `0 0 ${width} ${height}`);
    mapSize = { width: scale * width + 8, height: scale * height + 8 };
    Object.entries(mapSize).forEach(([key, size]) => set(minimap, key, size));
    drawn("path", { d: outlines(all.picture.spots) }, minimap);
    if (all.picture === picture) { drawn("rect", { "class": "gg-window" }, minimap); } else { alone.mark(minimap, all, layout); }
  }

  function showMinimap(view) {
    if (!picture) { return; }
    const shown = minimap.querySelector(".gg-window"), at = insideOf(view);
    const isWhole = shown && at.width >= layout.width && at.height >= layout.height;
    minimap.style.display = isWhole ? "none" : "";
    /* Of the window what is of the picture: all four sides are seen. */
    for (const [key, size] of shown ? [["x", "width"], ["y", "height"]] : []) {
      const start = max(0, at[key]);
      set(shown, key, start);
      set(shown, size, max(0, min(layout[size], at[key] + at[size]) - start));
    }
    makeWay(view);
  }

  function cull(view) {
    if (!picture || !picture.cull || picture.size < CULLED) { return; }
    picture.cull(insideOf(view), view.scale, isTurning);
  }

  /* What the window shows, in the picture's units. */
  function insideOf({ x, y, scale }) {
    const { width, height } = camera.room();
    return { x: -x / scale, y: -y / scale, width: width / scale, height: height / scale };
  }

  /* Marks a node that is pointed at, wherever: its terms, its box and operation, the lines from it to where
     it is used, and the rows of the steps that arrive at it. Another one is pointed at no more. */
  function point(i, isOn) {
    page.querySelectorAll(".gg-hover").forEach((part) => tell(part, "gg-hover", false));
    if (isOn) { mark(i); }
  }

  function mark(i) {
    const uses = graph.nodes.flatMap(({ p }, to) => p.map((parent, k) => (parent === i ? `[data-e="${to}_${k}"]` : "")));
    const parts = [`[data-n~="${i}"]`, `[data-o="${i}"]`, `[data-e="${i}"]`, ...uses.filter(Boolean)];
    page.querySelectorAll(parts.join()).forEach((part) => tell(part, "gg-hover", true));
  }

  /* Levels. */

  function isNetwork() { return level === "network"; }

  function stepsSeen() {
    if (isNetwork()) { return networkSteps(graph, network, allSteps); }
    const all = stepsNow(graph, allSteps);
    return unit ? all.filter((step) => unit.members.has(step.node) && step.phase !== "seed") : all;
  }

  /* Opens a level, on a sample, at the step that is nearest to the one that was seen. */
  function openLevel(to, toUnit = null, at = null) {
    pause();
    const step = steps[now], isSame = unit && toUnit && unit.neuron === toUnit.neuron; /* on another sample */
    level = to;
    unit = toUnit;
    if (network) { network.at = at ?? sampleAt(network, unit ? unit.out : step.node); graph.called = callingIn(graph, network, unit); }
    shortFormulas();
    brokenNow = brokenIn();
    steps = stepsSeen();
    now = isSame ? now : nearestTo(step);
    camera.letGo();
    reserve();
    show(true);
    takeKeys();
  }

  function openUnit(each) { openLevel("scalars", each); }

  /* From a neuron back to the network. */
  function closeUnit() {
    const from = unit;
    openLevel("network");
    picture.focus(from);
  }

  /* Steps. */

  function isHidden() { return isPredicting && !isRevealed && steps[now].answer !== null; }

  function turn(index) {
    isAll = isAll && camera.view().scale >= LEGIBLE; /* else this step leaves the picture of all */
    now = max(0, min(steps.length - 1, Math.round(index) || 0));
    isRevealed = false;
    show(true);
  }

  function go(index) {
    camera.glide(() => turn(index));
    if (moved) { moved(placeOf(steps[now])); }
  }

  function leap(index) { pause(); go(index); }

  /* The next step that has to do with a node, from the start again if there is none. */
  function jump(node) {
    if (graph.nodes[node].k === "leaf") { select(node); }
    for (let i = 1; i <= steps.length; i += 1) {
      const at = (now + i) % steps.length, step = steps[at];
      if (step.node === node || (step.edges || []).some(([sender, k]) => graph.nodes[sender].p[k] === node)) {
        leap(at);
        return;
      }
    }
  }

  function show(isNew) {
    if (isNew) { isTurning = true; settle(); isTurning = false; }
    if (!picture) { return; }
    const step = steps[now], hidden = isHidden(), drawer = drawers.openNow();
    const full = unit ? stepsNow(graph, allSteps) : steps, at = unit ? full.indexOf(step) : now;
    const known = isNetwork() ? null : knownAfter(graph, full, at, hidden);
    const sentence = written(graph, step.asks, step) + (hidden ? "what?" : written(graph, step.tells, step));
    if (saying.textContent !== sentence) { saying.textContent = sentence; }
    formula.show(step, (i) => graph.nodes[i], step.formula || ownFormula(step.node),
      unit ? written(graph, formulas.get(step.node) || "") : "", unit ? unit.out : step.node);
    const throwsSoFar = throws.length > 1 ? `throw ${throws.length - 1} · ` : "";
    timeline(steps, now, isNetwork() || unit, throwsSoFar, throwsSoFar && !isPredicting ? [graph.result, apart(throws[0], graph.values[graph.root]).join(" → ")] : ["", ""]);
    levels(level, unit, step.node);
    put(hint, isNetwork() ? "click a neuron to open it" : canChange ? "drag a number with ◂ ▸: everything follows" : "");
    const beside = equate();
    guess.show(step.answer ? referred(graph, step.answer) : null, step.of || askedFor(step), isPredicting && step.answer !== null, hidden, isNew, now < steps.length - 1);
    tell(page, "at", step.phase === "seed" ? "backward" : step.phase);
    if (known) { picture.show(step, known, { isAsked: hidden, beside }); } else { picture.show(step, now, steps, hidden, beside); }
    if (held !== null) { giveKeys((held && picture.box(Number(held))) || root); held = null; }
    showRows(graph, steps, now, isPredicting, hidden, drawer === "table");
    if (drawer === "words") { showWords(graph, step, sentence, known, hidden); }
    matrices.hidden = !isNetwork() || isPredicting; /* they have the answers */
    if (isNetwork() && drawer === "table") { matricesIn(matrices, graph, network, step); }
    if (drawer === "mistakes") { showMistakes(graph, edgesSent(), receiverOf(step), network && nodesSeen(graph, network, level, unit)); }
    if (drawer === "explore") { experiments(); }
    if (drawer === "more") { showFactors(graph); }
    /* Not `disabled`: that would throw the focus away while stepping with the keyboard. */
    [toFirst, back].forEach((one) => set(one, "aria-disabled", now === 0));
    [forward, toLast].forEach((one) => set(one, "aria-disabled", now === steps.length - 1));
    put(broken, isPredicting ? "" : brokenNow);
    broken.hidden = !broken.textNow;
    root.dataset.step = now;
    const isWide = () => equation.scrollWidth > equation.clientWidth;
    if (equation.scrollHeight > equation.clientHeight + 1 || isWide()) { equation.classList.add("gg-small"); }
    equation.classList.toggle("gg-away", isWide());
    if (isNew) { /* what is measured comes after all that is written: the page is laid out once */
      const room = camera.room();
      formula.center();
      equation.scrollLeft = 0;
      const { width, height } = camera.measure();
      if (width !== room.width || height !== room.height) { arrange(); }
    }
    remember();
  }

  /* The number that is asked for, by its caption. */
  function askedFor(step) {
    const terms = step.equations.flat().filter((term) => typeof term !== "string" && term[2]);
    return terms.length ? written(graph, terms[0][0]) : "the number";
  }

  /* What the chosen wrong engine has where the step arrives. */
  function besides(step, beside) {
    if (step.phase !== "backward") { return null; }
    const [[sender, k]] = step.edges, i = graph.nodes[sender].p[k], { wrong, right, isOff } = beside[i];
    const n = written(graph, graph.nodes[i].n);
    return `${wrongEngine}:\n` + (wrong === right && !isOff ? "the same as right" + (wrongEngine[0] === "=" ? `: ${n} is used once` : "") :
      `gradient of ${n} is ${short(wrong)} now, ` + (isOff ? `right is ${short(right)}` : "and not complete"));
  }

  /* The node at which a step arrives, of a layer the first, if it is one. */
  function receiverOf({ phase, edges: [edge], node }) {
    return !/seed|backward/.test(phase) ? null : edge ? graph.nodes[edge[0]].p[edge[1]] : node;
  }

  /* What nodes without names of their own are, each in a few characters. */
  function shortFormulas() {
    graph.nodes.forEach((node, i) => {
      const text = formulas.has(i) && /^v\d+$/.test(graph.called(node.n)) ? written(graph, formulas.get(i)).replace(/ /g, "") : "";
      node.of = text.length <= 9 ? text : "";
    });
  }

  /* Where the whole expression is too long, that of the node, or of the neuron that is open. */
  function ownFormula(i) {
    return unit ? formulaOfUnit(graph, unit) : graph.nodes[i].n + (formulas.has(i) ? " = " + written(graph, formulas.get(i)) : "");
  }

  /* How many edges have been sent along; null for all, before the first and after the last. */
  function edgesSent() {
    if (isNetwork()) { return null; }
    const full = stepsNow(graph, allSteps), upTo = full.slice(0, full.indexOf(steps[now]) + 1).filter((step) => step.phase === "backward");
    return upTo.length ? upTo.reduce((sum, step) => sum + step.edges.length, 0) : null;
  }

  function choose(name) { wrongEngine = name; show(false); }

  function reveal() { if (isHidden()) { isRevealed = true; show(false); } }

  function predict() {
    isPredicting = !isPredicting;
    isRevealed = false;
    set(predictor, "aria-pressed", isPredicting);
    controls.style.minHeight = isPredicting ? rectOf(controls).height + "px" : ""; /* the picture stands still */
    tell(root, "gg-predicting", isPredicting);
    if (isPredicting && TELLING.includes(drawers.openNow())) { drawers.open(null); }
    fitLater();
    show(true);
  }

  function play() {
    if (timer) { pause(); return; }
    if (now === steps.length - 1 && !isHidden()) { go(0); }
    timer = setInterval(tick, isCalm() ? CALM_PACE : PACE);
    showPlayer("pause", "Pause");
  }

  function tick() {
    if (!root.isConnected) { pause(); return; }
    if (isHidden()) { reveal(); } else { go(now + 1); }
    if (now === steps.length - 1 && !isHidden()) { pause(); }
  }

  function pause() {
    if (!timer) { return; }
    clearInterval(timer);
    timer = null;
    showPlayer("play", "Play");
  }

  function showPlayer(name, label) {
    clear(player);
    icon(name, player);
    set(player, "aria-label", label);
    player.title = label;
  }

  /* Numbers. */

  function brokenIn() { return written(graph, graph.isLive ? notFinite(graph, stepsNow(graph, allSteps)) : data.broken || ""); }

  function changed() {
    const step = steps[now];
    brokenNow = brokenIn();
    steps = stepsSeen();
    const place = isNetwork() ? min(now, steps.length - 1) : steps.indexOf(step);
    now = place >= 0 ? place : min(now, steps.length - 1);
    undo.hidden = !graph.isChanged();
    follow(place < 0);
  }

  /* With other numbers other operands contribute most; while a box is dragged it stays where it is. */
  function follow(isNew = false) {
    if (!frame.dataset.busy) { draw(); }
    show(isNew);
  }

  function setNumber(i, number) {
    if (isNaN(number) || Object.is(number, graph.values[i])) { return; }
    graph.change(i, number);
    startOver();
  }

  /* By so many steps: of one size, until the number is changed in another way, or another one is. */
  function changeBy(i, by) {
    if (keyed !== [i, graph.values[i]].join()) { keyStep = stepOf(graph.values[i]); }
    setNumber(i, stepped(graph.values[i], by * keyStep));
    keyed = [i, graph.values[i]].join();
  }

  /* With other numbers, from which the throws begin anew. */
  function startOver() {
    throws = [graph.values[graph.root]];
    way = [];
    changed();
  }

  function select(i) {
    selected = i;
    if (drawers.openNow() === "explore") { nudge.select(i); }
  }

  /* A leaf's box or disc, with its handle at x, y: drag its number in the zone, step it by keys, or type another. */
  function adjustable(box, i, [x, y], area) {
    const handle = drawn("path", { "class": "gg-handle", d: `M${x} ${y}l-5 4 5 4zM${x + 10} ${y}l5 4-5 4z` }, box);
    const zone = drawn("rect", { "class": "gg-zone", ...area }, box);
    reachable(box, "spinbutton", graph.nodes[i].said || graph.nodes[i].n);
    let start = null, isDragged = false, isTouched = false;
    [zone, handle].forEach((part) => {
      on(part, "pointerdown", (event) => {
        if (event.button) { return; }
        start = [event.clientX, graph.values[i]];
        isDragged = false;
        isTouched = event.pointerType === "touch";
        frame.dataset.busy = true;
        part.setPointerCapture(event.pointerId);
        keep(event);
        giveKeys(box);
        select(i);
      });
      on(part, "pointermove", (event) => {
        if (!start) { return; }
        const far = Math.round(event.clientX - start[0]);
        isDragged = isDragged || abs(far) > 2;
        if (isDragged) { setNumber(i, stepped(start[1], far * stepOf(start[1]) / 4)); }
      });
      ["pointerup", "pointercancel"].forEach((name) => on(part, name, () => {
        start = null;
        delete frame.dataset.busy;
        if (isDragged) { follow(); }
      }));
      on(part, "click", (event) => {
        event.preventDefault(); /* it was meant for the number */
        if (isTouched && !isDragged) { type(i); }
      });
      on(part, "dblclick", () => type(i));
    });
    on(box, "keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (isShortcut(event)) { return; }
      if (by) { changeBy(i, by); }
      else if (event.key === "Enter" || (!isHidden() && NUMERAL.test(event.key))) { type(i, event.key); }
      else { return; }
      select(i);
      taken(event);
    });
    on(box, "focus", () => { keyed = ""; select(i); });
    return () => { /* for readers of the screen */
      set(box, "aria-valuenow", graph.values[i]);
      set(box, "aria-valuetext", short(graph.values[i]));
    };
  }

  /* A tenth, or for large and small numbers a digit that shows. */
  function stepOf(number) {
    const size = abs(number);
    return size === 0 || !isFinite(size) ? 0.1 : max(Number.MIN_VALUE, 10 ** (Math.floor(Math.log10(size)) - 1));
  }

  /* Steps end on round numbers, not on 0.30000000000000004, and on finite ones; without a step the number
     is as it was. */
  function stepped(from, by) {
    const most = Number.MAX_VALUE;
    return by ? max(-most, min(most, Number((from + by).toPrecision(12)))) : from;
  }

  function type(i, key = "") {
    const box = rectOf(picture.box(i)), number = rectOf(picture.box(i).querySelector(".gg-value")), around = rectOf(frame), before = spelled(graph.values[i]);
    const input = fieldIn(frame, "New number of " + graph.nodes[i].n, { Enter: () => end(true), Escape: () => end(false) });
    input.className = "gg-typed";
    input.value = NUMERAL.test(key) ? key : before;
    Object.assign(input.style, { left: box.left - around.left + "px", top: number.top - around.top - 2 + "px",
      width: max(90, box.width) + "px" });
    let isDone = false;
    const end = (isEntered) => {
      if (isDone) { return; }
      const number = typed(input.value), isTaken = isEntered && input.value !== before;
      if (isTaken && isNaN(number)) {
        set(input, "aria-invalid", "true");
        saying.textContent = input.title = `${input.value || "Nothing"} is no number.`;
        return;
      }
      isDone = true;
      if (isTaken) { setNumber(i, number); }
      input.remove();
      giveKeys(picture.box(i));
    };
    on(input, "pointerdown", keep);
    on(input, "blur", () => { if (!isDone) { const ok = !isNaN(typed(input.value)); end(ok); } });
    input.focus();
    if (!key || key === "Enter") { input.setSelectionRange(0, input.value.length, "backward"); input.scrollLeft = 0; }
  }

  var remembering, undo, rateField; /* made below, used by `changed` */

  function liveControls() {
    const group = make("div", "gg-live", controls);
    if (canThrow) { throwerIn(group); }
    undo = buttonIn(group, "restore", "Back to the numbers of the program (R)", restoreNumbers, "Start again");
    undo.hidden = true;
  }

  /* Only where the program gives a learning rate or parameters: else there need be no loss to lower. */
  function throwerIn(group) {
    const label = make("label", "", group);
    make("span", "gg-rate", label, "rate ").title = "learning rate";
    rateField = numberIn(label, "Learning rate", setRate, (by) => { if (graph.rate !== null) { setRate(Number((graph.rate * 1.25 ** by).toPrecision(3))); } });
    rateField.value = graph.rate;
    rateField.placeholder = "0.1";
    const again = buttonIn(group, "throw", "Update, then forward again with the new numbers (N)", throwAgain, "Throw");
    make("span", "gg-again", again, "again");
  }

  /* Updates keep their way, which the rows of the page are written for. */
  function isRate(rate) { return Number.isFinite(rate) && (data.rate < 0 ? rate <= 0 : rate >= 0); }

  function setRate(rate) {
    const isNumber = isRate(rate), isEmpty = !rateField.value.trim();
    set(rateField, "aria-invalid", !isNumber && !isEmpty);
    if (isEmpty) { rateField.value = graph.rate; } /* the one in use */
    if (!isNumber) { return; }
    rateField.value = rate;
    graph.setRate(rate);
    changed();
  }

  function throwAgain() {
    if (graph.rate === null) { setRate(0.1); }
    way.push(graph.values.slice());
    graph.restore([...graph.given(), ...graph.moved]);
    throws.push(graph.values[graph.root]);
    changed();
    if (drawers.openNow() === null && camera.room().width > 700 && !isPredicting) { drawers.open("explore"); }
  }

  function restoreNumbers() {
    if (document.activeElement === undo) { takeKeys(); } /* it goes with what it takes back */
    graph.restore();
    startOver();
  }

  var nudge; /* made below, used by `select` */

  function experimentsIn(place) {
    nudge = nudgeIn(place, graph, leaves, { setNumber, changeBy });
    const showMap = mapIn(place, graph, leaves), showThrows = canThrow ? throwsIn(place) : () => undefined;
    if (selected !== null) { nudge.select(selected); }
    return () => {
      nudge.show(knownNow().gradients);
      showThrows(throws, graph.result);
      showMap(way);
    };
  }

  /* What has come, at all levels: on that of the network, with what its layers have sent and moved. */
  function knownNow() {
    const full = stepsNow(graph, allSteps);
    return knownAfter(graph, ...(isNetwork() ? scalarsInOrder(graph, network, full, steps, now) : [full, full.indexOf(steps[now])]));
  }

  /* For embedding and tests. */

  function indexOf(name) {
    const i = graph.nodes.findIndex((node) => node.n === name);
    if (i < 0) { throw new RangeError(`There is no node called ${name}.`); }
    return i;
  }

  function setNamed(name, number) {
    const i = indexOf(name);
    if (graph.nodes[i].k !== "leaf" || !graph.isLive) { throw new TypeError(`${name} is no number that can be changed here.`); }
    if (typeof number !== "number" || isNaN(number)) { throw new TypeError(`${name} gets a number, not ${JSON.stringify(number)}.`); }
    setNumber(i, number);
  }

  function numbers() {
    const { gradients, moved } = knownNow();
    return Object.fromEntries(graph.nodes.map((node, i) => [node.n,
      { value: moved.has(i) ? graph.moved.get(i) : graph.values[i], grad: gradients[i] }]));
  }

  function stepShown() {
    const step = steps[now], name = (i) => graph.nodes[i].n, { node, phase } = step;
    if (isNetwork()) { return { phase, layer: step.layer === null ? null : network.layers[step.layer].name }; }
    if (phase !== "backward") {
      const sender = phase === "forward" ? graph.nodes[node].p.map(name) : null;
      return { phase, sender, receiver: name(node), upstream: null, local: null, contribution: null };
    }
    const found = step.edges.filter(([sender, k]) => graph.sent[sender][k]).map(([sender, k]) => ({ phase,
      sender: name(sender), receiver: name(graph.nodes[sender].p[k]), upstream: graph.gradients[sender],
      local: graph.locals[sender][k], contribution: graph.sent[sender][k].sent }));
    return found.length === 1 ? found[0] : { phase, sender: name(node), receiver: found.map((each) => each.receiver),
      upstream: graph.gradients[node], local: found.map((each) => each.local), contribution: found.map((each) => each.contribution) };
  }

  function levelNow() { return unit ? unit.name : isNetwork() ? network.name : level; }

  function state() {
    return { level: levelNow(), step: now + first, /* as texts: JSON has no infinity */
      numbers: Object.fromEntries([...graph.given()].map(([i, number]) => [graph.nodes[i].n, spelled(number)])),
      rate: graph.rate, drawer: drawers.openNow(), view: camera.isOwn() ? { ...camera.view(), ...(isAll && { all: true }) } : null };
  }

  /* The number of an address, written by `state` or by hand; null if it is none. */
  function spelt(text) {
    const number = text === "nan" ? NaN : typed(String(text));
    return isNaN(number) && text !== "nan" ? null : number;
  }

  /* What is unknown here is left out: a link may be of another version of the program. */
  function restore(from) {
    if (graph.isLive) {
      const places = new Map(names.map(([i, name]) => [name, i]));
      const given = Object.entries(from.numbers || {}).map(([name, number]) => [places.get(name), spelt(number)])
        .filter(([i, number]) => i !== undefined && number !== null);
      graph.rate = canThrow && isRate(from.rate) ? from.rate : data.rate;
      if (rateField) { rateField.value = graph.rate; }
      graph.restore(given);
      startOver();
    }
    if (folded && from.level) { openLevel(...(network ? levelCalled(network, from.level) : [from.level === folded ? folded : "scalars"])); }
    if (from.drawer === null || drawers.has(from.drawer)) { drawers.open(from.drawer); }
    if (from.view === null) { camera.letGo(); }
    if (from.step !== null) { turn((Number(from.step) || 0) - first); } /* else where the level has opened */
    const { view } = from;
    if (view && view.all) { isAll = true; show(true); }
    if (view && [view.x, view.y, view.scale].every(isFinite) && view.scale > 0) { camera.set(view); }
  }

  /* The address of a page of its own holds the state, so that it can be linked and reloaded. */
  function remember() {
    if (!root.dataset.focus || !root.stage) { return; }
    clearTimeout(remembering);
    remembering = setTimeout(writeAddress, 120);
  }

  function writeAddress() {
    const now = state(), isPlain = !now.step && now.level === opening && !Object.keys(now.numbers).length && !now.drawer && !now.view && now.rate === data.rate;
    const text = isPlain ? "" : "#" + encodeURIComponent(JSON.stringify(now));
    try { history.replaceState(null, "", text || location.pathname + location.search); } catch (error) { /* a page without address */ }
  }

  function restoreFromAddress() {
    if (location.hash.length < 3) { return; }
    try { restore(JSON.parse(decodeURIComponent(location.hash.slice(1)))); } catch (error) { /* not ours */ }
  }

  function takeKeys() { giveKeys(root); }

  /* On a button, keys do what they do on buttons; in a field, they write. */
  function onKey(event) {
    const { target } = event, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (isShortcut(event) || target.type === "text" || (target.tagName === "SELECT" && key !== "Escape")) { return; }
    if (isHidden() && NUMERAL.test(key)) { guess.input.focus(); return; }
    const acts = { p: predict, f: fit, "+": closer, "-": farther,
      t: toggled("table"), w: toggled("words"), m: toggled("mistakes"), e: toggled("explore"),
      n: canThrow && throwAgain, r: canChange && restoreNumbers, Escape: drawers.openNow() ? () => drawers.open(null) : unit && closeUnit };
    if (event.shiftKey && key.startsWith("Arrow")) {
      const [x, y] = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[key];
      acts[key] = () => camera.glide(() => camera.pan(x, y));
    } else if (target.type !== "range") {
      Object.assign(acts, { ArrowLeft: () => leap(now - 1), ArrowRight: () => leap(now + 1), Home: () => leap(0),
        End: () => leap(steps.length - 1) });
    }
    if (target.tagName !== "BUTTON") { acts[" "] = play; acts.Enter = isHidden() && reveal; }
    if (!Object.hasOwn(acts, key) || !acts[key]) { return; }
    taken(event);
    acts[key]();
  }

  function toggled(name) { return drawers.has(name) && (() => drawers.toggle(name)); }
}

/* A toolbar with one tab stop; the arrow keys move inside. */
function toolbarIn(place, label) {
  const bar = make("div", "gg-toolbar", place), buttons = () => [...bar.querySelectorAll("button")];
  let stop = null; /* the button that Tab reaches: one of those that are seen */
  set(bar, "role", "toolbar");
  set(bar, "aria-label", label);
  new ResizeObserver(settle).observe(bar); /* buttons come and go */
  on(bar, "keydown", (event) => {
    const all = seen(), at = all.indexOf(event.target), end = all.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: end }[event.key];
    if (at < 0 || to === undefined || isShortcut(event)) { return; }
    taken(event);
    all[(to + all.length) % all.length].focus();
  });
  /* After a click of the mouse the arrow keys go from step to step. */
  on(bar, "click", (event) => {
    if (event.detail) { giveKeys(bar.closest(".glassgrad-stage")); }
  });
  on(bar, "focusin", (event) => { stop = event.target; settle(); });
  return bar;

  function seen() { return buttons().filter((one) => one.offsetParent !== null); }

  function settle() {
    const all = seen();
    if (!all.includes(stop)) { [stop] = all; }
    buttons().forEach((one) => { one.tabIndex = one === stop ? 0 : -1; });
  }
}

const found = within.matches && within.matches(".glassgrad-stage") ? [within] : [...within.querySelectorAll(".glassgrad-stage")];
return found.filter((root) => !root.stage && root.querySelector(".gg-data")).map((root) => {
  root.querySelectorAll(".gg-stage").forEach((old) => old.remove()); /* a page that was saved from a browser */
  set(root, "data-ready", "");
  return setUp(root, moved);
});
