#!/usr/bin/env python3
"""Makes the font files of public/fonts and style/fonts.css from the npm package `pretendard`.

    npm pack pretendard@1.3.9 && tar xzf pretendard-1.3.9.tgz
    python3 style/subset-fonts.py package        # needs fonttools and brotli

`madang.woff2` holds the characters of the interface's own messages, Latin, and the syllables that names of
people, rooms and devices are mostly written with: a first visit mostly loads it alone. What else people type
is covered by the package's division into dynamic subsets, each loaded only when a page shows one of its
characters. All are cut to the weights 400–700 that we use, which makes them a third of their size; they are
modified fonts, so they carry another name ("Madang Sans"), as the licence asks.
Run it again when a message brings a new syllable; `--check` says whether that is so.
"""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "public" / "fonts"
OURS = "Madang Sans"
# The package's subsets are in order, from rare to frequent syllables; these are in the first file too.
FREQUENT = range(84, 92)
# What names are made of beyond that.
NAMES = (
    "강의실 회의실 연구실 실험실 사무실 기계실 전산실 서버실 창고 복도 로비 옥상 지하 별관 본관 층 호 동 "
    "온습도 조도 소음 진동 미세먼지 이산화탄소 누수 화재 연기 가스 전력 콘센트 플러그 조명 전등 창문 커튼 "
    "블라인드 냉난방 에어컨 공기청정기 가습기 제습기 환풍기 보일러 밸브 펌프 모터 릴레이 게이트웨이 노트북 "
    "컴퓨터 프린터 스캐너 모니터 스피커 카메라 키오스크 태블릿 프로젝터 칠판 앞뒷문 열림 닫힘 켬 끔 갱신 규칙 "
    "물탱크 수조 버섯 묘목 모종 묘판 재배사 양액 관수 배양기 축사 닭장 곳간 숯 벼 콩 딸기 토마토 상추 "
    "쾌적 샤워실 화장실 체육관 급식실 휴게실 온실 토양 냉장고 퀴즈 학생 교수 조교 관리자 학년 반 "
    "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 전 홍 고 문 양 손 배 백 허 유 남 심 노 하 곽 성 차 "
    "주 우 구 민 진 지 엄 채 원 천 방 공 현 함 변 염 여 추 도 소 석 선 설 마 길 연 위 표 명 기 반 왕 금 옥 육 인 맹 "
    "가람 건 경 규 균 나래 다솜 단 대 덕 란 람 래 련 렬 림 말 미 별 보람 빈 빛 새 솔 슬 승 아름 예 율 은 을 의 재 "
    "준 중 찬 창 철 초 춘 태 택 필 해 향 혁 형 혜 호 환 회 효 후 훈 휘 희"
)
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


def face(name, ranges):
    return (
        "@font-face { "
        f'font-family: "{OURS}"; font-style: normal; font-weight: 400 700; font-display: swap; '
        f'src: url("/fonts/{name}") format("woff2"); unicode-range: {ranges}; }}\n'
    )


def points_of(ranges):
    points = set()
    for low, high in re.findall(r"U\+([0-9a-fA-F]+)(?:-([0-9a-fA-F]+))?", ranges):
        points.update(range(int(low, 16), int(high or low, 16) + 1))
    return points


def covered():
    """The characters that the first file was last made for."""
    css = (ROOT / "style" / "fonts.css").read_text(encoding="utf-8")
    return points_of(next(line for line in css.splitlines() if "/fonts/madang.woff2" in line))


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


def dynamic_subsets(package):
    """The package's own division: numbers and ranges, from rare to frequent."""
    css = package / "dist" / "web" / "variable" / "pretendardvariable-dynamic-subset.css"
    return [
        (int(number), ranges)
        for number, ranges in re.findall(
            r"PretendardVariable\.subset\.(\d+)\.woff2\).*?unicode-range: ([^;]+);",
            css.read_text(encoding="utf-8"),
            re.DOTALL,
        )
    ]


def syllables(ranges):
    return {point for point in points_of(ranges) if 0xAC00 <= point <= 0xD7A3}


def subset(font, unicodes, name):
    subprocess.run(
        [
            "pyftsubset", str(font), f"--unicodes={unicodes}",
            "--flavor=woff2", "--layout-features=kern,tnum,calt,ccmp,locl,mark,mkmk",
            f"--output-file={FONTS / name}",
        ],
        check=True,
    )
    rename(FONTS / name)


def make(package):
    shutil.rmtree(FONTS, ignore_errors=True)
    FONTS.mkdir(parents=True)
    subsets = dynamic_subsets(package)
    points = set(interface_characters()) | {ord(c) for c in NAMES}
    for number, ranges in subsets:
        if number in FREQUENT:
            points |= syllables(ranges)
    points = sorted(points)
    narrowed = FONTS / "narrowed.ttf"
    full = package / "dist" / "public" / "variable" / "PretendardVariable.ttf"
    subprocess.run(
        ["fonttools", "varLib.instancer", str(full), "wght=400:700", "-o", str(narrowed)], check=True
    )
    files = [(f"madang-{number}.woff2", ranges) for number, ranges in subsets]
    files.append(("madang.woff2", unicode_range(points)))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda file: subset(narrowed, file[1], file[0]), files))
    narrowed.unlink()
    out = "/* Made by subset-fonts.py from Pretendard 1.3.9 (SIL Open Font License, public/fonts/LICENSE.txt). */\n"
    # Where ranges overlap, the last one is loaded.
    out += "".join(face(name, ranges) for name, ranges in files)
    shutil.copy(package / "dist" / "LICENSE.txt", FONTS / "LICENSE.txt")
    (ROOT / "style" / "fonts.css").write_text(out, encoding="utf-8")


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else make(Path(sys.argv[1]))
