/* Turns the static steps of page.py into a stepper: a toolbar, a slider, the step as an equation,
   and a picture whose parts light up. No dependencies; block comments only, since some hosts
   flatten newlines. `setUp` at the end puts the parts together; each part before it has one subject
   and gives back how to show a step.
   This file is one function: it sets up every stepper within an element, once, reports each move of
   a reader to `moved`, and gives back, for each stepper, how to go to a step. page.py calls it for
   a page, widget.py for a widget. */
(function (within, moved) {
  "use strict";
  var SVG = "http:" + "/" + "/www.w3.org/2000/svg";
  var PACE = 2000, CALM_PACE = 4000; /* how long a step stays while playing, in milliseconds */
  var VALUE_INK = "#0072b2", GRADIENT_INK = "#b34e00"; /* DATA and GRADIENT in dot.py */
  var STATUSES = ["waiting", "partial", "in progress", "done"];
  var ICONS = {
    first: "M4 3v10M12 3L7 8l5 5", back: "M10 3L5 8l5 5", play: "M5 3v10l7-5z",
    pause: "M5 3v10M11 3v10", forward: "M6 3l5 5-5 5", last: "M12 3v10M4 3l5 5-5 5"
  };

  function make(tag, name, parent, text) {
    var made = document.createElement(tag);
    if (name) { made.className = name; }
    if (text) { made.textContent = text; }
    /* JupyterLab asks the element with the focus itself whether its own shortcuts should rest. */
    if (tag === "button" || tag === "input") { made.dataset.lmSuppressShortcuts = true; }
    if (parent) { parent.appendChild(made); }
    return made;
  }

  function drawn(tag, attributes, parent) {
    var made = document.createElementNS(SVG, tag);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (parent) { parent.appendChild(made); }
    return made;
  }

  function icon(name, parent) {
    var box = drawn("svg", { viewBox: "0 0 16 16", "class": "gg-icon", "aria-hidden": true }, parent);
    drawn("path", { d: ICONS[name] }, box);
  }

  /* Toolbar: buttons with one tab stop for all of them; the arrow keys move inside. After a click of
     the mouse `done` is called, since then the keys should step. */
  function toolbarIn(place, done) {
    var bar = make("div", "gg-toolbar", place), buttons = [];
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Steps");
    bar.addEventListener("keydown", function (event) {
      var at = buttons.indexOf(event.target), end = buttons.length - 1;
      var to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: end }[event.key];
      if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) { return; }
      event.preventDefault();
      event.stopPropagation();
      buttons[(to + buttons.length) % buttons.length].focus();
    });
    bar.addEventListener("focusin", function (event) {
      buttons.forEach(function (one) { one.tabIndex = one === event.target ? 0 : -1; });
    });
    return function button(name, label, act, text) {
      var made = make("button", "gg-" + name, bar);
      made.type = "button";
      made.tabIndex = buttons.length ? -1 : 0;
      made.title = label;
      if (ICONS[name]) { icon(name, made); made.setAttribute("aria-label", label); }
      if (text) { make("span", "", made, text); }
      made.addEventListener("click", function (event) {
        act(event);
        if (event.detail && bar.contains(document.activeElement)) { done(); } /* by the mouse */
      });
      buttons.push(made);
      return made;
    };
  }

  /* The slider. Of very many steps the page has a part: it begins at step `first` of `all`. */
  function sliderIn(place, most, first, all, act) {
    var row = make("div", "gg-slide", place), slider = make("input", "", row);
    var count = make("span", "gg-count", row);
    slider.type = "range";
    slider.min = first;
    slider.max = first + most - 1;
    slider.setAttribute("aria-label", "Step");
    slider.addEventListener("input", function () { act(slider.value - first); });
    return function (now, step) {
      slider.value = now + first;
      count.textContent = "step " + (now + first) + " of " + all;
      slider.setAttribute("aria-valuetext", count.textContent + ", " + step.phase);
    };
  }

  /* The step as an equation. For readers of the screen the sentence below says the same. */
  function cardIn(place) {
    var card = make("div", "gg-card", place);
    card.setAttribute("aria-hidden", "true");
    return function (step, place, isHidden) {
      card.textContent = "";
      make("div", "gg-phase", card, step.phase);
      make("b", "", card.firstChild, place);
      step.equations.forEach(function (equation) {
        var line = make("div", "gg-equation", card);
        equation.forEach(function (term) {
          if (typeof term === "string") { make("span", "gg-sign", line, term); return; }
          var box = make("span", "gg-term" + (term[2] ? " gg-answer" : ""), line);
          make("small", "", box, term[0]);
          make("b", "", box, term[2] && isHidden ? "?" : term[1]);
        });
      });
      make("div", "gg-uses", card, step.uses ?
        step.received + " of " + step.uses + (step.uses > 1 ? " uses received" : " use received") +
        (step.received < step.uses ? ": the gradient is not complete yet" : ": complete") : "");
    };
  }

  /* Predict: a place to guess the answer of the step before it is shown. */
  function guessIn(place, reveal, next, leave) {
    var form = make("form", "gg-guess", place);
    var field = make("label", "", form, "Your guess ");
    var input = make("input", "", field), verdict, wanted;
    input.type = "text";
    input.inputMode = "decimal";
    input.autocomplete = "off";
    make("button", "", form, "Check").type = "submit";
    var show = make("button", "", form, "Show");
    show.type = "button";
    show.addEventListener("click", reveal);
    verdict = make("span", "gg-verdict", form);
    verdict.setAttribute("role", "status");
    input.addEventListener("keydown", function (event) { /* JupyterLab stops Enter itself */
      if (event.key === "Enter") { event.preventDefault(); form.requestSubmit(); }
      if (event.key === "Escape") { event.stopPropagation(); leave(); }
    });
    form.addEventListener("submit", function (event) {
      var text = input.value.trim().replace(",", ".").replace("\u2212", "-");
      event.preventDefault();
      if (show.getAttribute("aria-disabled") === "true") { next(); return; } /* it is shown already */
      if (!text) { reveal(); return; }
      if (isRight(text, wanted)) { reveal(); verdict.textContent = "Right."; return; }
      verdict.textContent = isFinite(text) || typeof wanted === "string" ?
        "Not yet. Try again, or press Show." : "That is no number.";
    });
    return function (step, isPredicting, isAsked, isNew) {
      form.hidden = !isPredicting;
      show.setAttribute("aria-disabled", !isAsked);
      wanted = step.answer;
      if (isNew) { input.value = verdict.textContent = ""; }
    };
  }

  /* Within one per cent, since the numbers shown are rounded; texts such as "inf" literally. */
  function isRight(text, wanted) {
    if (typeof wanted === "string") { return text.toLowerCase() === wanted; }
    return Math.abs(Number(text) - wanted) <= 0.01 * Math.abs(wanted) + 1e-12;
  }

  /* Where the gradient goes in a step, along one edge or along all of a compiled node: the operand,
     the name of the edge, the gradient so far, uses received, and uses in all. */
  function edgesOf(step) {
    var one = [step.parent, step.edge, step.shows, step.received, step.uses];
    return step.parts || (step.phase === "backward" ? [one] : []);
  }

  /* What is known of every node after step `now`: its number, its gradient, its status. */
  function known(steps, now) {
    var found = { values: {}, gradients: {}, received: {}, uses: {}, seeded: false };
    steps.forEach(function (step, i) {
      var edges = edgesOf(step);
      edges.forEach(function (edge) { found.uses[edge[0]] = edge[4]; });
      if (step.phase === "seed") { found.root = step.node; found.seeded = i <= now; }
      if (i > now) { return; }
      edges.forEach(function (edge) {
        found.gradients[edge[0]] = edge[2];
        found.received[edge[0]] = edge[3];
      });
      if (!edges.length) {
        (step.phase === "seed" ? found.gradients : found.values)[step.node] = step.shows;
      }
    });
    found.nodes = Object.keys(found.uses).map(Number).concat(steps.some(function (step) {
      return step.phase === "seed" && !(step.node in found.uses);
    }) ? [found.root] : []);
    found.status = function (node) {
      if (steps[now].phase === "backward" && steps[now].node === node) { return "in progress"; }
      if (node === found.root) { return found.seeded ? "done" : "waiting"; }
      if (!found.uses[node]) { return ""; } /* no gradient ever comes */
      if (!found.received[node]) { return "waiting"; }
      return found.received[node] === found.uses[node] ? "done" : "partial";
    };
    return found;
  }

  /* A small disc: empty while waiting, filled by the share received, ringed while in progress. */
  function drawMark(place, status, share) {
    var angle = 2 * Math.PI * share, x = 5 * Math.sin(angle), y = -5 * Math.cos(angle);
    var wedge = "M0 0V-5A5 5 0 " + (share > 0.5 ? 1 : 0) + " 1 " + x + " " + y + "Z";
    place.textContent = "";
    if (status === "in progress") { drawn("circle", { r: 8, "class": "gg-ring" }, place); }
    drawn("circle", { r: 5, "class": status === "waiting" || share < 1 ? "" : "gg-full" }, place);
    if (share > 0 && share < 1) { drawn("path", { d: wedge, "class": "gg-full" }, place); }
  }

  function legendIn(place) {
    var legend = make("p", "gg-legend", place), counts = {};
    STATUSES.forEach(function (status, i) {
      var item = make("span", "", legend);
      var box = drawn("svg", { viewBox: "-9 -9 18 18", "class": "gg-mark" }, item);
      box.setAttribute("aria-hidden", "true");
      drawMark(box, status, [0, 0.5, 1, 1][i]);
      make("span", "", item, status + " ");
      counts[status] = make("b", "", item, "0");
    });
    return function (found) {
      STATUSES.forEach(function (status) { counts[status].textContent = found[status] || 0; });
    };
  }

  /* Replaces the image by the SVG inside it, whose parts can be lit. */
  function inlined(figure) {
    var image = figure && figure.querySelector("img");
    if (!image) { return null; }
    var bytes = Uint8Array.from(atob(image.src.split(",")[1]), function (c) {
      return c.charCodeAt(0);
    });
    var text = new TextDecoder().decode(bytes);
    var parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (parsed.nodeName !== "svg") { return null; }
    parsed.querySelectorAll("style").forEach(function (style) { style.remove(); });
    figure.replaceChild(document.importNode(parsed, true), image);
    return figure;
  }

  /* The picture: numbers and gradients as far as they have come, statuses, and what is in focus. */
  function pictureIn(root, steps, unseen, legend, pick) {
    var figure = inlined(root.querySelector(".gg-picture"));
    if (!figure) { return function () { return undefined; }; }
    var svg = figure.querySelector("svg"), computed = {}, boxes = boxesIn(figure);
    svg.style.minWidth = 0.7 * parseFloat(svg.getAttribute("width")) + "pt";
    steps.forEach(function (step, i) { if (step.phase === "forward") { computed[step.node] = i; } });
    var nodes = Array.prototype.map.call(figure.querySelectorAll("[data-n]"), function (part) {
      var node = { part: part, index: Number(part.dataset.n), warnings: [] };
      part.querySelectorAll("text").forEach(function (line) {
        var ink = inkOf(line);
        if (ink === VALUE_INK) { node.value = line; node.text = line.textContent; }
        if (node.gradient) { node.warnings.push(line); }
        if (ink === GRADIENT_INK) { node.gradient = line; }
      });
      fit(node);
      node.title = drawn("title", {}, part);
      part.addEventListener("click", function () { pick(node.index); });
      return node;
    });

    function inkOf(line) { return (line.getAttribute("fill") || "").toLowerCase(); }

    /* The texts change, so they are centred in the box; the mark sits on its upper right corner. */
    function fit(node) {
      var xs = [], ys = [];
      node.part.querySelectorAll("path, polygon").forEach(function (outline) {
        var corners = outline.getAttribute("d") || outline.getAttribute("points") || "";
        (corners.match(/-?\d+\.?\d*/g) || []).forEach(function (number, i) {
          (i % 2 ? ys : xs).push(Number(number));
        });
      });
      if (!node.gradient || !xs.length) { return; }
      var left = Math.min.apply(null, xs), right = Math.max.apply(null, xs);
      node.width = right - left - 8;
      [node.value, node.gradient].forEach(function (line) {
        line.setAttribute("text-anchor", "middle");
        line.setAttribute("x", (left + right) / 2);
      });
      node.mark = drawn("g", { "class": "gg-mark" }, node.part);
      node.mark.setAttribute("transform", "translate(" + (right - 1) + "," +
        (Math.min.apply(null, ys) + 1) + ")");
    }

    /* Modules drawn as one shape: each shows the numbers of a few nodes inside. */
    function boxesIn(figure) {
      var data = JSON.parse(figure.dataset.boxes || '{"inside":[],"shown":{}}');
      return Array.prototype.map.call(figure.querySelectorAll("[data-b]"), function (part) {
        var texts = Array.prototype.slice.call(part.querySelectorAll("text"));
        function inked(ink) {
          return texts.filter(function (line) { return inkOf(line) === ink; });
        }
        var values = inked(VALUE_INK), gradients = inked(GRADIENT_INK);
        var rows = data.shown[part.dataset.b].map(function (row, i) {
          return { place: part.dataset.b + "_" + i, nodes: row[0], more: row[1] ? ", …" : "",
            value: values[i], gradient: gradients[i],
            numbers: values[i].textContent.replace("value ", "").split(", ") };
        });
        return { part: part, rows: rows, rowOf: function (node) {
          return rows.filter(function (row) { return data.inside[node] === row.place; })[0];
        } };
      });
    }

    function showBox(box, found, step, asked, goals) {
      box.rows.forEach(function (row) {
        row.value.textContent = "value " + row.nodes.map(function (node, i) {
          return node === asked.value ? "?" : node in found.values ? found.values[node] :
            node in computed ? "–" : row.numbers[i];
        }).join(", ") + row.more;
        row.gradient.textContent = "grad " + row.nodes.map(function (node) {
          return asked.gradients[node] ? "?" : node in found.gradients ? found.gradients[node] : "–";
        }).join(", ") + row.more;
        [row.value, row.gradient].forEach(function (line) {
          line.classList.toggle("gg-row", row === box.rowOf(step.node));
        });
      });
      var isNow = Boolean(box.rowOf(step.node));
      light(box.part, isNow, !isNow && Object.keys(goals).some(box.rowOf));
    }

    /* On the way back the lit arrows point back, to where the gradient goes. */
    function pointBack(isBackward) {
      figure.querySelectorAll(".gg-back").forEach(function (head) { head.remove(); });
      figure.classList.toggle("gg-backward", isBackward);
      if (!isBackward) { return; }
      figure.querySelectorAll(":is([data-e], [data-r]).gg-now > path").forEach(function (line) {
        var tip = line.getPointAtLength(0), from = line.getPointAtLength(9);
        var angle = Math.atan2(tip.y - from.y, tip.x - from.x) * 180 / Math.PI;
        var head = drawn("path", { d: "M1 0L-6 3.5V-3.5Z", "class": "gg-back" }, line.parentNode);
        head.setAttribute("transform", "translate(" + tip.x + "," + tip.y + ") rotate(" + angle + ")");
      });
    }

    function light(part, isNow, isGoal) {
      part.classList.toggle("gg-now", isNow);
      part.classList.toggle("gg-goal", isGoal);
      if (isNow) { bringIntoView(part); }
    }

    return function (now, isHidden) {
      var found = known(steps, now), step = steps[now], counts = {};
      var isAtWork = step.phase === "forward" || step.phase === "backward";
      var goals = {}, lit = {}, asked = { gradients: {} };
      edgesOf(step).forEach(function (edge) { goals[edge[0]] = lit[edge[1]] = true; });
      if (isHidden && step.phase === "backward") { asked.gradients = goals; }
      else if (isHidden && step.phase === "seed") { asked.gradients[step.node] = true; }
      else if (isHidden) { asked.value = step.node; }
      found.nodes.forEach(function (node) {
        counts[found.status(node)] = (counts[found.status(node)] || 0) + 1;
      });
      counts.waiting = (counts.waiting || 0) + unseen;
      boxes.forEach(function (box) { showBox(box, found, step, asked, goals); });
      nodes.forEach(function (node) {
        var i = node.index;
        if (node.value) {
          write(node, node.value, i === asked.value ? "value ?" :
            i in found.values ? "value " + found.values[i] : i in computed ? "value –" : node.text);
        }
        if (node.gradient) {
          write(node, node.gradient, "grad " + (asked.gradients[i] ? "?" :
            i in found.gradients ? found.gradients[i] : "–"));
          node.warnings.forEach(function (line) { /* "saturated" would tell the number */
            var told = /gradient/.test(line.textContent) ? node.gradient : node.value;
            line.style.visibility = "?–".indexOf(told.textContent.slice(-1)) < 0 ? "" : "hidden";
          });
          say(node, found.status(i), found.received[i], found.uses[i]);
        }
        light(node.part, i === step.node, Boolean(goals[i]));
      });
      figure.querySelectorAll("[data-e]").forEach(function (edge) {
        var from = computed[edge.dataset.e.split("_")[0]];
        edge.classList.toggle("gg-now", Boolean(lit[edge.dataset.e]));
        edge.classList.toggle("gg-later", from > now || (from === now && isHidden));
      });
      figure.querySelectorAll("[data-o], [data-r]").forEach(function (part) {
        var node = Number(part.dataset.o || part.dataset.r);
        part.classList.toggle("gg-now", isAtWork && node === step.node);
      });
      pointBack(step.phase === "backward");
      legend(counts);
      if (!figure.querySelector("[data-n].gg-now, [data-b].gg-now")) {
        nodes.forEach(function (node) { if (node.index === found.root) { bringIntoView(node.part); } });
      }
    };

    /* The status of a node: by shape, counted, and in words where the pointer rests. */
    function say(node, status, received, uses) {
      if (!status) { return; }
      node.part.dataset.status = status;
      node.title.textContent = status + (uses ? ", " + (received || 0) + " of " + uses +
        (uses > 1 ? " uses" : " use") + " received" : "");
      if (node.mark) { drawMark(node.mark, status, status === "partial" ? received / uses :
        status === "waiting" ? 0 : 1); }
    }

    /* A number that is wider than the box, which was laid out for the last ones, is squeezed. */
    function write(node, line, text) {
      line.textContent = text;
      line.removeAttribute("textLength");
      if (!(line.getComputedTextLength() > node.width)) { return; }
      line.setAttribute("textLength", node.width);
      line.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }

    function bringIntoView(part) {
      var box = part.getBoundingClientRect(), frame = figure.getBoundingClientRect();
      if (box.left < frame.left) { figure.scrollLeft -= frame.left - box.left + 40; }
      if (box.right > frame.right) { figure.scrollLeft += box.right - frame.right + 40; }
      if (box.top < frame.top) { figure.scrollTop -= frame.top - box.top + 40; }
      if (box.bottom > frame.bottom) { figure.scrollTop += box.bottom - frame.bottom + 40; }
    }
  }

  function tableOf(root, pick) {
    var box = root.querySelector(".gg-steps"), rows = box.querySelectorAll("tbody tr");
    rows.forEach(function (row, i) { row.addEventListener("click", function () { pick(i); }); });
    return function (now, isPredicting, isHidden) {
      rows.forEach(function (row, i) {
        row.classList.toggle("gg-now", i === now);
        row.classList.toggle("gg-secret", isHidden && i === now);
        row.classList.toggle("gg-future", isPredicting && i > now);
        if (i === now) { row.setAttribute("aria-current", "step"); }
        else { row.removeAttribute("aria-current"); }
      });
      var above = rows[now].offsetTop - box.scrollTop;
      if (above < 60 || above > box.clientHeight - 40) { box.scrollTop = rows[now].offsetTop - 90; }
      return rows[now].cells[2].textContent;
    };
  }

  function setUp(root) {
    var steps = JSON.parse(root.querySelector(".gg-data").textContent), end = steps.length - 1;
    var saying = root.querySelector(".gg-sentence"), wrong = root.querySelector(".gg-mistakes");
    var place = root.querySelector(".gg-controls");
    var first = Number(root.dataset.first || 1), all = root.dataset.all || steps.length;
    var now = 0, timer = null, isPredicting = false, isRevealed = false;
    var legend = legendIn(place), button = toolbarIn(place, takeKeys);
    var unseen = Number(root.dataset.unseen || 0); /* nodes whose steps all come later */
    var showPicture = pictureIn(root, steps, unseen, legend, jump), showRow = tableOf(root, leap);
    var toFirst = button("first", "First step", function () { leap(0); });
    var back = button("back", "Step back", function () { leap(now - 1); });
    var player = button("play", "Play", play, "Play");
    var forward = button("forward", "Step forward", function () { leap(now + 1); });
    var toLast = button("last", "Last step", function () { leap(end); });
    var predictor = button("predict", "Hide every answer until you ask (P)", predict, "Predict");
    var critic = wrong && button("wrong", "Show what wrong engines get (M)", criticise, "Mistakes");
    var slide = sliderIn(place, steps.length, first, all, leap), showCard = cardIn(place);
    var showGuess = guessIn(place, reveal, function () { leap(now + 1); }, takeKeys);
    var notes = make("div", "gg-notes");
    var line = make("p", "gg-line", notes), check = make("p", "gg-check", notes);
    saying.parentNode.insertBefore(notes, saying.nextSibling);
    predictor.setAttribute("aria-pressed", "false");
    if (critic) {
      root.insertBefore(wrong, root.querySelector(".gg-steps")); /* near the button */
      criticise();
    }
    place.hidden = false;
    root.tabIndex = -1; /* a click anywhere gives the stepper the keys */
    root.addEventListener("keydown", onKey);
    show(true);
    if (root.dataset.focus) { takeKeys(); }
    return function (index) {
      if (index + 1 - first === now) { return; }
      pause();
      turn(index + 1 - first);
    };

    function takeKeys() { root.focus({ preventScroll: true }); }

    function isHidden() { return isPredicting && !isRevealed; }

    function turn(index) {
      now = Math.max(0, Math.min(end, index));
      isRevealed = false;
      show(true);
    }

    function go(index) {
      turn(index);
      if (moved) { moved(now + first - 1); }
    }

    function leap(index) { pause(); go(index); }

    /* The next step that has to do with a node, from the start again if there is none. */
    function jump(node) {
      for (var i = 1; i <= steps.length; i += 1) {
        var step = steps[(now + i) % steps.length];
        if (step.node === node || edgesOf(step).some(function (edge) { return edge[0] === node; })) {
          leap((now + i) % steps.length);
          return;
        }
      }
    }

    function show(isNew) {
      var step = steps[now], hidden = isHidden();
      saying.textContent = step.asks + (hidden ? "what?" : step.tells);
      line.textContent = step.line || "";
      check.textContent = hidden ? "" : step.check || "";
      slide(now, step);
      showCard(step, showRow(now, isPredicting, hidden), hidden);
      showGuess(step, isPredicting, hidden, isNew);
      showPicture(now, hidden);
      /* Not `disabled`: that would throw the focus away while stepping with the keyboard. */
      [toFirst, back].forEach(function (one) { one.setAttribute("aria-disabled", now === 0); });
      [forward, toLast].forEach(function (one) { one.setAttribute("aria-disabled", now === end); });
    }

    function reveal() {
      if (isHidden()) { isRevealed = true; show(false); }
    }

    function predict() {
      isPredicting = !isPredicting;
      isRevealed = false;
      predictor.setAttribute("aria-pressed", isPredicting);
      root.classList.toggle("gg-predicting", isPredicting);
      if (isPredicting && critic && !wrong.hidden) { criticise(); } /* it has the answers */
      show(true);
    }

    function criticise() {
      wrong.hidden = !wrong.hidden;
      critic.setAttribute("aria-expanded", !wrong.hidden);
      if (!wrong.hidden && isPredicting) { predict(); }
    }

    function play() {
      if (timer) { pause(); return; }
      if (now === end && !isHidden()) { go(0); }
      var isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      timer = window.setInterval(tick, isCalm ? CALM_PACE : PACE);
      showPlayer("pause", "Pause");
    }

    function tick() {
      if (!root.isConnected) { pause(); return; }
      if (isHidden()) { reveal(); } else { go(now + 1); }
      if (now === end && !isHidden()) { pause(); }
    }

    function pause() {
      if (!timer) { return; }
      window.clearInterval(timer);
      timer = null;
      showPlayer("play", "Play");
    }

    function showPlayer(name, label) {
      player.textContent = "";
      icon(name, player);
      make("span", "", player, label);
      player.setAttribute("aria-label", label);
      player.title = label;
    }

    /* With Shift the arrows scroll the picture or table that has the focus sideways. */
    function scroll(event) {
      var by = { ArrowLeft: -80, ArrowRight: 80 }[event.key];
      if (!by || !event.target.matches(".gg-picture, .gg-scroll")) { return; }
      event.preventDefault();
      event.stopPropagation();
      event.target.scrollLeft += by;
    }

    /* On a button, keys do what they do on buttons; in the field for a guess, they write. */
    function onKey(event) {
      var target = event.target, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (event.altKey || event.ctrlKey || event.metaKey || target.type === "text") { return; }
      if (isHidden() && /^[-.0-9]/.test(key)) { root.querySelector(".gg-guess input").focus(); return; }
      if (event.shiftKey && key.indexOf("Arrow") === 0) { scroll(event); return; }
      var acts = { p: predict, m: critic && criticise };
      if (target.tagName !== "BUTTON") { acts[" "] = play; acts.Enter = isHidden() && reveal; }
      if (target.tagName !== "BUTTON" && target.type !== "range") {
        acts.ArrowLeft = leap.bind(null, now - 1);
        acts.ArrowRight = leap.bind(null, now + 1);
        acts.Home = leap.bind(null, 0);
        acts.End = leap.bind(null, end);
      }
      if (!Object.prototype.hasOwnProperty.call(acts, key) || !acts[key]) { return; }
      event.preventDefault();
      event.stopPropagation();
      acts[key]();
    }
  }

  var fresh = within.querySelectorAll(".glassgrad-steps:not([data-ready])");
  return Array.prototype.filter.call(fresh, function (root) {
    return root.querySelector(".gg-data");
  }).map(function (root) {
    root.setAttribute("data-ready", "");
    return setUp(root);
  });
})
