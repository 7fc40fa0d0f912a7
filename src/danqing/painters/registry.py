"""The table of families: what each is built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from danqing.conditions.condition import Condition
from danqing.config import Config, merge
from danqing.errors import ConfigError, choices
from danqing.families.adain import PRESETS as ADAIN_PRESETS
from danqing.families.adain import AdaIn, AdaInConfig
from danqing.families.autoregressive import PRESETS as AUTOREGRESSIVE_PRESETS
from danqing.families.autoregressive import Autoregressive, AutoregressiveConfig
from danqing.families.diffusion import PRESETS as DIFFUSION_PRESETS
from danqing.families.diffusion import Diffusion, DiffusionConfig
from danqing.families.flow import PRESETS as FLOW_PRESETS
from danqing.families.flow import Flow, FlowConfig
from danqing.families.gan import PRESETS as GAN_PRESETS
from danqing.families.gan import Gan, GanConfig
from danqing.families.latent import PRESETS as LATENT_PRESETS
from danqing.families.latent import Latent, LatentConfig
from danqing.families.refined import PRESETS as REFINED_PRESETS
from danqing.families.refined import Refined, RefinedConfig
from danqing.families.style import GATYS_PRESETS, STYLISATION_PRESETS, Gatys, GatysConfig, Stylisation, StylisationConfig
from danqing.families.translation import PRESETS as PIX2PIX_PRESETS
from danqing.families.translation import Pix2Pix, Pix2PixConfig
from danqing.families.unpaired import CUT_PRESETS, CYCLEGAN_PRESETS, Cut, CutConfig, CycleGan, CycleGanConfig
from danqing.families.upscaler import PRESETS as UPSCALER_PRESETS
from danqing.families.upscaler import Upscaler, UpscalerConfig
from danqing.families.vae import PRESETS as VAE_PRESETS
from danqing.families.vae import Vae, VaeConfig
from danqing.families.vq import PRESETS as VQ_PRESETS
from danqing.families.vq import Vq, VqConfig
from danqing.parts.contract import Family


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A family's class, the class of its settings, and its presets (differences from the defaults, by name)."""

    family: type[Family]
    config: type[Config]
    presets: Mapping[str, Mapping[str, Any]]


FAMILIES: Mapping[str, Entry] = {
    "adain": Entry(AdaIn, AdaInConfig, ADAIN_PRESETS),
    "autoregressive": Entry(Autoregressive, AutoregressiveConfig, AUTOREGRESSIVE_PRESETS),
    "cut": Entry(Cut, CutConfig, CUT_PRESETS),
    "cyclegan": Entry(CycleGan, CycleGanConfig, CYCLEGAN_PRESETS),
    "diffusion": Entry(Diffusion, DiffusionConfig, DIFFUSION_PRESETS),
    "flow": Entry(Flow, FlowConfig, FLOW_PRESETS),
    "gan": Entry(Gan, GanConfig, GAN_PRESETS),
    "gatys": Entry(Gatys, GatysConfig, GATYS_PRESETS),
    "latent": Entry(Latent, LatentConfig, LATENT_PRESETS),
    "pix2pix": Entry(Pix2Pix, Pix2PixConfig, PIX2PIX_PRESETS),
    "refined": Entry(Refined, RefinedConfig, REFINED_PRESETS),
    "stylisation": Entry(Stylisation, StylisationConfig, STYLISATION_PRESETS),
    "upscaler": Entry(Upscaler, UpscalerConfig, UPSCALER_PRESETS),
    "vae": Entry(Vae, VaeConfig, VAE_PRESETS),
    "vq": Entry(Vq, VqConfig, VQ_PRESETS),
}


FROM_NOTHING: tuple[str, ...] = tuple(
    name for name, found in FAMILIES.items() if found.family.conditional and not (found.family.starts or found.family.refines)
)
"""The families that paint what is asked for, without a picture to start from."""


def entry(name: str) -> Entry:
    """The family of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FAMILIES:
        raise ConfigError(f"there is no family '{name}': {choices(name, FAMILIES)}")
    return FAMILIES[name]


def settings(family: str, facts: Mapping[str, Any]) -> Config:
    """A family's settings from plain values, on top of the preset that `facts["preset"]` names.

    Raises:
        ConfigError: an unknown family, preset or setting.
    """
    found, rest = entry(family), dict(facts)
    preset = str(rest.pop("preset", "medium"))
    if preset not in found.presets:
        raise ConfigError(f"{family} has no preset '{preset}': {choices(preset, found.presets)}")
    return found.config.read(merge(found.presets[preset], rest), f"model ({family})")


def build(
    family: str,
    config: Config,
    conditions: Mapping[str, Condition[Any]],
    channels: int,
    length: int,
    size: tuple[int, int],
) -> Family:
    """A fresh learner of this family.

    Args:
        family: its name.
        config: from `settings`.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures its whole training will see.
        size: (height, width) of the pictures it learns.
    """
    found = entry(family)
    assert isinstance(config, found.config)
    make: Callable[..., Family] = found.family
    more: dict[str, Any] = {"size": size} if found.family.sized or found.family.pooled else {}
    if isinstance(config, RefinedConfig):
        own = settings(config.base["family"], config.base["model"])
        more["base"] = build(config.base["family"], own, conditions, channels, length, size)
    return make(config, conditions, channels, length, **more)
