"""The report of an evaluation: one page that stands by itself, for whoever made the pictures."""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1, h2 { font-weight: 600; line-height: 1.2 }
h2 { margin-top: 2.5rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
td.n { white-space: nowrap }
tr.mine { font-weight: 600; background: #f4f1e6 }
small { color: #666 }
img { max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd }
figure { margin: 1rem 0 }
figcaption { font-size: .9rem; color: #555 }
.fault, .well { border-left: 4px solid #b03a2e; padding: .2rem 1rem; margin: 1rem 0; background: #fbf1ef }
.well { border-color: #2e7d4f; background: #eff8f2 }
.fault h2 { margin-top: .5rem }
"""
HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>{style}</style>"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what it shows; `about` is the fault it belongs to, or empty."""

    caption: str
    png: bytes
    about: str = ""


def page(scores: Mapping[str, Any], words: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The page.

    Args:
        scores: as `scores.json` holds them.
        words: what each number says.
        figures: pictures to show.
    """
    whom = str(scores.get("painter") or scores.get("pictures"))
    against = scores["against"]
    parts = [
        f"<h1>{_text(whom)}</h1>",
        f"<p>{scores['count']:,} paintings beside {against['pictures']:,} pictures of <b>{_text(against['name'])}</b> "
        f"({_text(against['part'])}), seen through <code>{_text(scores['extractor'])}</code>. Numbers of different "
        "extractors or counts cannot be compared. Each stands above its 95 % interval.</p>",
        *_findings(scores["findings"], figures),
        *([f"<p><small>Beware: {_text(scores['caution'])}.</small></p>"] if scores.get("caution") else []),
        *[_figure(figure) for figure in figures if not figure.about],
        "<h2>Numbers</h2>",
        _table(scores, whom),
        "<ul>"
        + "".join(f"<li><b>{_text(name.replace('_', ' '))}</b>: {_text(said)}</li>" for name, said in words.items())
        + "</ul>",
        *_more(scores),
    ]
    head = HEAD.format(title=_text(f"{whom}: scores"), style=STYLE)
    return f"{head}{''.join(parts)}</html>\n"


def _findings(findings: Sequence[Mapping[str, Any]], figures: Sequence[Figure]) -> list[str]:
    if not findings:
        return [
            '<div class="well"><p><b>Nothing is accused.</b> No copies, no collapse, no undertraining beyond chance.</p></div>'
        ]
    return [
        f'<div class="fault"><h2>{_text(finding["fault"].capitalize())}</h2><p>{_text(finding["sentence"])}.</p>'
        f"<p><small>{_text(', '.join(f'{name} {value:.4g}' for name, value in finding['evidence'].items()))}</small></p>"
        + "".join(_figure(figure) for figure in figures if figure.about == finding["fault"])
        + f"<p><b>Next:</b> {_text(finding['remedy'])}.</p></div>"
        for finding in findings
    ]


def _table(scores: Mapping[str, Any], whom: str) -> str:
    names = list(scores["quality"])
    head = "".join(f"<th>{_text(name.replace('_', ' '))}</th>" for name in names)
    rows = [_row(whom, scores["quality"], names, "mine"), *(_row(row, found, names) for row, found in scores["rows"].items())]
    refused = {
        n["refused"] for found in [scores["quality"], *scores["rows"].values()] for n in found.values() if "refused" in n
    }
    notes = "".join(f"<p><small>Not measured: {_text(reason)}.</small></p>" for reason in sorted(refused))
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>{notes}"


def _row(label: str, numbers: Mapping[str, Any], names: Sequence[str], kind: str = "") -> str:
    cells = "".join(f'<td class="n">{_number(numbers[name])}</td>' for name in names)
    return f'<tr class="{kind}"><td>{_text(label)}</td>{cells}</tr>'


def _number(number: Mapping[str, Any]) -> str:
    if "refused" in number:
        return "<small>not measured</small>"
    return f"{number['value']:.4g}<br><small>{number['low']:.4g} to {number['high']:.4g}</small>"


SHARES = {
    "agreement": (
        "Words",
        "Share of pictures whose own words suit them better than 99 others, as a judge sees it that learnt from this set "
        "alone, and not from these real pictures; or as the extractor sees it, where it reads words itself (CLIP).",
    ),
    "recognition": (
        "Recognition",
        "Share that a classifier of other real pictures takes for what they should be, first guess and first five. Where there "
        "are styles, it has seen none of the one it judges; look-alikes count as one.",
    ),
    "classification": (
        "Classification accuracy score",
        "Share of real pictures that a classifier gets right which has learnt from paintings alone, or from real ones.",
    ),
    "likelihood": (
        "Likelihood",
        "Bits in which the painter could write down a value of a picture, given its words, at most. Far fewer for pictures "
        "learnt from than for held-out ones says that they were learnt by heart, or that the others' words are new to it.",
    ),
    "truth": ("Facts", "Share of paintings that have each fact right, by geometry."),
}
"""Parts of the scores that are plain tables of numbers: title and meaning."""
UNDERSTOOD = {
    "held-out pairs": "Share of paintings that are taken for what was asked, and for the style asked, of things in styles that "
    "the painter was never shown them in, beside the real pictures of just those; by classifiers that never saw the style. "
    "Closeness is the distance to the nearest picture learnt from over that to the nearest fifty: a copy has 0, and who copies "
    "no more than real pictures resemble one another has no less than they.",
    "words never read": "The same for words that no caption says, beside the labels of the same things.",
    "absolute error in percent to the partner": "How far values are from those of the pictures that these should have become, "
    "on average, beside what every translation must beat.",
    "feature distance to the partner": "The same to a network that knows photographs, which minds shapes more than shades.",
    "recognised": "Share that a classifier takes for the thing that was translated, first guess and first five; it knows "
    "those things from other styles alone.",
    "taken for the style asked": "Share that a classifier of the pictures learnt from takes for pictures of the style asked.",
}


def _more(scores: Mapping[str, Any]) -> list[str]:
    said = []
    for part, (title, what) in SHARES.items():
        if found := scores.get(part):
            rows = "".join(f"<tr><td>{_text(name)}</td><td>{_number(number)}</td></tr>" for name, number in found.items())
            notes = "".join(f"<p><small>{_text(n['refused'])}.</small></p>" for n in found.values() if "refused" in n)
            said.append(f"<h2>{title}</h2><p>{what}</p><table>{rows}</table>{notes}")
    for about, numbers in scores.get("understood", {}).items():
        rows = "".join(f"<tr><td>{_text(name)}</td><td>{_number(number)}</td></tr>" for name, number in numbers.items())
        said.append(f"<h2>{_text(about.capitalize())}</h2><p>{UNDERSTOOD[about]}</p><table>{rows}</table>")
    if found := scores.get("control"):
        named = list(dict.fromkeys(way for ways in found.values() for way in ways))
        head = "".join(f"<th>{_text(way)}</th>" for way in named)
        cells = {
            name: "".join(f"<td>{_number(ways[way])}</td>" if way in ways else "<td></td>" for way in named)
            for name, ways in found.items()
        }
        rows = "".join(f"<tr><td>{_text(name)}</td>{row}</tr>" for name, row in cells.items())
        said.append(
            "<h2>Control</h2><p>How far paintings miss a value taken from another picture, where it is asked for, where it "
            "is not, and the difference. More for more: how surely more of a colour is painted where more of it is asked, "
            "from -1 to 1.</p>"
            f"<table><tr><th></th>{head}</tr>{rows}</table>"
        )
    if found := scores.get("copies"):
        said.append(
            f"<h2>Copies</h2><p>{found['rate']:.2%} of the paintings are as close to a picture learnt from as "
            f"{found['usual_rate']:.2%} of {_text(found['baseline'])} are; the chance of so many among real pictures is "
            f"{found['chance']:.2g}.</p>"
        )
    if found := scores.get("modes"):
        said.append(
            f"<h2>Kinds</h2><p>Of {found['kinds']} kinds of pictures, {found['missing']} are missing "
            f"({found['missing_share']:.1%} of the set). "
            f"In effect {found['evenness']:.0%} as many kinds are painted as there are, and "
            f"{found['aligned_recall']['value']:.0%} of the real pictures lie among the paintings once what ails all of them "
            "alike is taken out.</p>"
        )
    return said


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.png).decode()
    return (
        f'<figure><img alt="{_text(figure.caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_text(figure.caption)}</figcaption></figure>"
    )


def _text(words: str) -> str:
    return html.escape(str(words))
