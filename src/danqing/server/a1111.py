"""A1111's API as Danqing speaks it: what is asked and answered, and what it means here.

Its clients send every field they know, mostly with the value that asks for nothing. Such values are taken; any other value of
what cannot be done here is an error that names the field.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from danqing.errors import choices
from danqing.records.a1111 import NAMES
from danqing.server.wire import Foreign, Name, PainterOut, Side, Text, Wire, WishIn

MOST = 64
"""Pictures of one request."""
DEFAULT = ("", "automatic")
"""Names of the sampler or scheduler that a painter takes by itself."""
DRAWING = ("ancestral", "ddpm")
"""Samplers that draw noise at every step, whose η is 1; that of the others is 0."""
USUAL: dict[str, tuple[Any, ...]] = {"steps": (20, 50), "guidance": (7.0,), "sampler": ("ancestral", "euler")}
"""What A1111 and its clients send where nobody chose: left out for painters that have no such thing."""
STRENGTH = 0.75
"""Likewise of a start picture."""


Plain = Text | int | float | bool | None
"""What is told back to the client as it came."""


def quiet(*allowed: Any) -> Any:
    """A field of what cannot be done here, with the values that do not ask for it; the first is the default."""
    return Field(default=allowed[0], json_schema_extra={"enum": list(allowed)})


def unread(why: str) -> Any:
    """A field that means nothing, because what it belongs to cannot be asked for."""
    return Field(default=None, description=why)


class Lenient(Foreign):
    """A group of values, some of which may only ask for nothing (see `quiet`)."""

    @field_validator("*")
    @classmethod
    def _asks_for_nothing(cls, value: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        allowed = extra.get("enum") if isinstance(extra, dict) else None
        if isinstance(allowed, list) and value not in allowed:
            raise ValueError(
                f"{str(value)[:40]!r} was given, and this cannot be done here: leave it out, or give {allowed[0]!r}"
            )
        return value


class OptionsIn(Lenient):
    """What can be set: the painter. The rest is so anyway; clients send back what they were given."""

    sd_model_checkpoint: Name | None = None
    samples_format: Any = quiet("png")
    samples_save: Any = quiet(True)
    grid_save: Any = quiet(False)


class OptionsOut(Wire):
    """What is set."""

    sd_model_checkpoint: str
    samples_format: str = "png"
    samples_save: bool = True
    grid_save: bool = False


class AskedIn(Lenient):
    """What every request for pictures may hold."""

    prompt: Text = ""
    negative_prompt: Text = ""
    seed: int = Field(default=-1, ge=-1, lt=2**53, description="-1 is any.")
    batch_size: int = Field(default=1, ge=1, le=MOST)
    n_iter: int = Field(default=1, ge=1, le=MOST, description="Batches; the seeds count on from one picture to the next.")
    steps: int | None = Field(default=None, ge=1, le=1000)
    cfg_scale: float | None = Field(default=None, ge=0, le=100)
    width: Side = Field(default=512, description="Painters paint at their own size; what is larger is enlarged.")
    height: Side = 512
    sampler_name: str | None = Field(default=None, max_length=200)
    sampler_index: str | None = Field(default=None, max_length=200, description="The same, where 'sampler_name' is left out.")
    scheduler: str | None = Field(default=None, max_length=200, description="'automatic' only: painters have one each.")
    eta: float | None = Field(default=None, description="What the sampler has anyway: 1 where it draws noise, else 0 or 1.")
    override_settings: OptionsIn = Field(default_factory=OptionsIn, description="Of this request.")
    send_images: bool = True
    save_images: Plain = unread("The studio keeps every painting.")
    do_not_save_grid: Plain = unread("No grids are made.")
    subseed: Plain = unread("Of 'subseed_strength'.")
    disable_extra_networks: Plain = unread("There are none.")
    refiner_switch_at: Plain = unread("Of 'refiner_checkpoint'.")
    alwayson_scripts: Any = quiet({})
    comments: Any = quiet(None, {})
    do_not_save_samples: Any = quiet(False)
    force_task_id: Any = quiet(None)
    infotext: Any = quiet(None)
    override_settings_restore_afterwards: Any = quiet(True)
    refiner_checkpoint: Any = quiet(None, "", "None")
    restore_faces: Any = quiet(False)
    s_churn: Any = quiet(None, 0)
    s_min_uncond: Any = quiet(None, 0)
    s_noise: Any = quiet(None, 1)
    s_tmax: Any = quiet(None, 0)
    s_tmin: Any = quiet(None, 0)
    script_args: Any = quiet([])
    script_name: Any = quiet(None, "", "None")
    seed_resize_from_h: Any = quiet(-1, 0)
    seed_resize_from_w: Any = quiet(-1, 0)
    styles: Any = quiet([])
    subseed_strength: Any = quiet(0)
    tiling: Any = quiet(False)

    @field_validator("sampler_name", "sampler_index")
    @classmethod
    def _sampler(cls, name: str | None) -> str | None:
        if name is not None and name.lower() not in DEFAULT and _sampler_of(name) is None:
            raise ValueError(f"there is no sampler {name[:40]!r}: {choices(name, NAMES.values())}")
        return name

    @field_validator("scheduler")
    @classmethod
    def _scheduler(cls, name: str | None) -> str | None:
        if name is not None and name.lower() not in DEFAULT:
            raise ValueError(f"{name[:40]!r} was given, and painters have a schedule each: leave it out, or give 'automatic'")
        return name

    @model_validator(mode="after")
    def _together(self) -> AskedIn:
        if self.batch_size * self.n_iter > MOST:
            raise ValueError(f"{self.batch_size} × {self.n_iter} pictures were asked for: at most {MOST} are painted at once")
        if self.eta is not None and self.eta != 1 and (self.eta != 0 or self.sampler in DRAWING):
            raise ValueError(f"an eta of {self.eta:g} was given, which is the sampler's own here: leave it out")
        return self

    @property
    def sampler(self) -> str | None:
        """The sampler by its name here."""
        return _sampler_of(self.sampler_name or self.sampler_index or "")

    @property
    def painter(self) -> str | None:
        """Who is to paint, where the request says it."""
        return self.override_settings.sd_model_checkpoint


class TextIn(AskedIn):
    """A request for pictures from words."""

    enable_hr: Any = quiet(False)
    denoising_strength: Plain = unread("Of 'enable_hr'.")
    firstphase_height: Plain = unread("Of 'enable_hr'.")
    firstphase_width: Plain = unread("Of 'enable_hr'.")
    hr_checkpoint_name: Plain = unread("Of 'enable_hr'.")
    hr_negative_prompt: Plain = unread("Of 'enable_hr'.")
    hr_prompt: Plain = unread("Of 'enable_hr'.")
    hr_resize_x: Plain = unread("Of 'enable_hr'.")
    hr_resize_y: Plain = unread("Of 'enable_hr'.")
    hr_sampler_name: Plain = unread("Of 'enable_hr'.")
    hr_scale: Plain = unread("Of 'enable_hr'.")
    hr_scheduler: Plain = unread("Of 'enable_hr'.")
    hr_second_pass_steps: Plain = unread("Of 'enable_hr'.")
    hr_upscaler: Plain = unread("Of 'enable_hr'.")
    firstpass_image: Any = quiet(None)


class ImageIn(AskedIn):
    """A request for pictures from a picture. Edges of masks are hard, and all of the picture is painted at one size."""

    init_images: list[str] = Field(min_length=1, max_length=1, description="One, as base64.")
    mask: str | None = Field(default=None, description="White where to paint, or opaque, where it has transparency.")
    denoising_strength: float = Field(default=STRENGTH, gt=0, le=1)
    resize_mode: int = Field(default=0, ge=0, le=3, description="Of a picture of another shape: 0 stretches it, 1 crops it.")
    inpainting_mask_invert: bool = False
    include_init_images: bool = False
    image_cfg_scale: Any = quiet(None, 0, 1.5)
    initial_noise_multiplier: Any = quiet(None, 1)
    inpaint_full_res: Any = quiet(True, False)
    inpaint_full_res_padding: Plain = unread("Of 'inpaint_full_res'.")
    inpainting_fill: Any = quiet(0, 1)
    latent_mask: Any = quiet(None)
    mask_blur: Any = quiet(4, 0)
    mask_blur_x: Any = quiet(4, 0)
    mask_blur_y: Any = quiet(4, 0)
    mask_round: Plain = unread("Masks are black and white.")


class InfoIn(Foreign):
    """A picture whose texts are asked for."""

    image: str = Field(description="As base64.")


class PicturesOut(Wire):
    """Pictures as base64 of PNG, what was asked for, and what was painted, as JSON in a string."""

    images: list[str]
    parameters: dict[str, Any]
    info: str


class InfoOut(Wire):
    """Texts of a picture: A1111's, all by name, and what A1111's says, taken apart."""

    info: str
    items: dict[str, str]
    parameters: dict[str, str]


class StateOut(Wire):
    """Where a painting is."""

    skipped: bool = False
    interrupted: bool = False
    stopping_generation: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


class ProgressOut(Wire):
    """How far all is that one ordered: a share, the seconds that are left, and a preview as base64 of PNG."""

    progress: float = 0.0
    eta_relative: float = 0.0
    state: StateOut = Field(default_factory=StateOut)
    current_image: str | None = None
    textinfo: str | None = None
    current_task: str | None = None


class SamplerOut(Wire):
    """A sampler."""

    name: str
    aliases: list[str]
    options: dict[str, str]


class CheckpointOut(Wire):
    """A painter, as a checkpoint."""

    title: str
    model_name: str
    hash: str
    sha256: str
    filename: str
    config: None = None


def wish(asked: AskedIn, found: PainterOut, **starts: Any) -> WishIn:
    """What is ordered.

    Args:
        asked: by the client.
        found: who is to paint.
        starts: fields of `WishIn` that name pictures.
    """
    facts = {"steps": asked.steps, "guidance": asked.cfg_scale, "sampler": asked.sampler}
    for name, usual in USUAL.items():
        if found.heeds is not None and name not in found.heeds and facts[name] in usual:
            facts[name] = None
    if found.starts and not found.examples and starts.get("strength") == STRENGTH:  # it goes all the way
        starts["strength"] = None
    return WishIn(
        painter=found.name,
        words=asked.prompt,
        negative=asked.negative_prompt,
        size=(asked.width, asked.height),
        seed=None if asked.seed == -1 else asked.seed,
        count=asked.batch_size * asked.n_iter,
        **{**facts, **starts},
    )


def _sampler_of(name: str) -> str | None:
    return next((own for own, theirs in NAMES.items() if name.lower() in (own, theirs.lower())), None)
