/* Ties the lines of a program to its scalars, on the static page of program.py: what is chosen
   on one side lights up on both, and is said. Both sides are lists with one tab stop each; the arrow
   keys move inside. Block comments only, since some hosts flatten newlines. */
(function (within) {
  "use strict";
  var FRAME = "This line belongs to the program as a whole, and to no scalars.";

  /* Replaces the image by the SVG inside it, whose parts can be chosen. */
  function inlined(figure) {
    var image = figure && figure.querySelector("img");
    if (!image) { return []; }
    var text = decodeURIComponent(image.src.slice(image.src.indexOf(",") + 1));
    var parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (parsed.nodeName !== "svg") { return []; }
    parsed.querySelectorAll("style, title, desc").forEach(function (part) { part.remove(); });
    parsed.setAttribute("role", "presentation");
    parsed.style.minWidth = 0.7 * parseFloat(parsed.getAttribute("width")) + "pt";
    figure.replaceChild(document.importNode(parsed, true), image);
    return all(figure, "[data-n], [data-b]:not(.cluster)");
  }

  function all(place, selector) { return Array.prototype.slice.call(place.querySelectorAll(selector)); }

  /* Makes a list of which one or more items are chosen: by a click, or by keys. */
  function listIn(place, items, name, choose) {
    function stop(item) {
      items.forEach(function (one) { one.setAttribute("tabindex", one === item ? 0 : -1); });
    }
    place.removeAttribute("tabindex");
    place.setAttribute("role", "listbox");
    place.setAttribute("aria-label", name);
    place.setAttribute("aria-multiselectable", "true");
    items.forEach(function (item) {
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.dataset.lmSuppressShortcuts = true;
      item.addEventListener("click", function () { item.focus({ preventScroll: true }); choose(item); });
      item.addEventListener("focus", function () { stop(item); });
    });
    stop(items[0]);
    place.addEventListener("keydown", function (event) {
      var at = items.indexOf(event.target), end = items.length - 1;
      var to = { ArrowUp: at - 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowRight: at + 1,
        Home: 0, End: end, Enter: at, " ": at }[event.key];
      if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) { return; }
      event.preventDefault();
      event.stopPropagation();
      to = Math.max(0, Math.min(end, to));
      items[to].focus({ preventScroll: true });
      choose(items[to]);
    });
  }

  function bringIntoView(frame, part) {
    var box = part.getBoundingClientRect(), view = frame.getBoundingClientRect();
    if (box.top < view.top) { frame.scrollTop -= view.top - box.top + 30; }
    if (box.bottom > view.bottom) { frame.scrollTop += box.bottom - view.bottom + 30; }
    if (box.left < view.left) { frame.scrollLeft -= view.left - box.left + 30; }
    if (box.right > view.right && box.width < view.width) {
      frame.scrollLeft += box.right - view.right + 30;
    }
  }

  function setUp(root) {
    var data = JSON.parse(root.querySelector(".gp-data").textContent);
    var figure = root.querySelector(".gp-picture"), code = root.querySelector(".gp-code");
    var saying = root.querySelector(".gp-sentence"), table = root.querySelector(".gp-table");
    var list = code.querySelector(".gp-lines"), lines = all(list, "li"), shapes = inlined(figure);
    var rows = all(table, "tr[data-g]"), frames = figure ? all(figure, ".cluster") : [];

    function scalar(part) { return data.scalars[part.dataset.n]; }

    function groupOf(part) {
      return scalar(part) ? String(scalar(part)[0]) : part.dataset.g || part.dataset.b;
    }

    function choose(chosen) {
      var group = groupOf(chosen), own = scalar(chosen);
      [lines, shapes, rows, frames].forEach(function (parts) {
        parts.forEach(function (part) {
          var isNow = part === chosen || group !== undefined && groupOf(part) === group;
          part.classList.toggle("gp-now", isNow);
          if (part.hasAttribute("role")) { part.setAttribute("aria-selected", isNow); }
        });
      });
      saying.textContent = (own ? own[1] + ". " : "") + (data.says[group] || FRAME);
      [[code, lines], [figure, shapes], [table, rows]].forEach(function (side) {
        var lit = side[1].indexOf(chosen) >= 0 ? chosen : side[1].filter(function (part) {
          return part.classList.contains("gp-now");
        })[0];
        if (lit) { bringIntoView(side[0], lit); }
      });
    }

    lines.forEach(function (line, i) {
      line.setAttribute("aria-label", "line " + (i + 1) + ": " + line.textContent.trim());
    });
    shapes.forEach(function (shape) {
      var group = groupOf(shape), own = scalar(shape);
      shape.setAttribute("aria-label", own ? own[1] : data.says[group]);
    });
    code.removeAttribute("tabindex");
    listIn(list, lines, "Lines of the program", choose);
    if (shapes.length) { listIn(figure, shapes, "Scalars", choose); }
    rows.forEach(function (row) {
      row.addEventListener("click", function (event) {
        if (!event.target.closest("details")) { choose(row); }
      });
    });
    saying.textContent = "Choose a line to see its scalars, or a scalar to see its lines.";
  }

  within.querySelectorAll(".glassgrad-program:not([data-ready])").forEach(function (root) {
    root.setAttribute("data-ready", "");
    setUp(root);
  });
})
