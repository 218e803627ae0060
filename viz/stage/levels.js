/* The buttons of the levels, on pages that have some: what repeats, or the network and a neuron, and all
   scalars; and which of several samples the network is seen on. A step of the network is a layer, so layers
   need none. */

/* `open` opens a level, and a neuron of it, on a sample. Gives how to show which one is open, at which node. */
function levelsIn(place, folded, network, folding, open) {
  const box = make("nav", "gg-levels", place), samples = network ? network.samples : [];
  let seen = null;
  set(box, "aria-label", "Levels");
  const about = network ? "The network, a layer a step" : "Of what repeats, only the repetition of the step is open";
  const toFolded = buttonIn(box, folded, about, () => open(folded), folded);
  const here = network && buttonIn(box, "unit", "A neuron, down to its scalars", () => { if (!seen.unit) { open("scalars", unitAt(network, seen.node)); } });
  const toScalars = buttonIn(box, "scalars", "All scalars, an edge a step", () => open("scalars"), "scalars");
  const field = make("label", "", box), chosen = make("select", "", field);
  field.prepend(make("span", "", field, "sample"));
  samples.forEach((each, at) => { make("option", "", chosen, `${at + 1} of ${samples.length}`).value = at; });
  on(chosen, "change", () => {
    const sample = samples[chosen.value], { unit } = seen;
    open(unit ? "scalars" : folded, unit && unitsOf(sample)[unitsOf(network).indexOf(unit)], Number(chosen.value));
    chosen.focus(); /* for the next sample */
  });
  return (level, unit, node) => {
    seen = { unit, node };
    put(toFolded.lastChild, (level === "repeats" && folding.nameAt(node)) || folded);
    set(toFolded, "aria-pressed", level === folded);
    set(toScalars, "aria-pressed", level === "scalars" && !unit);
    field.hidden = samples.length < 2 || (level === "scalars" && !unit); /* there all of them are seen */
    if (!here) { return; }
    put(here, unit ? innerWidth > 700 ? unit.neuron : unit.neuron.match(/\d+/g).join(".") : "neuron");
    set(here, "aria-pressed", unit !== null);
    chosen.value = network.at;
  };
}
