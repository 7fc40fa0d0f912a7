"""Each peer's own training loop beside the same network and objective in ours.

Theirs are: the `Trainer` of denoising-diffusion-pytorch itself; diffusers' example of unconditional generation; monai's
tutorial of 2-D diffusion. What touches neither network nor data was left out of the two scripts (sheets, files). All load
pictures in the process that trains, so that every CPU second is counted, and none augments.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peers import module, network
from pictures import Array
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from danqing.data.stream import Stream
from danqing.parts.contract import Batch, Clock, Key, Learner, Loss, Player
from danqing.parts.loop import Loop

Steps = Callable[[int], None]
"""`steps(n)` trains for n updates."""


class PeerLearner(Learner):
    """A peer's network with the peer's objective and optimiser settings, for our loop."""

    betas = (0.9, 0.999)
    decay = 0.0
    clip = 1.0
    averages: tuple[int, ...] = (20_000,)
    rate = 1e-4

    def players(self) -> dict[str, Player]:
        """The painter, alone."""
        mine = list(self.parameters())
        return {"painter": Player(mine, lambda seen: self.rate, self.betas, self.decay, self.clip, averages=self.averages)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The peer's own loss with our draws."""
        keys = batch.keys(key)
        noise = keys.at("noise").normal(*batch.pictures.shape[1:])
        times = (keys.at("time").uniform(1)[:, 0] * 1000).long()
        return Loss({"error": self.error(batch.pictures, noise, times)})

    @abstractmethod
    def error(self, x: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """(batch,) squared errors."""


class DenoisingDiffusion(PeerLearner):
    """denoising-diffusion-pytorch: v on a sigmoid schedule, its defaults."""

    betas = (0.9, 0.99)

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        net = network("denoising-diffusion-pytorch", channels, size)
        self.diffusion = module("denoising_diffusion_pytorch").GaussianDiffusion(net, image_size=size)

    def error(self, x: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Its own loss; it wants pictures in [0, 1]."""
        loss: Tensor = self.diffusion((x + 1) / 2, times=times, noise=noise, loss_reduction="none")
        return loss


class Diffusers(PeerLearner):
    """diffusers: the noise on DDPM's linear schedule, and the example's AdamW."""

    betas = (0.95, 0.999)
    decay = 1e-6

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.net = network("diffusers", channels, size)
        self.scheduler = module("diffusers").DDPMScheduler(num_train_timesteps=1000)

    def error(self, x: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Squared error of the predicted noise."""
        predicted: Tensor = self.net(self.scheduler.add_noise(x, noise, times), times).sample
        return (predicted - noise).square().mean(dim=(1, 2, 3))


class Monai(PeerLearner):
    """monai: the noise on DDPM's linear schedule; its tutorial neither clips nor averages, so here nothing does."""

    clip = float("inf")
    averages = ()
    rate = 2.5e-5

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.net = network("monai", channels, size)
        scheduler = module("monai.networks.schedulers").DDPMScheduler(num_train_timesteps=1000)
        self.inferer = module("monai.inferers").DiffusionInferer(scheduler)

    def error(self, x: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Squared error of the predicted noise."""
        predicted: Tensor = self.inferer(inputs=x, diffusion_model=self.net, noise=noise, timesteps=times)
        return (predicted - noise).square().mean(dim=(1, 2, 3))


def ours(learner: Learner, pixels: Array, batch: int) -> Steps:
    """Our loop over our stream of pictures."""
    loop = Loop(learner, seed=0)
    batches = Stream(pixels, {}, lambda name, value, key: value, 0).batches(0, 1_000_000, batch, slice(None))

    def steps(count: int) -> None:
        for _ in loop.run(itertools.islice(batches, count)):
            pass

    return steps


def denoising_diffusion(pixels: Array, batch: int, folder: Path) -> Steps:
    """The Trainer on a folder of PNG files, its workers taken into this process."""
    for index, picture in enumerate(pixels[:1024]):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{index:05}.png")
    package = module("denoising_diffusion_pytorch.denoising_diffusion_pytorch")
    package.cpu_count = lambda: 0
    diffusion = DenoisingDiffusion(pixels.shape[1], pixels.shape[2]).diffusion
    settings = {"augment_horizontal_flip": False, "calculate_fid": False, "save_and_sample_every": 10**9}
    results = str(folder / "results")
    trainer = package.Trainer(diffusion, str(folder), train_batch_size=batch, results_folder=results, **settings)

    def steps(count: int) -> None:
        trainer.train_num_steps = trainer.step + count
        trainer.train()

    return steps


def diffusers(pixels: Array, batch: int) -> Steps:
    """The example's loop: accelerate, AdamW, cosine rate, clipping, an average after every update, a bar with its loss."""
    peer = Diffusers(pixels.shape[1], pixels.shape[2])
    accelerator = module("accelerate").Accelerator()
    transforms = module("torchvision.transforms")
    change = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    pictures: Any = [{"input": Image.fromarray(picture.transpose(1, 2, 0))} for picture in pixels[:1024]]
    optimiser = torch.optim.AdamW(peer.net.parameters(), lr=1e-4, betas=peer.betas, weight_decay=peer.decay)
    rate = module("diffusers.optimization").get_scheduler(
        "cosine", optimizer=optimiser, num_warmup_steps=500, num_training_steps=100_000
    )
    loader: Any = torch.utils.data.DataLoader(
        pictures, batch_size=batch, shuffle=True, collate_fn=lambda rows: torch.stack([change(row["input"]) for row in rows])
    )
    net, optimiser, loader, rate = accelerator.prepare(peer.net, optimiser, loader, rate)
    training = module("diffusers.training_utils")
    average = training.EMAModel(net.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
    batches, bar = _again(loader), module("tqdm").tqdm()

    def steps(count: int) -> None:
        net.train()
        for clean in itertools.islice(batches, count):
            noise = torch.randn(clean.shape)
            times = torch.randint(0, 1000, (len(clean),)).long()
            noisy = peer.scheduler.add_noise(clean, noise, times)
            with accelerator.accumulate(net):
                loss = F.mse_loss(net(noisy, times).sample.float(), noise.float())
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                rate.step()
                optimiser.zero_grad()
            if accelerator.sync_gradients:
                average.step(net.parameters())
            bar.set_postfix(loss=loss.detach().item(), lr=rate.get_last_lr()[0])

    return steps


def monai(pixels: Array, batch: int) -> Steps:
    """The tutorial's loop: cached pictures, Adam, a bar with its loss."""
    peer = Monai(pixels.shape[1], pixels.shape[2])
    data, transforms = module("monai.data"), module("monai.transforms")
    scaled = transforms.ScaleIntensityRanged(keys=["image"], a_min=0.0, a_max=255.0, b_min=0.0, b_max=1.0, clip=True)
    pictures = data.CacheDataset(
        [{"image": torch.from_numpy(picture.copy())} for picture in pixels[:1024]],
        transforms.Compose([scaled]),
        progress=False,
    )
    loader = data.DataLoader(pictures, batch_size=batch, shuffle=True, num_workers=0)
    optimiser = torch.optim.Adam(peer.net.parameters(), lr=peer.rate)
    batches, bar = _again(loader), module("tqdm").tqdm()

    def steps(count: int) -> None:
        peer.net.train()
        total = 0.0
        for number, rows in enumerate(itertools.islice(batches, count), start=1):
            clean = rows["image"]
            optimiser.zero_grad(set_to_none=True)
            noise = torch.randn_like(clean)
            times = torch.randint(0, 1000, (len(clean),)).long()
            predicted = peer.inferer(inputs=clean, diffusion_model=peer.net, noise=noise, timesteps=times)
            loss = F.mse_loss(predicted.float(), noise.float())
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()
            bar.set_postfix(loss=total / number)

    return steps


def _again(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def pair(peer: str, pixels: Array, batch: int, folder: Path) -> tuple[Steps, Steps]:
    """Our loop and theirs, each with a network of its own.

    Args:
        peer: one of `peers.PEERS`.
        pixels: pictures to train on.
        batch: pictures per update.
        folder: for the files of the one that reads files.
    """
    channels, size = pixels.shape[1], pixels.shape[2]
    if peer == "denoising-diffusion-pytorch":
        return ours(DenoisingDiffusion(channels, size), pixels, batch), denoising_diffusion(pixels, batch, folder)
    if peer == "diffusers":
        return ours(Diffusers(channels, size), pixels, batch), diffusers(pixels, batch)
    return ours(Monai(channels, size), pixels, batch), monai(pixels, batch)
