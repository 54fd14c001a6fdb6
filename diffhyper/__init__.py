"""Learned image compression whose hyperprior is the end point of a diffusion; names load when they are asked for."""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING

from diffhyper.light import lighten

if TYPE_CHECKING:
    from diffhyper.codec.hub import create_diffusion_hyperprior_model, load_model
    from diffhyper.codec.picture import compress_image, decompress_image
    from diffhyper.model.schedule import DiffusionNoiseScheduler

__all__ = [
    "DiffusionNoiseScheduler",
    "compress_image",
    "create_diffusion_hyperprior_model",
    "decompress_image",
    "load_model",
]
_HOME = {
    "DiffusionNoiseScheduler": "diffhyper.model.schedule",
    "compress_image": "diffhyper.codec.picture",
    "create_diffusion_hyperprior_model": "diffhyper.codec.hub",
    "decompress_image": "diffhyper.codec.picture",
    "load_model": "diffhyper.codec.hub",
}


def __getattr__(name: str):
    "The names of the face, from their modules (PEP 562)."
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    "All names, those that have not been asked for included."
    return sorted({*globals(), *__all__})


lighten()  # `import compressai` from here on leaves out what no picture needs
