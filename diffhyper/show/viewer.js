// Pictures side by side that zoom together: one part draws, one listens, one joins both to the widget's model.

const MAX_HEIGHT = 520; // CSS pixels of a canvas
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 }; // x, y: the middle of the canvas, as shares of the picture's sides
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

// ---------------------------------------------------------------- drawing

function makePane(root) {
  const figure = root.appendChild(document.createElement("figure"));
  const label = figure.appendChild(document.createElement("figcaption"));
  return { label, canvas: figure.appendChild(document.createElement("canvas")) };
}

// The scale at which the whole picture fits, in device pixels; brings the canvas's size up to date.
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

function draw(pane, { picture, label }, view) {
  const { canvas } = pane;
  pane.label.textContent = label;
  canvas.setAttribute("aria-label", label);
  const scale = fitted(canvas, picture) * view.zoom;
  const width = picture.width * scale;
  const height = picture.height * scale;
  view.x = middle(width, canvas.width, view.x);
  view.y = middle(height, canvas.height, view.y);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = scale < 1.5; // enlarged pictures show their pixels
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, canvas.width / 2 - view.x * width, canvas.height / 2 - view.y * height, width, height);
}

// ---------------------------------------------------------------- listening

// What changes a view; `redraw` is called after each change.
function moves(view, redraw) {
  const reset = () => {
    Object.assign(view, WHOLE);
    redraw();
  };
  const move = (dx, dy) => {
    view.x += dx / view.zoom;
    view.y += dy / view.zoom;
    redraw();
  };
  // x, y: the point that stays where it is, as shares of the canvas
  const zoom = (factor, x = 0.5, y = 0.5) => {
    const before = view.zoom;
    view.zoom = clamp(before * factor, 1, 40);
    move((x - 0.5) * (view.zoom / before - 1), (y - 0.5) * (view.zoom / before - 1));
  };
  return { reset, move, zoom };
}

function listenToKeys(root, { reset, move, zoom }) {
  const keys = {
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    0: reset,
    ArrowLeft: () => move(-0.1, 0),
    ArrowRight: () => move(0.1, 0),
    ArrowUp: () => move(0, -0.1),
    ArrowDown: () => move(0, 0.1),
  };
  root.addEventListener("keydown", (e) => {
    if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    keys[e.key]();
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
    const ends = view.zoom === 1 && e.deltaY > 0;
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
  on("dblclick", reset);
}

// ---------------------------------------------------------------- the widget

function makeRoot(el) {
  const root = el.appendChild(document.createElement("div"));
  Object.assign(root, { className: "dhp-panes", tabIndex: 0 });
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Pictures side by side. Plus and minus zoom, arrows move, zero shows all.");
  return root;
}

// All pictures of all frames, decoded by the browser.
async function decoded(frames) {
  const decode = async ({ label, png }) => {
    return { label, picture: await createImageBitmap(new Blob([png], { type: "image/png" })) };
  };
  return Promise.all(frames.map((panes) => Promise.all(panes.map(decode))));
}

function shape(canvas, { width, height }) {
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.style.maxWidth = `${(MAX_HEIGHT * width) / height}px`;
}

function render({ model, el }) {
  const root = makeRoot(el);
  const view = { ...WHOLE };
  let panes = [];
  let frames = [];
  let loading = 0;

  const redraw = () => {
    const frame = frames[clamp(model.get("index"), 0, frames.length - 1)] || [];
    frame.forEach((picture, i) => draw(panes[i], picture, view));
  };
  const change = moves(view, redraw);

  async function load() {
    const turn = ++loading;
    const loaded = await decoded(model.get("frames"));
    if (turn !== loading || !loaded.length) return; // newer frames have come meanwhile
    const before = frames[0]?.[0]?.picture;
    const now = loaded[0][0].picture;
    frames = loaded;
    if (panes.length !== loaded[0].length) {
      root.replaceChildren();
      panes = loaded[0].map(() => makePane(root));
    }
    panes.forEach(({ canvas }) => shape(canvas, now));
    if (before?.width !== now.width || before?.height !== now.height) change.reset();
    else redraw();
  }

  listenToKeys(root, change);
  listenToMouse(root, view, change);
  const resized = new ResizeObserver(redraw);
  resized.observe(root);
  model.on("change:frames", load);
  model.on("change:index", redraw);
  load();
  return () => {
    resized.disconnect();
    model.off("change:frames", load);
    model.off("change:index", redraw);
  };
}

export default { render };
