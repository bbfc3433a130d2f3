"""typst's wheel -> graphdsl/fonts/*.woff2: the letters and signs that a page of HTML needs, cut from the fonts that the PDF is set in.

Run by hand, where the set of letters changes: `pip install fonttools brotli typst && python tools/subset_font.py`.
The same typst gives the same bytes. The fonts are under the GUST Font License, which allows this; it asks that a changed font
bears another name, and so they do.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).resolve().parent.parent / "graphdsl" / "fonts"


def characters(*spans: int | tuple[int, int]) -> set[int]:
    return {c for span in spans for c in (range(span[0], span[1] + 1) if isinstance(span, tuple) else (span,))}


LATIN = characters((0x20, 0x7E), (0xA0, 0x17F), 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x201E, 0x2026, 0x2212)
GREEK = characters((0x391, 0x3A1), (0x3A3, 0x3A9), (0x3B1, 0x3C9), 0x3D1, 0x3D5)
SIGNS = {ord(c) for c in "‐•′″‴←↑→↓⇒⇔∀∂∇∈∏∑−∗√∞∥‖∫≈≠≤≥⊕⊖⊗⊘⊙⊤⊥⋅⋮⋯⌈⌉⌊⌋⟨⟩✓ℓℝ\u2009\u200a\u2061\u2062\u2063"}
ACCENTS = {ord(c) for c in "ˆ˜˙¯‾\u0302\u0303\u0304\u0307"}
ITALICS = characters((0x1D434, 0x1D467), 0x210E, (0x1D6E2, 0x1D71B))

# Each font, the letters taken from it, the features kept, and its file. The upright letters of the mathematical font
# serve as those of the text: its book weight is made for screens.
FONTS = {
    "NewCMMath-Book": (LATIN | GREEK | SIGNS | ACCENTS | ITALICS, ["kern", "ssty"], "graphdsl-math.woff2"),
    "NewCM10-Italic": (characters((0x20, 0x7E)) | GREEK, ["kern"], "graphdsl-italic.woff2"),
    "NewCM10-Bold": (characters((0x20, 0x7E), (0xC0, 0xFF)) | GREEK, ["kern"], "graphdsl-bold.woff2"),
}
LARGEST = 150_000


def embedded(library: bytes) -> Iterator[TTFont]:
    """The OpenType fonts that stand whole in a file."""
    at = library.find(b"OTTO")
    while at >= 0:
        (count,) = struct.unpack_from(">H", library, at + 4)
        if 5 <= count <= 40:
            records = [struct.unpack_from(">4sIII", library, at + 12 + 16 * k) for k in range(count)]
            if all(tag.isascii() and tag.decode().isprintable() for tag, *_ in records):
                end = max(offset + length for _, _, offset, length in records)
                yield TTFont(io.BytesIO(library[at : at + end]))
        at = library.find(b"OTTO", at + 4)


def primes_only(font: TTFont) -> None:
    """Of the forms for subscripts and superscripts, keep those of primes: other letters are made smaller as they are."""
    primes = {font.getBestCmap()[ord(c)] for c in "′″‴"}
    table = font["GSUB"].table
    for record in table.FeatureList.FeatureRecord:
        for lookup in (
            table.LookupList.Lookup[i] for i in record.Feature.LookupListIndex if record.FeatureTag == "ssty"
        ):
            for subtable in lookup.SubTable:
                rule = getattr(subtable, "ExtSubTable", subtable)
                forms = rule.alternates if hasattr(rule, "alternates") else rule.mapping
                for glyph in set(forms) - primes:
                    del forms[glyph]
    # Browsers shape signs by the default rules, not by those of the script `math`.
    scripts = {record.ScriptTag: record.Script.DefaultLangSys for record in table.ScriptList.ScriptRecord}
    scripts["DFLT"].FeatureIndex = scripts["math"].FeatureIndex


def reduced(font: TTFont, letters: set[int], features: list[str]) -> bytes:
    """The font with these letters, and all that its mathematics builds of them, as woff2."""
    options = subset.Options(layout_features=features, hinting=False, name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["FFTM", "PfEd"]
    if "ssty" in features:
        primes_only(font)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    for record in font["name"].names:
        record.string = record.toUnicode().replace("NewComputerModern", "Graphdsl").replace("NewCM", "Graphdsl")
    font.recalcTimestamp = False
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def main() -> None:
    package = importlib.util.find_spec("typst")
    assert package is not None and package.origin is not None, "typst is not installed"
    libraries = sorted(Path(package.origin).parent.glob("*.so")) + sorted(Path(package.origin).parent.glob("*.pyd"))
    found = {font["name"].getDebugName(6): font for library in libraries for font in embedded(library.read_bytes())}
    for name, (letters, features, file) in FONTS.items():
        missing = letters - set(found[name].getBestCmap())
        made = reduced(found[name], letters, features)
        if len(made) > LARGEST:
            sys.exit(f"{file}: {len(made)} bytes are more than {LARGEST}")
        (FOLDER / file).write_bytes(made)
        print(f"{file}: {len(made)} bytes; not in {name}: {''.join(map(chr, sorted(missing))) or 'nothing'}")


if __name__ == "__main__":
    main()
