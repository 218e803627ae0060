/* Turns the static steps of page.py into a stepper. No dependencies; block comments only, since
   some hosts flatten newlines. Every copy on the page is set up by itself, once. */
(function () {
  "use strict";
  function setUp(root) {
    var steps = JSON.parse(root.querySelector(".gg-data").textContent);
    var rows = root.querySelectorAll("tbody tr");
    var saying = root.querySelector(".gg-sentence");
    var picture = inlined(root.querySelector(".gg-picture"));
    var gradientInk = "#b34e00"; /* GRADIENT in dot.py, as Graphviz writes it */
    var now = 0;
    var controls = root.querySelector(".gg-controls");
    var first = button("|◀", "First step", function () { go(0); });
    var back = button("◀", "Step back", function () { go(now - 1); });
    var slider = document.createElement("input");
    var forward = button("▶", "Step forward", function () { go(now + 1); });
    var last = button("▶|", "Last step", function () { go(steps.length - 1); });
    var count = document.createElement("span");
    slider.type = "range";
    slider.min = 1;
    slider.max = steps.length;
    slider.setAttribute("aria-label", "Step");
    slider.addEventListener("input", function () { go(slider.value - 1); });
    count.className = "gg-count";
    [first, back, slider, forward, last, count].forEach(function (part) {
      controls.appendChild(part);
    });
    controls.hidden = false;
    root.addEventListener("keydown", onKey);
    go(0);

    function button(sign, name, act) {
      var made = document.createElement("button");
      made.type = "button";
      made.textContent = sign;
      made.setAttribute("aria-label", name);
      made.addEventListener("click", act);
      return made;
    }

    function onKey(event) {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target === slider) { return; }
      var moves = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: steps.length - 1 };
      if (!(event.key in moves)) { return; }
      event.preventDefault();
      event.stopPropagation();
      go(moves[event.key]);
    }

    function go(index) {
      now = Math.max(0, Math.min(steps.length - 1, index));
      var step = steps[now];
      slider.value = now + 1;
      count.textContent = "step " + (now + 1) + " of " + steps.length;
      saying.textContent = step.says;
      /* Not `disabled`: that would throw the focus away while stepping with the keyboard. */
      mark([first, back], now === 0);
      mark([forward, last], now === steps.length - 1);
      rows.forEach(function (row, i) {
        row.classList.toggle("gg-now", i === now);
        if (i === now) { row.setAttribute("aria-current", "step"); }
        else { row.removeAttribute("aria-current"); }
      });
      showRow(rows[now]);
      showGradients();
      light("[data-n]", "n", "gg-now", step.node);
      light("[data-n]", "n", "gg-goal", step.parent);
      light("[data-e]", "e", "gg-now", step.edge);
    }

    function mark(buttons, isAtEnd) {
      buttons.forEach(function (button) { button.setAttribute("aria-disabled", isAtEnd); });
    }

    function showRow(row) {
      var box = root.querySelector(".gg-scroll");
      var above = row.offsetTop - box.scrollTop;
      if (above < 30 || above > box.clientHeight - 40) { box.scrollTop = row.offsetTop - 60; }
    }

    /* The picture shows each gradient as far as it has come by this step. */
    function showGradients() {
      if (!picture) { return; }
      var known = {};
      steps.slice(0, now + 1).forEach(function (step) {
        if (step.gradient === null) { return; }
        known[step.parent === null ? step.node : step.parent] = step.gradient;
      });
      picture.querySelectorAll("[data-n]").forEach(function (part) {
        part.querySelectorAll("text").forEach(function (line) {
          if (line.getAttribute("fill") !== gradientInk) { return; }
          line.textContent = "grad " + (part.dataset.n in known ? known[part.dataset.n] : "–");
        });
      });
    }

    function light(selector, key, name, wanted) {
      if (!picture) { return; }
      picture.querySelectorAll(selector).forEach(function (part) {
        part.classList.toggle(name, part.dataset[key] === String(wanted));
      });
    }
  }

  /* Replaces the image by the SVG inside it, whose parts can be lit. */
  function inlined(figure) {
    if (!figure) { return null; }
    var image = figure.querySelector("img");
    var bytes = Uint8Array.from(atob(image.src.split(",")[1]), function (c) {
      return c.charCodeAt(0);
    });
    var text = new TextDecoder().decode(bytes);
    var parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (parsed.nodeName !== "svg") { return null; }
    figure.replaceChild(document.importNode(parsed, true), image);
    return figure;
  }

  document.querySelectorAll(".glassgrad-steps:not([data-ready])").forEach(function (root) {
    if (!root.querySelector(".gg-data")) { return; }
    root.setAttribute("data-ready", "");
    setUp(root);
  });
})();
