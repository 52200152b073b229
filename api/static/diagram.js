// Draws the diagram of a process, and on it what #diagram-state says: the way taken, where cases are, what stands still.

const figure = document.querySelector("[data-diagram]");
const canvasElement = figure.querySelector(".canvas");
const here = figure.querySelector("[data-zoom=here]");
const READABLE = 0.75; // zoom
let marked = [];

const [{ NavigatedViewer }, xml] = await Promise.all([import(figure.dataset.viewer), load()]);
const viewer = new NavigatedViewer({
  container: canvasElement,
  bpmnRenderer: {
    defaultFillColor: "var(--diagram-fill)",
    defaultStrokeColor: "var(--diagram-stroke)",
    defaultLabelColor: "var(--diagram-stroke)",
  },
});
await viewer.importXML(xml);
const canvas = viewer.get("canvas");
const registry = viewer.get("elementRegistry");
const overlays = viewer.get("overlays");
const wheel = viewer.get("zoomScroll");

// The wheel scrolls the page, unless somebody went into the diagram.
wheel.toggle(false);
canvasElement.addEventListener("focusin", () => wheel.toggle(true));
canvasElement.addEventListener("focusout", () => wheel.toggle(false));
figure.querySelector(".zoom").addEventListener("click", (event) => zoom(event.target.dataset.zoom));
document.addEventListener("swapped", (event) => event.detail === "diagram-state" && show());
show();
look();
figure.dataset.drawn = "yes";

async function load() {
  const answer = await fetch(figure.dataset.diagram);
  if (!answer.ok) throw new Error(`The diagram did not come: ${answer.status}.`);
  return answer.text();
}

function state() {
  return JSON.parse(document.getElementById("diagram-state").dataset.state);
}

function show() {
  for (const [id, marker] of marked) canvas.removeMarker(id, marker);
  marked = [];
  overlays.remove({ type: "tally" });
  const { taken, present, stuck, tallied } = state();
  for (const id of taken) mark(id, "taken");
  for (const id of Object.keys(present)) mark(id, "present");
  for (const id of Object.keys(stuck)) mark(id, "stuck");
  for (const id of new Set([...Object.keys(present), ...Object.keys(stuck)])) {
    if (tallied || present[id] > 1) tally(id, present[id], stuck[id]);
  }
  here.hidden = !present_().length;
}

function mark(id, marker) {
  if (!registry.get(id)) return; // of another version of the diagram
  canvas.addMarker(id, marker);
  marked.push([id, marker]);
}

function tally(id, count, stuck) {
  const element = registry.get(id);
  if (!element) return;
  const html = document.createElement("div");
  html.className = "tally";
  for (const [number, kind] of [[count, "here"], [stuck, "stuck"]]) {
    if (!number) continue;
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = number;
    html.append(part);
  }
  overlays.add(id, "tally", { position: { top: -10, left: element.width / 2 }, html, scale: { min: 0.9, max: 1.2 } });
}

function present_() {
  const { present, stuck } = state();
  return [...Object.keys(stuck), ...Object.keys(present)].map((id) => registry.get(id)).filter(Boolean);
}

/** The whole diagram; where it could not be read, the place where the case is. */
function look() {
  canvas.zoom("fit-viewport", "auto");
  const overview = state().tallied && canvasElement.clientWidth > 700;
  if (canvas.zoom() < READABLE / 2 && !overview) zoom("here");
}

function zoom(how) {
  if (how === "fit") canvas.zoom("fit-viewport", "auto");
  if (how === "in" || how === "out") canvas.zoom(canvas.zoom() * (how === "in" ? 1.3 : 1 / 1.3));
  if (how === "here") {
    const [element] = present_();
    if (!element) return;
    const { outer } = canvas.viewbox();
    const [width, height] = [outer.width / READABLE, outer.height / READABLE];
    const [x, y] = [element.x + element.width / 2 - width / 2, element.y + element.height / 2 - height / 2];
    canvas.viewbox({ x, y, width, height });
  }
}
