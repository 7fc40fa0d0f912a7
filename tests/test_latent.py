"""Latent diffusion: evened latents, a codec that rests, and what codecs are sharpened by."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from learners import latent, stream, vae
from torch import Tensor
from torch.nn import functional as F

from danqing.errors import ConfigError
from danqing.families.latent import Latent
from danqing.parts.contract import Asked, Batch, Clock, Key, Keys, Plan
from danqing.parts.loop import Loop
from danqing.parts.perceptual import Perceptual


def taught(learner: Latent, batches: int = 60) -> Loop:
    loop = Loop(learner, seed=0)
    for step in range(batches):
        loop.step(stream().batch(range(32 * step, 32 * step + 32)))
    return loop


def test_latents_are_evened_by_what_was_measured_of_them() -> None:
    learner = latent(length=100_000)
    taught(learner, 150)
    pictures = stream().batch(range(256)).pictures
    with torch.no_grad():
        raw, even = learner.codec.encode(pictures, {}), learner.encode(pictures, {})
        again = learner.decode(even, {})
        expected = learner.codec.decode(raw, {})
    assert (even.mean((0, 2, 3)).abs() < 0.2).all()
    assert ((even.std((0, 2, 3)) - 1).abs() < 0.2).all()
    assert not torch.allclose(even, raw, atol=0.1)
    torch.testing.assert_close(again, expected, rtol=1e-4, atol=1e-4)


def test_the_codec_rests_when_its_span_is_over() -> None:
    learner = latent(length=128)
    loop = taught(learner, 2)
    codec = {name: tensor.clone() for name, tensor in learner.codec.state_dict().items()}
    first = {name: tensor.clone() for name, tensor in learner.painter.state_dict().items()}
    loop.step(stream().batch(range(64, 96)))
    assert all(torch.equal(tensor, codec[name]) for name, tensor in learner.codec.state_dict().items())
    assert any(not torch.equal(tensor, first[name]) for name, tensor in learner.painter.state_dict().items())


def test_the_loss_is_that_of_a_diffusion_of_drawn_latents() -> None:
    learner, batch = latent(), stream().batch(range(8))
    found = learner.loss(batch, "painter", Key(3), Clock(6000, 0)).parts
    with torch.no_grad():
        mean, log_variance = learner.codec.posterior(batch.pictures, {})
        noise = batch.keys(Key(3)).at("codec").normal(*mean.shape[1:])
    middle, deviation = learner.codec.evenness()
    latents = (mean + (0.5 * log_variance).exp() * noise - middle) / deviation
    inner = Batch(latents, batch.conditions, batch.rows)
    expected = learner.painter.loss(inner, "painter", Key(3), Clock(6000, 0)).parts
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("size", [(8, 8), (6, 9)])
def test_a_mask_keeps_latents(size: tuple[int, int]) -> None:
    learner = latent(size=size).eval()
    start = Key(1).normal(2, 3, *size).clamp(-1, 1)
    mask = torch.zeros(2, 1, *size)
    mask[..., : size[1] // 2] = 1
    asked = Asked({"palette": [None, None]}, {"palette": [None, None]}, torch.ones(2), start, mask)
    with torch.no_grad():
        canvas = learner.start(asked, Plan(size), Keys((Key(1), Key(2))))
        while not canvas.done:
            canvas = learner.step(canvas, asked)
        known = learner.encode(start, {})
    kept = canvas.tensors["x"][..., -1]
    torch.testing.assert_close(kept, known[..., -1], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(canvas.tensors["x"][..., 0], known[..., 0], atol=0.1)
    assert learner.show(canvas).shape == (2, 3, *size)


@pytest.mark.parametrize("row", range(30))
def test_every_place_that_a_mask_touches_is_painted(row: int) -> None:
    learner = latent(size=(30, 8))
    factor, mask = learner.config.factor, torch.zeros(1, 1, 30, 8)
    mask[0, 0, row, 3] = 1
    touched = learner._touched(mask)
    assert touched.shape[2:] == learner.codec._shape()[1:]
    assert touched.nonzero().tolist() == [[0, 0, row // factor, 3 // factor]]


def test_a_codec_at_rest_drops_nothing_out() -> None:
    coder = {"kind": "convolutional", "widths": [8, 16], "depths": [1, 1], "attention": [False, False], "embedding": 8}
    learner = latent(codec={"coder": {**coder, "dropout": 0.5}}).train()
    seen, posterior = list[Tensor](), learner.codec.posterior

    def watched(*given: Any) -> tuple[Tensor, Tensor]:
        seen.append(posterior(*given)[0])
        return posterior(*given)

    learner.codec.posterior = watched  # type: ignore[assignment, method-assign]
    for turn in range(2):
        learner.loss(stream().batch(range(8)), "painter", Key(turn), Clock(6000, turn))
    assert torch.equal(*seen)
    assert learner.codec.training, "as the loop has it"


def test_what_would_not_be_heeded_is_refused() -> None:
    for name, value in (("temperature", 0.5), ("draws", 4)):
        with pytest.raises(ConfigError, match=rf"codec\.{name} was set"):
            latent(codec={name: value})
    with pytest.raises(ConfigError, match=r"codec\.map"):
        latent(codec={"map": False})
    with pytest.raises(ConfigError, match=r"set model\.guidance"):
        latent(painter={"guidance": 5.0})
    with pytest.raises(ConfigError, match="no teacher"):
        latent(painter={"few": 4})


def test_the_perceptual_distance_grows_with_blur_and_sees_transparency() -> None:
    far, pictures = Perceptual(), stream().batch(range(4)).pictures
    blurred = [F.avg_pool2d(F.pad(pictures, (side,) * 4, mode="replicate"), 2 * side + 1, 1) for side in (0, 1, 2)]
    found = [far(x, pictures).mean().item() for x in blurred]
    assert found[0] == 0
    assert found[0] < found[1] < found[2]
    clear = torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
    black = -torch.ones_like(clear)
    black[:, 3] = 1
    assert far(black, torch.full_like(black, -1)).mean() > 0.01  # black and nothing look alike on black alone
    painted = clear.clone().requires_grad_()
    (slope,) = torch.autograd.grad(far(painted, black).sum(), painted)
    assert slope.abs().sum() > 0


def test_what_sharpens_a_codec_is_no_part_of_its_weights() -> None:
    learner, batch = vae(perceptual=0.5, adversarial=0.1), stream().batch(range(8))
    assert set(learner.players()) == {"painter", "critic"}
    assert not any("network" in name and "_seen" in name for name in learner.state_dict())
    parts = learner.loss(batch, "painter", Key(0), Clock(0, 0)).parts
    assert set(parts) == {"picture", "latent", "perceptual", "fool"}
    told = learner.loss(batch, "critic", Key(0), Clock(0, 0)).parts
    assert learner.critic is not None
    torch.testing.assert_close(told["real"], F.relu(1 - learner.critic(batch.pictures)).mean(1))
