/* What part of the picture is in the window. The camera keeps the step in view, whole and readable;
   people zoom and pan by wheel, pinch, drag, keys and buttons. */

const MARGIN = 12, READABLE = 0.75, LARGEST = 1.15;
const LEGIBLE = 0.35; /* a view that people have chosen stays as it is, if it is no smaller */

/* `frame` is the window, `picture` what is moved behind it, as a whole: were it a group
   inside of the picture, all texts in it would be laid out anew. `moved` is told of each move. It glides
   from step to step, also where the same node stands in another picture; a new window is there at once. */
function cameraOn(frame, picture, moved, isReady) {
  let size = { width: 1, height: 1 }, view = { x: 0, y: 0, scale: 1 }, pointers = new Map(), pinch = null, travelled = 0;
  let room = { width: frame.clientWidth, height: frame.clientHeight }; /* asked once a step: each time the page would be laid out */
  let isOwn = false; /* whether the person has chosen the view */
  let isGliding = false, isNew = true; /* whether the picture is another one than was framed last */
  on(frame, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !isReady()) { return; } /* the page around scrolls */
    event.preventDefault();
    isOwn = true;
    if (event.ctrlKey || event.metaKey || !event.shiftKey) {
      const by = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015));
      zoom(by, ...inFrame(event));
    } else { pan(-event.deltaX - event.deltaY, 0); }
  }, { passive: false });
  on(frame, "pointerdown", (event) => {
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    pinch = pointers.size === 2 ? spanned() : null;
    travelled = 0;
  });
  on(frame, "click", (event) => { if (travelled > 4) { keep(event); } }, true);
  on(frame, "pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before || frame.dataset.busy) { return; }
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    travelled += abs(event.clientX - before[0]) + abs(event.clientY - before[1]);
    if (pointers.size === 1) {
      pan(event.clientX - before[0], event.clientY - before[1]);
    } else if (pinch) {
      const now = spanned(), box = rectOf(frame);
      zoom(now.distance / pinch.distance, now.x - box.left, now.y - box.top);
      pan(now.x - pinch.x, now.y - pinch.y);
      pinch = now;
    }
    isOwn = true;
  });
  ["pointerup", "pointercancel", "pointerleave"].forEach((name) => {
    on(frame, name, (event) => { pointers.delete(event.pointerId); pinch = null; });
  });
  return { fit, measure, room: () => room, needs: (boxes) => scaleFor(around(boxes)), letGo: () => { isOwn = false; }, show, glide, zoom: (by) => { isOwn = true; zoom(by, room.width / 2, room.height / 2); },
    pan: (x, y) => { isOwn = true; pan(x, y); }, resize, view: () => ({ ...view }),
    set: (to) => { view = { ...to }; isOwn = true; apply(); }, isOwn: () => isOwn };

  function measure() {
    room = { width: frame.clientWidth, height: frame.clientHeight };
    return room;
  }

  function inFrame(event) {
    const box = rectOf(frame);
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function spanned() {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return { x: (ax + bx) / 2, y: (ay + by) / 2, distance: Math.hypot(ax - bx, ay - by) || 1 };
  }

  /* Another picture, of so many pixels. It glides from where the box of a node was, if that was in the one `before`. */
  function resize(to, before, box) {
    size = to;
    isNew = true;
    isGliding = isGliding && Boolean(before && box && isInside(before));
    if (!isGliding) { return; }
    isGliding = false;
    pan(view.scale * (before.x - box.x), view.scale * (before.y - box.y));
    rectOf(picture); /* else it would glide from elsewhere */
    isGliding = true;
  }

  function glide(act) {
    isGliding = true;
    act();
    isGliding = false;
  }

  /* All of the picture, however small, until a step leaves it; where that is seen already, the step again. */
  function fit() {
    const isWhole = view.scale === min(LARGEST, scaleFor(size));
    isOwn = !(isOwn && isWhole);
    if (isOwn) { whole(); }
  }

  function whole() { centre({ x: 0, y: 0, ...size }, min(LARGEST, scaleFor(size))); }

  function scaleFor(box) { return scaleIn(room, box); }

  /* A box in the middle of the window, as far as the picture still fills it: its margin is not shown for that. */
  function centre(box, scale) {
    isNew = false;
    const along = (length, at, all) => (scale * all <= length - 2 * MARGIN ? (length - scale * all) / 2 :
      max(length - MARGIN - scale * all, min(MARGIN, length / 2 - scale * at)));
    view = { scale, x: along(room.width, box.x + box.width / 2, size.width), y: along(room.height, box.y + box.height / 2, size.height) };
    apply();
  }

  /* Bring a step's boxes into view: all of the graph if that is readable, else what is needed. */
  function show(boxes) {
    if (!room.width || !boxes.length) { return; }
    if (!isOwn && scaleFor(size) >= READABLE) { whole(); return; }
    const box = around(boxes);
    if (isOwn && isInside(box) && view.scale >= LEGIBLE) { return; }
    const wanted = isOwn || view.scale === 1 ? max(view.scale, READABLE) : view.scale;
    const scale = min(scaleFor(box), LARGEST, max(READABLE, min(wanted, 1)));
    if (scale === view.scale && isInside(box) && !isNew) { return; }
    centre(box, scale);
  }

  function isInside(box) {
    const left = view.x + view.scale * box.x, top = view.y + view.scale * box.y;
    return left >= MARGIN - 1 && top >= MARGIN - 1 &&
      left + view.scale * box.width <= room.width - MARGIN + 1 &&
      top + view.scale * box.height <= room.height - MARGIN + 1;
  }

  function zoom(by, x, y) {
    const scale = min(4, max(0.05, view.scale * by)), factor = scale / view.scale;
    view = { scale, x: x - factor * (x - view.x), y: y - factor * (y - view.y) };
    apply();
  }

  function pan(x, y) { view = { ...view, x: view.x + x, y: view.y + y }; apply(); }

  function apply() {
    tell(picture, "glides", isGliding ? "yes" : null);
    picture.style.transform = `translate(${view.x}px,${view.y}px) scale(${view.scale})`;
    moved(view);
  }
}

/* How large a box can be in a room. */
function scaleIn(room, box) {
  return max(0.02, min((room.width - 2 * MARGIN) / box.width, (room.height - 2 * MARGIN) / box.height));
}

/* The box around some boxes. */
function around(boxes) {
  const x = min(...boxes.map((box) => box.x)), y = min(...boxes.map((box) => box.y));
  return { x, y, width: max(...boxes.map((box) => box.x + box.width)) - x,
    height: max(...boxes.map((box) => box.y + box.height)) - y };
}
