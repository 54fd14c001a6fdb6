// A small copy of a picture with a frame around the crop: the pointer and the arrows move it.

const clamp = (v) => Math.min(Math.max(v, 0), 1);

function makeCanvas(el) {
  const canvas = el.appendChild(document.createElement("canvas"));
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The whole picture. A click, a drag or the arrows move the frame.");
  return canvas;
}

function draw(canvas, picture, [left, top, width, height]) {
  Object.assign(canvas, { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  context.fillStyle = "rgba(0, 0, 0, 0.45)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.drawImage(picture, 0, 0);
  context.restore();
  context.strokeStyle = "white";
  context.lineWidth = 2;
  context.strokeRect(left + 1, top + 1, width - 2, height - 2);
}

function render({ model, el }) {
  const canvas = makeCanvas(el);
  let picture = null;
  let place = model.get("place");
  const shares = () => model.get("crop").map((side, i) => side / model.get("size")[i]);

  const redraw = () => {
    if (!picture) return;
    const sides = [picture.width, picture.height];
    const frame = shares().map((share, i) => share * sides[i]);
    draw(canvas, picture, [...frame.map((length, i) => place[i] * (sides[i] - length)), ...frame]);
  };
  const go = (wanted) => {
    place = wanted.map((share, i) => (shares()[i] < 1 ? clamp(share) : 0.5));
    redraw();
  };
  const save = () => {
    model.set("place", place);
    model.save_changes();
  };
  const follow = () => {
    place = model.get("place");
    redraw();
  };

  async function load() {
    const png = model.get("picture");
    picture = png.byteLength ? await createImageBitmap(new Blob([png], { type: "image/png" })) : null;
    redraw();
  }

  // the frame's middle goes to the pointer
  const point = (e) => {
    const box = canvas.getBoundingClientRect();
    const at = [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
    go(at.map((share, i) => (share - shares()[i] / 2) / (1 - shares()[i])));
  };
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    point(e);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (canvas.hasPointerCapture(e.pointerId)) point(e);
  });
  canvas.addEventListener("pointerup", save);

  // an eighth of the frame
  const step = (x, y) => {
    const ways = shares().map((share, i) => (share < 1 ? ([x, y][i] * share) / 8 / (1 - share) : 0));
    go(place.map((share, i) => share + ways[i]));
    save();
  };
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (e) => {
    if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    step(...keys[e.key]);
  });

  model.on("change:picture", load);
  model.on("change:place", follow);
  model.on("change:crop", redraw);
  load();
  return () => {
    model.off("change:picture", load);
    model.off("change:place", follow);
    model.off("change:crop", redraw);
  };
}

export default { render };
