"""With this folder on PYTHONPATH, `nbdev_test` also keeps what it runs: each executed notebook goes to the folder that
the environment variable EXECUTED names, and its time to seconds.txt there. Pages and the checks in JupyterLab read them
there, so that no notebook is run twice."""

import os
import sys

STATIC = "*This is interactive where a kernel runs: open the notebook in JupyterLab.*"
WIDGET = "application/vnd.jupyter.widget-view+json"


def kept(output):
    "An output without progress bars; a widget, which needs a kernel, becomes a note. None: nothing is left."
    if output["output_type"] == "stream" and output["name"] == "stderr":
        lines = [part for part in "".join(output["text"]).replace("\r", "\n").split("\n") if "%|" not in part]
        return dict(output, text="\n".join(lines)) if any(part.strip() for part in lines) else None
    return dict(output, data={"text/markdown": STATIC}) if WIDGET in output.get("data", {}) else output


def settled(shown):
    "What stands in a notebook in the end: an update of a display takes its place, as it does in a kernel."
    last = {}
    for n, one in enumerate(shown):
        last[(one.transient or {}).get("display_id", n)] = one  # a dict keeps the place of the first
    return list(last.values())


def install():
    import json
    import time
    from pathlib import Path

    from execnb import shell
    from nbdev.config import get_config

    run_all, outputs, target = shell.CaptureShell.run_all, shell._out_nb, Path(os.environ["EXECUTED"]).absolute()

    def last_outputs(result, formats):
        result.display_objects = settled(result.display_objects)
        return outputs(result, formats)

    def recorded(self, nb, **options):
        start, path, well = time.time(), Path(nb.path_), "failed"
        name = path.relative_to(get_config().config_path)
        try:
            run_all(self, nb, **options)
            well = "ok"
        finally:
            shown = {c.id: c.get("outputs", []) for c in nb.cells if c.cell_type == "code"}
            written = json.loads(path.read_text(encoding="utf-8"))  # with its directives, which nbdev takes out
            for cell in (c for c in written["cells"] if c["cell_type"] == "code"):
                cell["outputs"] = [o for o in map(kept, shown[cell["id"]]) if o]
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(json.dumps(written), encoding="utf-8")
            with (target / "seconds.txt").open("a") as file:
                file.write(f"{time.time() - start:.1f} {name} {well}\n")

    shell.CaptureShell.run_all, shell._out_nb = recorded, last_outputs


if os.environ.get("EXECUTED") and os.path.basename(sys.argv[0]) == "nbdev_test":
    install()
