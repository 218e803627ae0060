/* The chain rule of a neuron's weights in three factors, a row each, with the numbers as they are: in the
   table of neuron.py each cell ends in one. What is written before that of the activation may hold for
   the numbers of the program only. */
function factorsIn(place) {
  const [output, sum, terms, isBranch] = JSON.parse(place.dataset.factors);
  place.querySelectorAll("caption, th, td").forEach((part) => put(part, asFormula(part.textContent)));
  place.querySelectorAll("table").forEach((table) => set(table, "tabindex", 0)); /* on a phone it scrolls, by keys too */
  const rows = [...place.querySelectorAll("tbody tr")].map(({ cells }) => [...cells].slice(1)
    .map((cell) => [cell, cell.textContent.slice(0, cell.textContent.lastIndexOf(" ") + 1)]));
  return (graph) => rows.forEach((cells, row) => {
    const [node, k] = terms[row], product = graph.sent[node][k]?.sent;
    const factors = [graph.gradients[output], slopeOf(graph, output, sum), graph.locals[node][k]];
    const digits = product === undefined ? DIGITS : digitsOfRow(factors, product, (a, b, c) => a * b * c);
    [...factors.map((number) => shortIn(number, digits)), short(product)].forEach((number, column) => {
      const [cell, before] = cells[column], isStale = column === 1 && isBranch && graph.isChanged();
      put(cell, asFormula((isStale ? "× " : before) + number));
    });
  });
}
