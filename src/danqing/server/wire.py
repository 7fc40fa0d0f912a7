"""What travels between the studio and those who use it."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from danqing.store.states import Progress
from danqing.store.tables import ApiKey, Board, Job, Kept, Role, Upload, User
from danqing.words import MAX_SIZE

Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][0-9a-f]{10,40}$")]
Side = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Seed = Annotated[int, Field(ge=0, lt=2**53)]


class Wire(BaseModel):
    """A group of values; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Foreign(Wire):
    """A group of values as clients of other services send it: null counts as left out."""

    @model_validator(mode="before")
    @classmethod
    def _given(cls, facts: Any) -> Any:
        return {name: value for name, value in facts.items() if value is not None} if isinstance(facts, dict) else facts


class Example(Wire):
    """A picture in a condition, such as one whose style is asked for, and its share among several."""

    picture: Identifier
    weight: float = Field(default=1.0, gt=0, le=100)


class WishIn(Wire):
    """An order: a wish as `danqing.Wish` has it, with pictures by their identifiers, and how often to paint it."""

    painter: Name = "emoji"
    words: Text = ""
    negative: Text = ""
    conditions: dict[Name, Text] = Field(default_factory=dict, max_length=16, description="Such as style or palette, as text.")
    pictures: dict[Name, Annotated[list[Example], Field(max_length=8)]] = Field(
        default_factory=dict, max_length=16, description="Conditions that are asked for by pictures."
    )
    size: tuple[Side, Side] | None = Field(default=None, description="Width and height; by default the painter's own.")
    seed: Seed | None = Field(default=None, description="Of the first painting; by default any.")
    count: int = Field(default=1, ge=1, le=64)
    steps: int | None = Field(default=None, ge=1, le=1000)
    sampler: Name | None = None
    guidance: float | None = Field(default=None, ge=0, le=100)
    init: Identifier | None = Field(default=None, description="A picture to start from.")
    strength: float | None = Field(default=None, gt=0, le=1)
    mask: Identifier | None = Field(default=None, description="White where to paint, black where to keep the start picture.")
    keep_colours: bool = False
    read_as: Text | None = Field(
        default=None,
        description="Read in place of the words; by default unknown words are exchanged, modifiers made softer, things parted.",
    )
    flat: bool | None = Field(
        default=None, description="Flat colours where the style has such; by default yes, but from a picture."
    )
    priority: int = Field(default=0, ge=-100, le=100)


class JobOut(Wire):
    """A job and how far it is."""

    id: str
    painter: str
    wish: dict[str, Any]
    count: int
    state: str
    priority: int
    waiting: int
    running: int
    done: int
    failed: int
    cancelled: int
    step: int
    steps: int
    error: str | None
    reason: str | None
    notes: list[str] = Field(description="What of the wish its painter does not do as asked, once it has looked.")
    created: datetime.datetime
    started: datetime.datetime | None
    finished: datetime.datetime | None
    tasks: list[str] = Field(default_factory=list, description="Of its paintings under way, whose previews can be had.")
    paintings: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, job: Job, found: Progress, tasks: list[str], paintings: list[str]) -> JobOut:
        """As the store has it."""
        return cls(
            id=job.id,
            painter=job.painter,
            wish={name: value for name, value in job.wish.items() if name != "files"},
            count=job.count,
            state=job.state,
            priority=job.priority,
            waiting=found.waiting,
            running=found.running,
            done=found.done,
            failed=found.failed,
            cancelled=found.cancelled,
            step=found.step,
            steps=found.steps,
            error=job.error,
            reason=job.reason,
            notes=job.notes,
            created=when(job.created),
            started=when(job.started) if job.started else None,
            finished=when(job.finished) if job.finished else None,
            tasks=tasks,
            paintings=paintings,
        )


class Jobs(Wire):
    """Jobs; events after `event` are news."""

    jobs: list[JobOut]
    event: int


class Move(Wire):
    """Where to put a job: before another one, or behind all."""

    before: Identifier | None = None


class Priority(Wire):
    """What comes first."""

    priority: int = Field(ge=-100, le=100)


class PaintingOut(Wire):
    """A painting in the gallery. `scores` says by how much each condition asked for was missed."""

    id: str
    job: str
    painter: str
    words: str
    seed: int
    width: int
    height: int
    wish: dict[str, Any]
    scores: dict[str, float]
    stars: int
    tags: list[str]
    created: datetime.datetime
    trashed: bool
    sha256: str

    @classmethod
    def of(cls, kept: Kept, tags: list[str]) -> PaintingOut:
        """As the store has it."""
        return cls(
            id=kept.id,
            job=kept.job_id,
            painter=kept.painter,
            words=kept.words,
            seed=kept.seed,
            width=kept.width,
            height=kept.height,
            wish={name: value for name, value in kept.wish.items() if name != "files"},
            scores=kept.scores,
            stars=kept.stars,
            tags=tags,
            created=when(kept.created),
            trashed=kept.trashed is not None,
            sha256=kept.sha256,
        )


class Paintings(Wire):
    """Some paintings, the newest first. `before` asks for those that follow; none where there are no more."""

    paintings: list[PaintingOut]
    total: int
    before: str | None


class Change(Wire):
    """What to change of a painting; what is left out stays."""

    stars: int | None = Field(default=None, ge=0, le=5)
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = Field(default=None, max_length=64)


class Chosen(Wire):
    """Some paintings."""

    paintings: list[Identifier] = Field(max_length=1000)


class Count(Wire):
    """How many."""

    count: int


class BoardIn(Wire):
    """A board's name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class BoardOut(Wire):
    """A board and how many paintings are on it."""

    id: str
    name: str
    count: int

    @classmethod
    def of(cls, board: Board, count: int) -> BoardOut:
        """As the store has it."""
        return cls(id=board.id, name=board.name, count=count)


class PictureOut(Wire):
    """A picture that was uploaded."""

    id: str
    name: str
    width: int
    height: int

    @classmethod
    def of(cls, upload: Upload) -> PictureOut:
        """As the store has it."""
        return cls(id=upload.id, name=upload.name, width=upload.width, height=upload.height)


class Address(Wire):
    """Where a picture is on the web."""

    address: Annotated[str, Field(min_length=1, max_length=2000)]


class PaletteOut(Wire):
    """A picture's colours as `#rrggbb` with their shares, the largest first; `text` is what a wish takes."""

    colours: list[str]
    shares: list[float]
    text: str


class ConditionOut(Wire):
    """A condition a painter can be asked for. `names` is what it knows; `pictures` says that it is asked for by pictures;
    `unit` is what it is measured in."""

    name: str
    names: list[str]
    pictures: bool
    unit: str | None


class PainterOut(Wire):
    """A painter. What its family can do is known as soon as a worker has started; `heeds` is `None` until then."""

    name: str
    family: str
    bundled: bool
    width: int
    height: int
    shown: tuple[int, int]
    channels: int
    conditions: list[ConditionOut]
    steps: int | None
    sampler: str | None
    samplers: list[str]
    guidance: float | None
    heeds: list[str] | None
    starts: bool
    examples: bool
    largest: int
    sized: bool
    trained: dict[str, Any]
    scores: bool


class SetOut(Wire):
    """A set of pictures."""

    name: str
    pictures: int
    source: str
    licences: dict[str, int]


class UserIn(Wire):
    """A new user."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role = "maker"


class UserChange(Wire):
    """What to change of a user; what is left out stays."""

    role: Role | None = None
    active: bool | None = None
    password: Annotated[str, Field(max_length=200)] | None = None


class UserOut(Wire):
    """A user."""

    id: str
    name: str
    role: str
    active: bool

    @classmethod
    def of(cls, user: User) -> UserOut:
        """As the store has it."""
        return cls(id=user.id, name=user.name, role=user.role, active=user.active)


class LoginIn(Wire):
    """A name and password."""

    name: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=200)]


class PasswordIn(Wire):
    """A new password, and the one before."""

    old: Annotated[str, Field(max_length=200)]
    new: Annotated[str, Field(max_length=200)]


class Me(Wire):
    """Who asks. `local`: nobody needs to log in."""

    id: str
    name: str
    role: str
    local: bool


class KeyIn(Wire):
    """What a key is for."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class KeyOut(Wire):
    """A key; `key` itself is told only when it is made."""

    id: str
    name: str
    hint: str
    used: datetime.datetime | None
    key: str | None = None

    @classmethod
    def of(cls, found: ApiKey, key: str | None = None) -> KeyOut:
        """As the store has it."""
        return cls(id=found.id, name=found.name, hint=found.hint, used=when(found.used) if found.used else None, key=key)


class Health(Wire):
    """Whether the studio lives: its version, and how many workers do."""

    version: str
    workers: int


def when(seconds: float) -> datetime.datetime:
    """A time as the store keeps it, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
