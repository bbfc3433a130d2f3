"""Words with Chinese or Japanese characters -> a font of this machine that has them, or what is missing; knows no documents."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class FontError(Exception):
    """No font has the characters of a page; says which are missing and how to get one."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message)


class Face(NamedTuple):
    """A typeface: its name, and the files in which systems have it; the second weight is there or not."""

    name: str
    files: tuple[str, ...]


_JAPANESE = (
    Face("Noto Serif CJK JP", ("NotoSerifCJK-Regular.ttc", "NotoSerifCJKjp-Regular.otf", "NotoSerifCJK-Bold.ttc")),
    Face("Source Han Serif", ("SourceHanSerif-Regular.otf", "SourceHanSerif-Regular.ttc", "SourceHanSerif.ttc")),
    Face("Hiragino Mincho ProN", ("ヒラギノ明朝 ProN.ttc", "HiraMinProN-W3.otf")),
    Face("Yu Mincho", ("yumin.ttf", "yumindb.ttf")),
    Face("IPAexMincho", ("ipaexm.ttf",)),
    Face("IPAMincho", ("ipam.ttf",)),
    Face("MS Mincho", ("msmincho.ttc",)),
    Face("Noto Sans CJK JP", ("NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansCJK-Bold.ttc")),
    Face("IPAexGothic", ("ipaexg.ttf",)),
    Face("IPAGothic", ("ipag.ttf",)),
)
_CHINESE = (
    Face("Noto Serif CJK TC", ("NotoSerifCJK-Regular.ttc", "NotoSerifCJKtc-Regular.otf", "NotoSerifCJK-Bold.ttc")),
    Face("Source Han Serif TC", ("SourceHanSerifTC-Regular.otf", "SourceHanSerif.ttc")),
    Face("Songti TC", ("Songti.ttc",)),
    Face("PMingLiU", ("mingliu.ttc", "pmingliu.ttf")),
    Face("AR PL UMing TW", ("uming.ttc",)),
    Face("Noto Sans CJK TC", ("NotoSansCJK-Regular.ttc", "NotoSansCJKtc-Regular.otf", "NotoSansCJK-Bold.ttc")),
    Face("PingFang TC", ("PingFang.ttc",)),
    Face("Microsoft JhengHei", ("msjh.ttc", "msjhbd.ttc")),
    Face("WenQuanYi Micro Hei", ("wqy-microhei.ttc",)),
    Face("WenQuanYi Zen Hei", ("wqy-zenhei.ttc",)),
    Face("Droid Sans Fallback", ("DroidSansFallbackFull.ttf", "DroidSansFallback.ttf")),
)
FACES: Mapping[str, tuple[Face, ...]] = {"ja": _JAPANESE, "zh-Hant": _CHINESE}
"""The typefaces of each language that needs one beside the page's own, the best first."""

_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "darwin": ("/System/Library/Fonts", "/System/Library/AssetsV2", "/Library/Fonts", "~/Library/Fonts"),
    "win32": (r"C:\Windows\Fonts", r"~\AppData\Local\Microsoft\Windows\Fonts"),
}
_LINUX = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_CALLED = {"ja": "Japanese", "zh-Hant": "traditional Chinese"}


def is_wide(sign: str) -> bool:
    """Whether a character is Chinese, Japanese or Korean, or stands among them: 、 or （."""
    return not sign.isascii() and unicodedata.east_asian_width(sign) in "WF"


def faces(language: str) -> tuple[Face, ...]:
    """Where to look for the characters of a page: first among the typefaces of its language."""
    own = FACES.get(language, ())
    return (*own, *(face for faces_ in FACES.values() for face in faces_ if face not in own))


def font_files(words: str, language: str, folders: Sequence[str] = ()) -> tuple[Path, ...]:
    """The files of the best typeface for the wide characters of some words; none where there are no such characters.

    An author who names folders, also by TYPST_FONT_PATHS, means the fonts in them: what they lack, Typst will say. A page
    in another language, whose author uses such characters, has the best of each kind that is here.
    """
    if not any(map(is_wide, words)):
        return ()
    there = {file.name.lower(): file for folder in _folders() for file in _fonts_in(folder)}
    if language not in FACES:
        return tuple(dict.fromkeys(file for own in FACES.values() for file in _best(own, there)))
    found = _best(faces(language), there)
    if not found and not folders and not named_folders():
        raise missing(language)
    return found


def _best(known: Sequence[Face], there: Mapping[str, Path]) -> tuple[Path, ...]:
    """The files of the first typeface that is there."""
    files = (tuple(there[name.lower()] for name in face.files if name.lower() in there) for face in known)
    return next(filter(None, files), ())


def named_folders() -> tuple[str, ...]:
    """The folders that the environment names."""
    return tuple(filter(None, os.environ.get("TYPST_FONT_PATHS", "").split(os.pathsep)))


def missing(language: str) -> FontError:
    """That no font has the characters, and how to get one."""
    names = ", ".join(face.name for face in faces(language)[:3])
    called = _CALLED.get(language, "Chinese and Japanese")
    return FontError(
        f"no font for {called} characters was found",
        f"install one, for example {names} (on Debian and Ubuntu `apt install fonts-noto-cjk`), or name a folder with"
        " --font-path; HTML, Markdown and text need none",
    )


def _folders() -> Iterator[Path]:
    for folder in (*_FOLDERS.get(sys.platform, _LINUX), *named_folders()):
        yield Path(folder).expanduser()


def _fonts_in(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder):
        yield from (Path(place, file) for file in files if file.lower().endswith((".ttf", ".ttc", ".otf", ".otc")))
