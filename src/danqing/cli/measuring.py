"""`evaluate` and `compare`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.output import Json, follow, print_json, remark, say
from danqing.errors import ConfigError
from danqing.metrics.comparison import differences, side_by_side


def evaluate(
    painter: Annotated[str | None, typer.Argument(help="Name of a painter, or its folder.")] = None,
    data: Annotated[str | None, typer.Option(help="The set to measure against; by default the one it learnt from.")] = None,
    pictures: Annotated[str | None, typer.Option(help="In place of a painter: a folder or zip of any pictures.")] = None,
    against: Annotated[str | None, typer.Option(help="What --pictures are measured against: a set, a folder or a zip.")] = None,
    count: Annotated[int | None, typer.Option(help="Paintings to measure a painter by; 1000 by default.")] = None,
    extractor: Annotated[str | None, typer.Option(help="The network that looks at pictures.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A folder for scores.json and report.html.")] = None,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="Search how it paints (last step, guidance, interval, steps); write what is better into the painter."
        ),
    ] = False,
    gate: Annotated[Path | None, typer.Option(help="A scores.json: exit with 1 where a number is significantly worse.")] = None,
    json_: Json = False,
) -> None:
    """Measure a painter, or any program's pictures: quality, variety, copies, each number with its interval."""
    if (painter is None) == (pictures is None):
        raise ConfigError("give a painter's name, or --pictures DIR --against SET|DIR, and not both")
    if (pictures is None) != (against is None):
        raise ConfigError("--pictures and --against belong together: give both, or a painter's name with --data")
    if pictures is not None and (data is not None or count is not None):
        raise ConfigError("--data and --count are for painters: leave them out, and all --pictures are measured")
    if tune:
        if pictures is not None or gate is not None or out is not None:
            raise ConfigError("--tune is for a painter, and writes into it: leave out --pictures, --out and --gate")
        _tune(painter or "", data, count, extractor, seed, json_)
        return
    baseline = None if gate is None else _read(gate)
    from danqing.evaluate import COUNT, evaluate_painter, evaluate_pictures, write
    from danqing.metrics.extractor import DEFAULT

    using = extractor or DEFAULT
    name = Path(pictures or painter or "").name
    if pictures is not None and against is not None:
        events = evaluate_pictures(pictures, against, using=using, seed=seed)
    else:
        events = evaluate_painter(painter or "", data, count=count or COUNT, using=using, seed=seed)
    scores = follow(events)
    page = write(scores, out or Path(f"{name}-scores"))
    facts = scores.plain()
    found = [] if baseline is None else differences(facts, baseline)
    if json_:
        print_json(facts | ({"gate": [dataclasses.asdict(difference) for difference in found]} if gate else {}))
    else:
        _tell(scores)
        for difference in found:
            say(f"gate: {difference.sentence()}")
        say(str(page))
    if any(difference.verdict == "worse" for difference in found):
        raise typer.Exit(1)


def compare(
    painters: Annotated[list[str], typer.Argument(help="Two or more painters, or folders or zips of pictures.")],
    data: Annotated[str | None, typer.Option(help="The set to measure them against; by default the first one's own.")] = None,
    count: Annotated[int | None, typer.Option(help="Paintings of each painter; 1000 by default.")] = None,
    extractor: Annotated[str | None, typer.Option(help="The network that looks at pictures.")] = None,
    seed: Annotated[int, typer.Option(help="Of the wishes and paintings, the same for all.")] = 0,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print one Markdown table and nothing else.")] = False,
    json_: Json = False,
) -> None:
    """Measure painters on the same wishes and seeds, and say which differences are more than chance."""
    if len(painters) < 2:
        raise ConfigError("one painter was named: name two or more to compare")
    from danqing.evaluate import COUNT, compare_all
    from danqing.metrics.extractor import DEFAULT

    events = compare_all(painters, data, count=count or COUNT, using=extractor or DEFAULT, seed=seed)
    rows = follow(events)
    if markdown:
        say(side_by_side([(name, scores.plain()) for name, scores in rows]))
        return
    first = rows[0][1].plain()
    told: list[dict[str, Any]] = []
    for name, scores in rows:
        facts = scores.plain()
        against = [dataclasses.asdict(difference) for difference in differences(facts, first)]
        told.append({"name": name, "scores": facts, "against_first": against if told else []})
        if json_:
            continue
        cost = facts.get("seconds_a_painting")
        say(name + (f"  ({cost:.3f} CPU seconds a painting)" if cost is not None else ""))
        for difference in differences(facts, first):
            say(
                f"  {difference.sentence()}"
                if len(told) > 1
                else f"  {difference.name.replace('_', ' ')}: {difference.mine:.4g}"
            )
        for finding in scores.findings:
            say(f"  {finding.fault}: {finding.sentence}")
        if caution := facts["caution"]:
            remark(f"{name}: {caution}")
    if json_:
        print_json(told)


def _tune(painter: str, data: str | None, count: int | None, extractor: str | None, seed: int, json_: bool) -> None:
    from danqing.metrics.extractor import DEFAULT
    from danqing.tune import COUNT, tune

    tuned = follow(tune(painter, data, count=count or COUNT, using=extractor or DEFAULT, seed=seed))
    if json_:
        print_json(tuned.plain())
        return
    for tried in tuned.curve:
        say(f"{tried.setting} {tried.value}: distance {tried.distance}, {tried.seconds:.3f} CPU seconds a painting")
    for setting, value in tuned.after.items():
        say(f"{setting}: {tuned.before[setting]} before, {value} found")
    proof = tuned.proof
    say(f"on other wishes: distance {proof['before']} before, {proof['after']} after, gained {proof['gained']}")
    if tuned.kept:
        say(f"written into {tuned.folder}")
    else:
        remark("the gain is not beyond chance: the painter is left as it was")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"'{path}' cannot be read as scores ({error}): give a scores.json that 'evaluate' wrote") from error
    if not isinstance(found, dict) or "quality" not in found:
        raise ConfigError(f"'{path}' holds no scores: give a scores.json that 'evaluate' wrote")
    return found


def _tell(scores: Any) -> None:
    """What was found, and every number."""
    for finding in scores.findings:
        say(f"{finding.fault}: {finding.sentence}. Next: {finding.remedy}.")
    for number, value in scores.quality.items():
        say(f"{number.replace('_', ' ')}: {value}")
    if (kinds := scores.modes) is not None:
        say(f"aligned recall: {kinds.recall}")
        say(f"kinds left out: {len(kinds.missing)} of {len(kinds.real)}, which are {kinds.missing_share:.1%} of the set")
    parts = {
        "words suit {}": scores.agreement,
        "recognised {}": scores.recognition,
        "real pictures classified after learning from {}": scores.classification,
        "bits per value of {}, at most": scores.likelihood,
        "{} right": scores.truth,
    }
    for sentence, numbers in parts.items():
        for name, value in numbers.items():
            say(f"{sentence.format(name)}: {value}")
    for name, ways in scores.control.items():
        more = f", more for more {ways['more for more']}" if "more for more" in ways else ""
        say(f"{name} missed: asked {ways['asked']}, not asked {ways['not asked']}{more}")
    for about, numbers in scores.understood.items():
        for name, value in numbers.items():
            say(f"{about}: {name}: {value}")
    if caution := scores.facts["caution"]:
        remark(caution)
    every = [value for numbers in (scores.quality, *parts.values(), *scores.understood.values()) for value in numbers.values()]
    for reason in sorted({value.reason for value in every if hasattr(value, "reason")}):
        remark(f"not measured: {reason}")
