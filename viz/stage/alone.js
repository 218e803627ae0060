/* Which steps are shown alone, and with what: those whose boxes stand too far apart to be read. */

const TOO_SMALL = 0.6; /* below this scale a step is shown alone */
const MANY_ALONE = 1 / 8; /* of the steps: of more, all are, so that not one picture follows on another of its own kind */
const MEASURED_ALONE = 8; /* so many steps tell which way they are larger */
const FEW_OPERANDS = 3; /* operations on so many are shown beside a step */

function aloneIn(graph, frame) {
  const note = make("p", "gg-alone", frame), { nodes } = graph;
  return { note, isNeeded, meanScale, pictureAt, mark, tell, size: () => ({ width: widthOfName(note.textContent, 12.5) + 18, height: 26 }) };

  /* Whether a step is. The `rooms` are that of the window and, smaller, what a drawer leaves of it. */
  function isNeeded(all, steps, now, rooms) {
    return areAll(all, steps, rooms[0]) || isFar(all, steps[now], rooms);
  }

  /* Whether all steps are. */
  function areAll(all, steps, room) {
    const key = [steps.length, room.width, room.height].join();
    if (all.knownFor !== key) {
      all.knownFor = key;
      all.isScattered = !all.layout.folds && steps.filter((step) => isFar(all, step, [room])).length > MANY_ALONE * steps.length;
    }
    return all.isScattered;
  }

  /* How large the pictures of steps are, looked at all over the graph; 0 where not all steps are shown alone. */
  function meanScale(all, steps, members, room, pictureOf) {
    const every = Math.ceil(steps.length / MEASURED_ALONE), some = steps.filter((step, i) => i % every === 0);
    return areAll(all, steps, room) ? mean(some.map((step) =>
      min(LARGEST, scaleIn(room, pictureAt(step, all, members, [room, room], pictureOf).layout)))) : 0;
  }

  /* Whether a step is too small to be read. With a drawer it may be somewhat smaller: else that would change the picture. */
  function isFar({ picture }, step, rooms) {
    const box = around(picture.boxesOf(step));
    return rooms.some((room, isSmaller) => scaleIn(room, box) < (isSmaller ? TOO_SMALL : READABLE));
  }

  /* Of the step's node what is beside it among the `members` of what is seen; or its operands only, where
     there is no room to read more; or `all`, which may be as large. */
  function pictureAt(step, all, members, rooms, pictureOf) {
    const { node } = step, isBeside = (i) => nodes[node].p.includes(i) || nodes[i].p.includes(node);
    const beside = nodes.map((each, i) => i).filter((i) => nodes[i].p.length && isBeside(i) && (!members || members.has(i)) && new Set(nodes[i].p).size <= FEW_OPERANDS);
    const scaleOf = ({ picture }) => scaleIn(rooms[1], around(picture.boxesOf(step)));
    let found = pictureOf(new Set([node, ...beside]));
    if (isFar(found, step, rooms)) { found = pictureOf(new Set([node])); }
    if (isFar(found, step, rooms) && scaleOf(found) <= scaleOf(all)) { return all; }
    found.layout.cut = edgesCut(nodes, found.layout);
    return found;
  }

  /* Where in all of the graph it is. */
  function mark(minimap, all, { boxes }) {
    drawn("path", { "class": "gg-shown", d: outlines(all.layout.boxes.filter((box, i) => boxes[i])) }, minimap);
  }

  function tell(node) {
    note.hidden = node === null;
    put(note, note.hidden ? "" : innerWidth > 700 ? `${written(graph, nodes[node].n)} and its neighbours alone${inModule(nodes[node])}; F: all` : "a part; F: all");
  }
}

/* How many edges before and after each node a layout has no line for. */
function edgesCut(nodes, { signs, edges }) {
  const cut = nodes.map(() => [0, 0]);
  nodes.forEach((node, i) => node.p.forEach((parent, k) => {
    if (edges.has(i + "_" + k)) { return; }
    cut[parent][1] += 1;
    if (!signs[i]) { cut[i][0] += 1; } /* else its other operands are folded */
  }));
  return cut;
}

/* They are told at a corner of the box, below its gradient. */
function stubsOn(group, cut, { width, height }, isDown) {
  cut.forEach((count, isAfter) => {
    if (!count) { return; }
    const x = isAfter ? width - 22 : 22, y = isDown && !isAfter ? 0 : height + 3;
    const stub = drawn("g", { "class": "gg-stub", transform: `translate(${x},${y})` }, group);
    drawn("rect", { x: -12, y: -8, width: 24, height: 16, rx: 8 }, stub);
    drawn("text", { y: 4.5, "text-anchor": "middle" }, stub, "+" + count);
    drawn("title", {}, stub, `${count} more ${isAfter ? "use" : "operand"}${count > 1 ? "s" : ""}`);
  });
}
