// Pictures that zoom together, side by side or one after the other in the same place. One part draws, one moves the
// view, one chooses what is shown, one listens, the last joins them to the widget's model.

const MAX_HEIGHT = 520; // CSS pixels of a canvas
const MOST = 40; // pixels of the screen per pixel of a picture
const ORIGINAL = 0; // places of the pictures in a frame
const OURS = 1;
const BESIDE = 2; // the first of those that can stand beside both: the difference, then the other coders
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

// ---------------------------------------------------------------- drawing

function makePane(panes) {
  const figure = panes.appendChild(document.createElement("figure"));
  const label = figure.appendChild(document.createElement("figcaption"));
  return { label, canvas: figure.appendChild(document.createElement("canvas")) };
}

function shapeCanvas(canvas, { width, height }) {
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.style.maxWidth = `${(MAX_HEIGHT * width) / height}px`;
}

// The scale at which the whole picture fits; brings the canvas's size up to date. Scales are pixels of the screen per
// pixel of the picture.
function fitted(canvas, picture) {
  const ratio = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = Math.max(1, Math.round(box.width * ratio));
  const height = Math.max(1, Math.round(box.height * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return Math.min(width / picture.width, height / picture.height);
}

// The middle of the canvas along one side, so that no margin is shown where the picture could be.
function middle(shown, side, share) {
  if (shown <= side) return 0.5;
  return clamp(share, side / 2 / shown, 1 - side / 2 / shown);
}

function draw({ canvas, label }, { picture, label: words }, size, view) {
  label.textContent = words;
  canvas.setAttribute("aria-label", words);
  const scale = view.scale ?? fitted(canvas, size);
  fitted(canvas, size);
  const width = size.width * scale;
  const height = size.height * scale;
  view.x = middle(width, canvas.width, view.x);
  view.y = middle(height, canvas.height, view.y);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = scale < 1.5; // enlarged pictures show their pixels
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!picture) return; // it is still searched for
  const left = Math.round(canvas.width / 2 - view.x * width);
  const top = Math.round(canvas.height / 2 - view.y * height);
  context.drawImage(picture, left, top, width, height);
}

// ---------------------------------------------------------------- moving

// What changes a view: its scale, null for the whole picture, and x and y, the middle of the canvas as shares of the
// picture's sides. `look` tells canvas and size of the picture; `redraw` is called after each change.
function moves(view, look, redraw) {
  const set = (scale) => {
    view.scale = scale;
    redraw();
  };
  const reset = (scale) => {
    Object.assign(view, { x: 0.5, y: 0.5 });
    set(scale);
  };
  // by shares of the canvas
  const move = (dx, dy) => {
    const { canvas, size } = look();
    const scale = view.scale ?? fitted(canvas, size);
    view.x += (dx * canvas.width) / (size.width * scale);
    view.y += (dy * canvas.height) / (size.height * scale);
    redraw();
  };
  // x, y: the point that stays where it is, as shares of the canvas
  const zoom = (factor, x = 0.5, y = 0.5) => {
    const { canvas, size } = look();
    const fit = fitted(canvas, size);
    const before = view.scale ?? fit;
    const after = clamp(before * factor, Math.min(fit, 1), MOST);
    view.scale = after <= fit && fit <= 1 ? null : after;
    move((x - 0.5) * (after / before - 1), (y - 0.5) * (after / before - 1));
  };
  return { reset, move, zoom, set };
}

// ---------------------------------------------------------------- choosing

// Which pictures of a frame are shown: `one` is the place of the only one, null side by side.
function choices() {
  const choice = { one: null, beside: BESIDE };
  const coder = (count) => (choice.beside > BESIDE || count <= BESIDE + 1 ? choice.beside : BESIDE + 1);
  const shown = (count) => {
    if (choice.one !== null) return [Math.min(choice.one, count - 1)];
    return count > BESIDE ? [ORIGINAL, OURS, Math.min(choice.beside, count - 1)] : [...Array(count).keys()];
  };
  // ours, another coder's, the original, and again, all in one place
  const flicker = (count) => {
    const round = count > BESIDE + 1 ? [OURS, coder(count), ORIGINAL] : [OURS, ORIGINAL];
    choice.one = round[(round.indexOf(choice.one) + 1) % round.length];
    if (count > BESIDE + 1) choice.beside = coder(count);
  };
  const other = (count) => {
    const first = choice.one === null ? BESIDE : BESIDE + 1;
    if (count <= first) return;
    choice.beside = choice.beside + 1 < count ? Math.max(choice.beside + 1, first) : first;
    if (choice.one !== null) choice.one = choice.beside;
  };
  const together = () => {
    choice.one = null;
  };
  return { choice, shown, flicker, other, together };
}

// ---------------------------------------------------------------- listening

// Plain keys that are pressed inside are ours: JupyterLab would move to another cell at an arrow, make a heading of
// it at 1, and insert one at a. It asks the element with the focus for this attribute, after the window was told.
function ownKeys({ target, ctrlKey, metaKey, altKey }) {
  if (!target.closest?.(".dhp-explorer, .dhp-view")) return;
  target.toggleAttribute("data-lm-suppress-shortcuts", !ctrlKey && !metaKey && !altKey);
}

function listenToKeys(root, keys) {
  root.addEventListener("keydown", (e) => {
    const act = keys[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  });
}

function listenToMouse(root, view, { reset, move, zoom }) {
  const on = (name, act) => {
    const onCanvas = (e) => e.target.tagName === "CANVAS" && act(e, e.target.getBoundingClientRect());
    root.addEventListener(name, onCanvas, { passive: false });
  };
  on("wheel", (e, box) => {
    const held = e.ctrlKey || e.metaKey;
    const clicked = root.contains(document.activeElement);
    const ends = view.scale === null && e.deltaY > 0;
    if (!held && (!clicked || ends)) return; // the page scrolls
    e.preventDefault();
    const factor = Math.exp(-clamp(e.deltaY, -200, 200) / 300);
    zoom(factor, (e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
  });
  on("pointerdown", (e) => {
    if (e.button === 0) e.target.setPointerCapture(e.pointerId);
  });
  on("pointermove", (e, box) => {
    if (e.target.hasPointerCapture(e.pointerId)) move(-e.movementX / box.width, -e.movementY / box.height);
  });
  on("dblclick", () => reset(null));
}

// ---------------------------------------------------------------- the widget

function makeRoot(el) {
  const root = el.appendChild(document.createElement("div"));
  Object.assign(root, { className: "dhp-view", tabIndex: 0 });
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Pictures. Plus and minus zoom, arrows move, 1 is pixel by pixel, 0 shows all.");
  const make = (name) => Object.assign(root.appendChild(document.createElement("div")), { className: name });
  const tools = Object.assign(make("dhp-tools"), { hidden: true }); // until there are pictures
  return { root, tools, panes: make("dhp-panes") };
}

function makeTool(tools, act) {
  const button = tools.appendChild(document.createElement("button"));
  Object.assign(button, { className: "jupyter-button widget-button", type: "button" });
  button.addEventListener("click", act);
  return (words, pressed) => {
    button.textContent = words;
    button.setAttribute("aria-pressed", String(pressed));
  };
}

// Pictures decoded by the browser; null for one that has no bytes yet.
async function decoded(panes) {
  const decode = async ({ label, png }) => {
    const picture = png.byteLength ? await createImageBitmap(new Blob([png], { type: "image/png" })) : null;
    return { label, picture };
  };
  return Promise.all(panes.map(decode));
}

function render({ model, el }) {
  const { root, tools, panes: place } = makeRoot(el);
  const begin = model.get("one_to_one") ? 1 : null;
  const view = { scale: begin, x: 0.5, y: 0.5 };
  const { choice, shown, flicker, other, together } = choices();
  let panes = [];
  let frames = [];
  let more = [];
  let loading = 0;

  const frame = () => [...(frames[clamp(model.get("index"), 0, frames.length - 1)] || []), ...more];
  const size = () => frames[0][ORIGINAL].picture;
  const redraw = () => {
    if (!frames.length) return;
    const pictures = frame();
    const indices = shown(pictures.length);
    if (panes.length !== indices.length) {
      place.replaceChildren();
      panes = indices.map(() => makePane(place));
    }
    panes.forEach(({ canvas }) => shapeCanvas(canvas, size()));
    indices.forEach((n, i) => draw(panes[i], pictures[n], size(), view));
    tell(pictures);
  };
  const change = moves(view, () => ({ canvas: panes[0].canvas, size: size() }), redraw);
  const choose = (act) => () => {
    if (!frames.length) return;
    act(frame().length);
    redraw();
  };
  const told = [
    makeTool(tools, choose(flicker)),
    makeTool(tools, choose(other)),
    makeTool(tools, choose(together)),
    makeTool(tools, () => change.reset(1)),
    makeTool(tools, () => change.reset(null)),
  ];
  const tell = (pictures) => {
    tools.hidden = pictures.length <= BESIDE;
    if (tools.hidden) return;
    const coder = pictures[Math.min(choice.beside, pictures.length - 1)].label.split(",")[0];
    const single = choice.one !== null;
    const words = ["F flicker", `N other: ${coder.split(" ")[0]}`, "S side by side", "1 pixel by pixel", "0 whole"];
    const pressed = [single, false, !single, view.scale === 1, view.scale === null];
    told.forEach((say, i) => say(words[i], pressed[i]));
  };

  async function load() {
    const turn = ++loading;
    const loaded = await Promise.all(model.get("frames").map(decoded));
    const others = await decoded(model.get("more"));
    if (turn !== loading || !loaded.length) return; // newer frames have come meanwhile
    const before = frames.length ? size() : null;
    frames = loaded;
    more = others;
    if (before?.width !== size().width || before?.height !== size().height) change.reset(begin);
    else redraw();
  }

  listenToKeys(root, {
    "+": () => change.zoom(1.5),
    "=": () => change.zoom(1.5),
    "-": () => change.zoom(1 / 1.5),
    0: () => change.reset(null),
    1: () => change.reset(1),
    ArrowLeft: () => change.move(-0.1, 0),
    ArrowRight: () => change.move(0.1, 0),
    ArrowUp: () => change.move(0, -0.1),
    ArrowDown: () => change.move(0, 0.1),
    f: choose(flicker),
    n: choose(other),
    s: choose(together),
  });
  listenToMouse(root, view, change);
  window.addEventListener("keydown", ownKeys, true);
  const resized = new ResizeObserver(redraw);
  resized.observe(root);
  model.on("change:frames", load);
  model.on("change:more", load);
  model.on("change:index", redraw);
  load();
  return () => {
    window.removeEventListener("keydown", ownKeys, true);
    resized.disconnect();
    model.off("change:frames", load);
    model.off("change:more", load);
    model.off("change:index", redraw);
  };
}

export default { render };
