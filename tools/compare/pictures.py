"""Compares pictures pixel for pixel, and draws where they differ."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

GAP = 8

COMPARE = """async ([before, after, gap]) => {
  const load = async (data) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    return image;
  };
  const [one, other] = [await load(before), await load(after)];
  const width = Math.max(one.width, other.width);
  const height = Math.max(one.height, other.height);
  const canvas = Object.assign(document.createElement("canvas"), { width: 3 * width + 2 * gap, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(one, 0, 0);
  context.drawImage(other, width + gap, 0);
  const a = context.getImageData(0, 0, width, height).data;
  const b = context.getImageData(width + gap, 0, width, height);
  const marks = context.createImageData(width, height);
  let count = 0, left = width, top = height, right = 0, bottom = 0;
  for (let at = 0; at < a.length; at += 4) {
    const differs = [0, 1, 2, 3].some((part) => a[at + part] !== b.data[at + part]);
    const grey = 255 - (255 - (a[at] + a[at + 1] + a[at + 2]) / 3) / 4;
    marks.data.set(differs ? [220, 0, 60, 255] : [grey, grey, grey, 255], at);
    if (!differs) continue;
    count += 1;
    const x = (at / 4) % width, y = Math.floor(at / 4 / width);
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  context.putImageData(marks, 2 * (width + gap), 0);
  const sizes = [[one.width, one.height], [other.width, other.height]];
  return { count, box: [left, top, right, bottom], sizes, picture: canvas.toDataURL("image/png").split(",")[1] };
}"""


def compare_pictures(browser: Browser, before: Path, after: Path, report: Path) -> str:
    """Returns what differs in words, empty if every pixel is the same; then there is a picture of it in `report`: both
    side by side, and where they differ."""
    page = browser.new_page()
    try:
        given = [base64.b64encode(path.read_bytes()).decode() for path in (before, after)]
        found: Any = page.evaluate(COMPARE, [*given, GAP])
    finally:
        page.close()
    sizes = [f"{width} × {height}" for width, height in found["sizes"]]
    if not found["count"] and sizes[0] == sizes[1]:
        return ""
    report.mkdir(parents=True, exist_ok=True)
    picture = report / after.name
    picture.write_bytes(base64.b64decode(found["picture"]))
    left, top, right, bottom = found["box"]
    size = f"{sizes[0]} → {sizes[1]}, " if sizes[0] != sizes[1] else ""
    return f"{size}{found['count']} pixels within {left},{top} to {right},{bottom}: {picture}"
