#!/usr/bin/env python3
"""Makes the font files of public/fonts and style/fonts.css from the npm package `pretendard`.

    npm pack pretendard@1.3.9 && tar xzf pretendard-1.3.9.tgz
    python3 style/subset-fonts.py package        # needs fonttools and brotli

`madang.woff2` holds exactly the characters of the interface's own messages and Latin: a first visit
loads it alone. It is a modified font, so it carries another name ("Madang Sans"), as the licence asks. Names and notes that people type are covered by the package's dynamic subsets, each
loaded only when a page shows one of its characters. The weights are cut to the 400–700 we use.
Run it again when a message brings a new syllable; `--check` says whether that is so.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "public" / "fonts"
FULL, OURS = "Pretendard Variable", "Madang Sans"
LATIN = "".join(map(chr, range(0x20, 0x7F))) + "".join(map(chr, range(0xA0, 0x100)))
SIGNS = "–—‘’“”…·•→←↑↓≥≤×÷°℃µ₩€✓"


def messages(value):
    if isinstance(value, dict):
        return "".join(map(messages, value.values()))
    return value


def interface_characters():
    text = LATIN + SIGNS + "마당"
    for path in sorted((ROOT / "app" / "locales").rglob("*.json")):
        text += messages(json.loads(path.read_text(encoding="utf-8")))
    return sorted({ord(c) for c in text if ord(c) >= 0x20})


def unicode_range(points):
    spans = []
    for point in points:
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return ", ".join(f"U+{a:x}" if a == b else f"U+{a:x}-{b:x}" for a, b in spans)


def face(family, name, ranges):
    return (
        "@font-face { "
        f'font-family: "{family}"; font-style: normal; font-weight: 400 700; font-display: swap; '
        f'src: url("/fonts/{name}") format("woff2"); unicode-range: {ranges}; }}\n'
    )


def covered():
    """The characters that the first file was last made for."""
    css = (ROOT / "style" / "fonts.css").read_text(encoding="utf-8")
    line = next(line for line in css.splitlines() if "/fonts/madang.woff2" in line)
    points = set()
    for low, high in re.findall(r"U\+([0-9a-f]+)(?:-([0-9a-f]+))?", line):
        points.update(range(int(low, 16), int(high or low, 16) + 1))
    return points


def check():
    missing = [chr(p) for p in interface_characters() if p not in covered()]
    if missing:
        sys.exit(f"madang.woff2 lacks {''.join(missing)}: run style/subset-fonts.py")


def rename(path):
    from fontTools.ttLib import TTFont

    font = TTFont(path)
    for record in list(font["name"].names):
        if record.nameID in (1, 3, 4, 6, 16, 25):
            record.string = OURS.replace(" ", "") if record.nameID in (6, 25) else OURS
    font.save(path)


def make(package):
    FONTS.mkdir(parents=True, exist_ok=True)
    points = interface_characters()
    narrowed = FONTS / "narrowed.ttf"
    full = package / "dist" / "public" / "variable" / "PretendardVariable.ttf"
    subprocess.run(
        ["fonttools", "varLib.instancer", str(full), "wght=400:700", "-o", str(narrowed)], check=True
    )
    subprocess.run(
        [
            "pyftsubset", str(narrowed), f"--unicodes={','.join(f'{p:x}' for p in points)}",
            "--flavor=woff2", "--layout-features=kern,tnum,calt,ccmp,locl,mark,mkmk",
            f"--output-file={FONTS / 'madang.woff2'}",
        ],
        check=True,
    )
    narrowed.unlink()
    rename(FONTS / "madang.woff2")
    web = package / "dist" / "web" / "variable"
    css = (web / "pretendardvariable-dynamic-subset.css").read_text(encoding="utf-8")
    out = "/* Made by subset-fonts.py from Pretendard 1.3.9 (SIL Open Font License, public/fonts/LICENSE.txt). */\n"
    for number, ranges in re.findall(
        r"PretendardVariable\.subset\.(\d+)\.woff2\).*?unicode-range: ([^;]+);", css, re.DOTALL
    ):
        name = f"pretendard-{number}.woff2"
        shutil.copy(web / "woff2-dynamic-subset" / f"PretendardVariable.subset.{number}.woff2", FONTS / name)
        out += face(FULL, name, ranges)
    out += face(OURS, "madang.woff2", unicode_range(points))
    shutil.copy(package / "dist" / "LICENSE.txt", FONTS / "LICENSE.txt")
    (ROOT / "style" / "fonts.css").write_text(out, encoding="utf-8")


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else make(Path(sys.argv[1]))
