// A button that asks for a file and saves it.

function save({ name }, [data]) {
  const url = URL.createObjectURL(new Blob([data]));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name, hidden: true });
  document.body.appendChild(link).click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be reading
}

function render({ model, el }) {
  const button = el.appendChild(document.createElement("button"));
  Object.assign(button, { className: "jupyter-button widget-button", type: "button" });
  const show = () => {
    button.textContent = model.get("label");
    button.disabled = model.get("disabled");
  };
  button.addEventListener("click", () => model.send("give"));
  model.on("msg:custom", save);
  model.on("change:label", show);
  model.on("change:disabled", show);
  show();
  return () => {
    model.off("msg:custom", save);
    model.off("change:label", show);
    model.off("change:disabled", show);
  };
}

export default { render };
