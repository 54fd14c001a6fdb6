"pytest-playwright with the system's browser; the folders of what `.ci/run` made come as options."

import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_addoption(parser):
    parser.addoption("--executed", type=Path, help="folder of executed notebooks, for test_lab.py")
    parser.addoption("--site", type=Path, help="folder of the built pages, for test_pages.py")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"no browser: install one of {', '.join(BROWSERS)} (Debian: apt-get install chromium)"
    return {**browser_type_launch_args, "executable_path": found, "args": ["--no-sandbox"]}


def pytest_generate_tests(metafunc):
    if "html" in metafunc.fixturenames:
        site = metafunc.config.getoption("site").absolute()
        found = sorted(p for p in site.rglob("*.html") if "_static" not in p.parts and p.parent != site)
        metafunc.parametrize("html", found, ids=lambda p: str(p.relative_to(site)))
