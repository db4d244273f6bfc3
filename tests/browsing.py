"""A real browser for tests of pages, and what it can say about colours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = Path("/usr/bin/chromium")
LOWEST_CONTRAST = 4.5

# What a reader sees: every element with text of its own, its colour and the first background.
CONTRASTS = """
() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      const [, , , alpha = 1] = channels(colour);
      if (alpha > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.body.querySelectorAll("*")].filter((e) =>
    !["SCRIPT", "STYLE"].includes(e.tagName) &&
    [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
  return texts.map((e) => {
    const pair = [luminance(getComputedStyle(e).color), luminance(background(e))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    return [ratio, e.tagName, e.textContent, e.checkVisibility()];
  });
}
"""


def unavailable(reason):
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    if not BROWSER.exists() and shutil.which("apt-get") and os.geteuid() == 0:
        install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
        for command in (["apt-get", "update"], install):
            subprocess.run(command, capture_output=True, check=False)
    if not BROWSER.exists():
        unavailable(f"no browser: {BROWSER} is missing; install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()
