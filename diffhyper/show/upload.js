// A button that sends a file in parts: Jupyter's server closes the connection at a message of more than 10 MB.

const PART = 4e6; // bytes of a message

async function send(model, file) {
  const about = (start) => ({ name: file.name, size: file.size, start });
  if (!file.size || file.size > model.get("max_bytes")) {
    model.send(about(0)); // its name and size are enough to refuse it
    return;
  }
  for (let start = 0; start < file.size; start += PART) {
    model.send(about(start), undefined, [await file.slice(start, start + PART).arrayBuffer()]);
  }
}

function render({ model, el }) {
  const button = el.appendChild(document.createElement("button"));
  const input = el.appendChild(document.createElement("input"));
  const label = () => {
    button.textContent = model.get("label");
  };
  Object.assign(button, { className: "jupyter-button widget-button", type: "button" });
  Object.assign(input, { type: "file", accept: "image/*", hidden: true });
  label();
  model.on("msg:custom", label); // it has arrived
  button.addEventListener("click", () => {
    input.value = ""; // the same file again is a change too
    input.click();
  });
  input.addEventListener("change", async () => {
    for (const file of input.files) {
      button.textContent = `sending ${file.name} \u2026`;
      await send(model, file);
    }
  });
  return () => model.off("msg:custom", label);
}

export default { render };
