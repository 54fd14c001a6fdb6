"Everything is said in settings.ini; this file hands it to setuptools."

from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup
from setuptools.command.sdist import sdist

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]
readme = here / "README.md"
JOBS = f"{cfg['lib_path']}.jobs"
EXTRAS = ("train", "measure", "notebooks", "dask", "jpegxl", "docs", "dev")


def required(extra=""):
    return cfg[f"{extra}_requirements" if extra else "requirements"].split()


class WithSettings(sdist):
    "A source distribution that holds what this file reads."

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, [*files, "settings.ini"])


setup(
    cmdclass={"sdist": WithSettings},
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"],
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    license=cfg["license"].upper(),
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    python_requires=">=" + cfg["min_python"],
    packages=[*find_packages(include=[cfg["lib_path"], cfg["lib_path"] + ".*"]), JOBS],
    package_dir={JOBS: f"{cfg['nbs_path']}/jobs"},  # notebooks and plans, which a wheel has inside the package
    package_data={cfg["lib_path"]: cfg["package_data"].split(), JOBS: ["*.ipynb", "*.yaml"]},
    install_requires=required(),
    extras_require={extra: required(extra) for extra in EXTRAS},
    entry_points={"console_scripts": cfg["console_scripts"].split()},
    zip_safe=False,
)
