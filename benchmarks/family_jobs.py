"""One job of the benchmark of families in a process of its own: `python benchmarks/family_jobs.py JSON` prints JSON.

`families.py` starts it. Networks of peers without a loop of their own are trained by ours, under the same schedule; pythae and
stylegan2-pytorch bring their own trainers, which are stopped by the same clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import module
from pictures import load
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.families.autoregressive import Autoregressive, AutoregressiveConfig
from danqing.families.flow import Flow, FlowConfig
from danqing.families.gan import Gan, GanConfig
from danqing.families.vae import Vae, VaeConfig
from danqing.families.vq import Vq, VqConfig
from danqing.maths.seen import from_network
from danqing.painters.sheet import paint_values
from danqing.parts.contract import Batch, Clock, Key, Learner, Loss, Player
from danqing.parts.loop import Loop
from danqing.parts.rates import PlayerConfig, trapezoid

WARMUP, COOLDOWN = 0.05, 0.4
"""Shares of the CPU seconds in which the learning rate rises and falls."""
ENTROPY = 1.7054
"""Nats of the ring: its radius is normal about 2 with the deviation below, its angle uniform."""
RADIUS = 2.0
DEVIATION = math.exp(ENTROPY - math.log(2 * math.pi) - math.log(RADIUS) - 0.5 * math.log(2 * math.pi * math.e))
PAINTINGS = 1000


class Guest(Learner):
    """A peer's network in our loop.

    Args:
        net: it.
        cost: its loss for each picture of a batch.
        config: how it learns.
    """

    def __init__(self, net: nn.Module, cost: Callable[[nn.Module, Batch, Key], Tensor], config: PlayerConfig) -> None:
        super().__init__()
        self.net, self.cost, self.config = net, cost, config

    def players(self) -> dict[str, Player]:
        """The network, alone."""
        return {"painter": self.config.player(self.parameters(), 1)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The peer's own."""
        return Loss({"cost": self.cost(self.net, batch, key)})


# --- training ----------------------------------------------------------------------------------------------------------


def trained(learner: Learner, pictures: Tensor, job: dict[str, Any], rates: dict[str, float] | None = None) -> dict[str, Any]:
    """Train for so many CPU seconds, and leave the averaged weights in it.

    Args:
        learner: it.
        pictures: in [-1, 1].
        job: with "seed", "seconds", "batch" and "lr".
        rates: learning rates of its players, where they differ.
    """
    began, thousandths = time.process_time(), trapezoid(1.0, int(1000 * WARMUP), 1000, COOLDOWN)
    passed = 0.0  # read once a step, as in the peers' trainers: the clock of CPU seconds costs as much as a small layer

    def rate(lr: float) -> Callable[[int], float]:
        return lambda seen: lr * thousandths(min(999, int(1000 * passed / job["seconds"])))

    players = {
        name: dataclasses.replace(player, lr=rate((rates or {}).get(name, job["lr"])))
        for name, player in learner.players().items()
    }
    learner.players = lambda: players  # type: ignore[method-assign]
    loop = Loop(learner, seed=job["seed"], precision=job.get("precision", "float32"))
    for batch in batches(pictures, job):
        loop.step(batch)
        passed = time.process_time() - began
        if passed >= job["seconds"]:
            break
    learner.load_state_dict(loop.averaged())
    learner.eval()
    return {"seen": loop.seen, "speed": loop.seen / passed, "parameters": parameters(learner)}


def batches(pictures: Tensor, job: dict[str, Any]) -> Iterator[Batch]:
    """Pictures drawn evenly, without end."""
    size = job["batch"]
    for step in range(10**9):
        drawn = torch.randint(len(pictures), (size,), generator=Key(job["seed"], "batch", step).generator())
        yield Batch(pictures[drawn], {}, tuple(range(step * size, (step + 1) * size)))


def parameters(net: nn.Module) -> int:
    """How many are trained."""
    return sum(parameter.numel() for parameter in net.parameters())


def whole(pictures: Tensor) -> Batch:
    """All of them as one batch."""
    return Batch(pictures, {}, tuple(range(len(pictures))))


# --- pictures ----------------------------------------------------------------------------------------------------------


def digits(seed: int) -> tuple[Tensor, Tensor]:
    """1,500 and 297 of scikit-learn's handwritten digits, 8 × 8 in 17 levels, in [-1, 1]."""
    many = torch.tensor(module("sklearn.datasets").load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
    order = torch.randperm(len(many), generator=Key(seed, "digits").generator())
    return many[order[:1500]], many[order[1500:]]


def ring(count: int, seed: int) -> Tensor:
    """Points as pictures, (count, 1, 1, 2)."""
    luck = Key(seed, "ring").normal(count)
    angle = 2 * math.pi * Key(seed, "angle").uniform(count)
    radius = RADIUS + DEVIATION * luck
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)[:, None, None]


def emoji(job: dict[str, Any], part: str) -> Tensor:
    """On white, (pictures, 3, 32, 32) in [-1, 1]."""
    found = load("emoji", Path(job["cache"]), job["emoji"], Path(job["fashion"]))
    return torch.from_numpy(np.array(found.train if part == "train" else found.held_out)).float() / 127.5 - 1


# --- VAE: −ELBO of binarised digits ------------------------------------------------------------------------------------


def vae(job: dict[str, Any]) -> dict[str, Any]:
    """64 → 512 → 16 and back, both."""
    train, test = (torch.where(x > 0, 1.0, -1.0) for x in digits(job["seed"]))
    if job["who"] == "danqing":
        config = VaeConfig.read({"coder": {"kind": "dense", "hidden": [512]}, "latent": 16, "decoder": "bernoulli"})
        learner = Vae(config, {}, 1, 1, (8, 8))
        facts = trained(learner, train, job)
        costs = [-learner.bound(whole(test), Key("test", n), 1, levels=False).mean() for n in range(20)]
        return facts | {"cost": float(torch.stack(costs).mean())}
    models, trainers = module("pythae.models"), module("pythae.trainers")
    told = models.VAEConfig(input_dim=(1, 8, 8), latent_dim=16, reconstruction_loss="bce")
    model = models.VAE(told)
    seen, began = [0], [0.0]

    class Stop(module("pythae.trainers.training_callbacks").TrainingCallback):  # type: ignore[misc]
        def on_train_begin(self, *args: Any, **others: Any) -> None:
            began[0] = time.process_time()

        def on_train_step_end(self, *args: Any, **others: Any) -> None:
            seen[0] += job["batch"]
            if time.process_time() - began[0] >= job["seconds"]:
                raise StopIteration

    with tempfile.TemporaryDirectory() as folder:
        how = trainers.BaseTrainerConfig(
            output_dir=folder,
            num_epochs=10**6,
            learning_rate=job["lr"],
            per_device_train_batch_size=job["batch"],
            no_cuda=True,
            keep_best_on_train=True,
            seed=job["seed"],
        )
        data = module("pythae.data.datasets").BaseDataset((train + 1) / 2, torch.zeros(len(train)))
        trainer = trainers.BaseTrainer(model, data, training_config=how, callbacks=[Stop()])
        with contextlib.suppress(StopIteration), contextlib.redirect_stderr(io.StringIO()):
            trainer.train(log_output_dir=folder)
    model.eval()
    with torch.no_grad():
        costs = [model({"data": (test + 1) / 2}).loss for _ in range(20)]
    passed = time.process_time() - began[0]
    return {
        "seen": seen[0],
        "speed": seen[0] / passed,
        "parameters": parameters(model),
        "cost": float(torch.stack(costs).mean()),
    }


# --- flows: nats of the ring, bits of digits and of Fashion-MNIST -------------------------------------------------------


def ring_nats(job: dict[str, Any]) -> dict[str, Any]:
    """Nats of 20,000 points of the ring after learning from 10,000."""
    train, test = ring(10_000, job["seed"]), ring(20_000, 1000 + job["seed"])
    if job["who"] == "danqing":
        learner = Flow(FlowConfig.read({"patch": 1, "noise": 1.0, "levels": 10**6} | job["model"]), {}, 1, 1, (1, 2))
        facts = trained(learner, train, job)
        return facts | {"cost": float(-learner.log_likelihood(test, {}).mean())}
    flow = module("zuko.flows").NSF(2, transforms=3, hidden_features=[64, 64])
    guest = Guest(flow, lambda net, batch, key: -net().log_prob(batch.pictures.flatten(1)), PlayerConfig())
    facts = trained(guest, train, job)
    return facts | {"cost": float(-flow().log_prob(test.flatten(1)).mean())}


def flow_bits(job: dict[str, Any]) -> dict[str, Any]:
    """Bits per dimension of held-out pictures, under uniform noise within their levels, by exact likelihood."""
    if job["task"] == "digits":
        train, test = digits(job["seed"])
        levels = 17
    else:
        found = load("fashion", Path(job["cache"]), job["emoji"], Path(job["fashion"]))
        train, test = (torch.from_numpy(np.array(part)).float() / 127.5 - 1 for part in (found.train, found.held_out))
        levels = 256
    size = tuple(train.shape[2:])
    if job["who"] == "danqing":
        learner = Flow(FlowConfig.read({"levels": levels} | job["model"]), {}, 1, 1, (size[0], size[1]))
        facts = trained(learner, train, job)
        bits = [learner.bits(whole(test), Key("test", n)) for n in range(5)]
        return facts | {"cost": float(torch.stack([some for some in bits if some is not None]).mean())}

    def filled(batch: Batch, key: Key) -> Tensor:
        """In [0, 1), as these flows' own examples have it."""
        noise = batch.keys(key).uniform(*batch.pictures.shape[1:])
        return ((batch.pictures + 1) / 2 * (levels - 1) + noise) / levels

    net, likelihood = _spline_flow() if job["who"] == "zuko NSF" else _glow(size)

    guest = Guest(net, lambda net, batch, key: -likelihood(net, filled(batch, key)) / batch.pictures[0].numel(), PlayerConfig())
    facts = trained(guest, train, job)
    with torch.no_grad():
        costs = [-likelihood(net, filled(whole(test), Key("test", n))).mean() for n in range(5)]
    return facts | {"cost": float(torch.stack(costs).mean()) / train[0].numel() / math.log(2) + math.log2(levels)}


def _spline_flow() -> tuple[nn.Module, Callable[[Any, Tensor], Tensor]]:
    """zuko's neural spline flow on values in [-3, 3]."""

    def likelihood(net: Any, x: Tensor) -> Tensor:
        out: Tensor = net().log_prob(6 * x.flatten(1) - 3) + 64 * math.log(6)
        return out

    return module("zuko.flows").NSF(64, transforms=3, hidden_features=[256, 256]), likelihood


def _glow(size: tuple[int, ...]) -> tuple[nn.Module, Callable[[Any, Tensor], Tensor]]:
    """Glow as in normflows' own example of it: two levels of eight steps, with a logistic map of [0, 1) before."""
    nf = module("normflows")
    levels, steps, hidden = 2, 8, 96
    bases, merges, flows = [], [], []
    for level in range(levels):
        blocks = [nf.flows.GlowBlock(2 ** (levels + 1 - level), hidden, split_mode="channel", scale=True) for _ in range(steps)]
        flows.append([*blocks, nf.flows.Squeeze()])
        if level:
            merges.append(nf.flows.Merge())
            shape = (2 ** (levels - level), size[0] // 2 ** (levels - level), size[1] // 2 ** (levels - level))
        else:
            shape = (2 ** (levels + 1), size[0] // 2**levels, size[1] // 2**levels)
        bases.append(nf.distributions.DiagGaussian(shape))
    net: nn.Module = nf.MultiscaleFlow(bases, flows, merges, transform=nf.transforms.Logit(0.05))

    def likelihood(net: Any, x: Tensor) -> Tensor:
        out: Tensor = net.log_prob(x, None)
        return out

    return net, likelihood


# --- VQ and autoregression ---------------------------------------------------------------------------------------------

CODER = {"kind": "convolutional", "widths": [64, 96], "depths": [1, 1], "attention": [False, False], "embedding": 32}


def vq(job: dict[str, Any]) -> dict[str, Any]:
    """Error of held-out emoji painted from 64 codes out of 512 each."""
    train, test = emoji(job, "train"), emoji(job, "held_out")
    if job["who"] == "danqing":
        learner = Vq(VqConfig.read({"coder": CODER, "codes": 512, "latent": 32} | job["model"]), {}, 3, 1)
        facts = trained(learner, train, job)
        with torch.no_grad():
            painted = learner.from_tokens(learner.tokens(test), (32, 32))
            chosen = torch.cat([learner.tokens(part).flatten() for part in torch.split(train[:4000], 250)])
    else:
        peer: Any = module("monai.networks.nets").VQVAE(
            spatial_dims=2,
            in_channels=3,
            out_channels=3,
            channels=(48, 64),
            num_res_layers=2,
            num_res_channels=(48, 64),
            downsample_parameters=((2, 4, 1, 1),) * 2,
            upsample_parameters=((2, 4, 1, 1, 0),) * 2,
            num_embeddings=512,
            embedding_dim=32,
        )

        def cost(net: Any, batch: Batch, key: Key) -> Tensor:
            painted, commitment = net(batch.pictures)
            out: Tensor = (painted - batch.pictures).square().mean(dim=(1, 2, 3)) + commitment
            return out

        facts = trained(Guest(peer, cost, PlayerConfig(decay=0.0)), train, job)
        with torch.no_grad():
            painted = peer(test)[0].clamp(-1, 1)
            chosen = torch.cat([peer.index_quantize(part).flatten() for part in torch.split(train[:4000], 250)])
    shares = torch.bincount(chosen, minlength=512) / len(chosen)
    used = float((shares > 0.1 / 512).double().mean())
    return facts | {"cost": float((painted - test).square().mean()), "used": used}


def _codes(job: dict[str, Any], config: VqConfig) -> tuple[Tensor, Tensor]:
    """Of the pictures to train on and of those held out, by one codec for all contenders, kept beside the pictures."""
    file = Path(job["cache"]) / f"codes-{job['codec_seconds']:g}s.npz"
    if not file.is_file():
        torch.manual_seed(0)
        codec = Vq(config, {}, 3, 1)
        trained(codec, emoji(job, "train"), {**job, "seed": 0, "seconds": job["codec_seconds"]})
        torch.manual_seed(job["seed"])
        parts = {part: torch.split(emoji(job, part), 250) for part in ("train", "held_out")}
        with torch.no_grad():
            codes = {part: torch.cat([codec.tokens(x) for x in many]).numpy() for part, many in parts.items()}
        np.savez(file, train=codes["train"], held_out=codes["held_out"])
    with np.load(file, allow_pickle=False) as kept:
        return torch.from_numpy(kept["train"]), torch.from_numpy(kept["held_out"])


def autoregressive(job: dict[str, Any]) -> dict[str, Any]:
    """Bits a code of held-out emoji, told in the 64 codes of one and the same codec."""
    network = {"width": 192, "depth": 4, "head": 32}
    config = AutoregressiveConfig.read({"codec": {"coder": CODER, "latent": 32}, "network": network})
    train, test = _codes(job, config.codec)
    if job["who"] == "danqing":
        family = Autoregressive(config, {}, 3, 1, (32, 32))
        family.codec = nn.Module()  # type: ignore[assignment]  # only the transformer learns

        def foretell(net: Any, codes: Tensor) -> Tensor:
            out: Tensor = net.foretell(codes, {})
            return out

        net: nn.Module = family
    else:
        peer_net = module("monai.networks.nets").DecoderOnlyTransformer(
            num_tokens=513, max_seq_len=65, attn_layers_dim=204, attn_layers_depth=4, attn_layers_heads=6
        )

        def foretell(net: Any, codes: Tensor) -> Tensor:
            out: Tensor = net(F.pad(codes[:, :-1], (1, 0), value=512))
            return out[..., :512]

        net = peer_net

    def cost(net: nn.Module, batch: Batch, key: Key) -> Tensor:
        codes = batch.pictures.long().flatten(1)
        return F.cross_entropy(foretell(net, codes).transpose(1, 2), codes, reduction="none").mean(1)

    facts = trained(Guest(net, cost, PlayerConfig(decay=0.03)), train.float()[:, None, None], job)
    with torch.no_grad():
        found = cost(net, whole(test.float()[:, None, None]), Key(0))
    return facts | {"cost": float(found.mean()) / math.log(2)}


# --- GAN ---------------------------------------------------------------------------------------------------------------


def gan(job: dict[str, Any]) -> dict[str, Any]:
    """A thousand paintings of emoji on white, kept beside the results to be measured."""
    train = emoji(job, "train")
    if job["who"] == "danqing":
        config = GanConfig.read({"truncation": 1.0} | job["model"])
        learner = Gan(config, {}, 3, 10**9, (32, 32))
        facts = trained(learner, train, job, {"critic": config.lead * job["lr"]})
        with torch.inference_mode():
            keys = [Key(job["seed"], number) for number in range(PAINTINGS // 100)]
            many = np.concatenate([paint_values(learner, {}, 100, (32, 32), key) for key in keys])
        facts["painter"] = parameters(learner.painter)
    else:
        many, facts = _stylegan2(job, train)
    np.save(job["paintings"], many)
    return facts


def _stylegan2(job: dict[str, Any], train: Tensor) -> tuple[Any, dict[str, Any]]:
    """stylegan2-pytorch in its own trainer, pictures in memory. It asserts CUDA at import and moves all to it: patched."""
    torch.cuda.is_available = lambda: True
    for name in ("aim", "vector_quantize_pytorch"):  # a logger and an option of the critic, neither of which is used
        sys.modules[name] = type(sys)(name)
    sys.modules["vector_quantize_pytorch"].VectorQuantize = None  # type: ignore[attr-defined]
    peer = module("stylegan2_pytorch.stylegan2_pytorch")
    torch.cuda.is_available = lambda: False
    Tensor.cuda = lambda self, *args, **others: self  # type: ignore[method-assign]
    nn.Module.cuda = lambda self, *args, **others: self  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        trainer = peer.Trainer(
            "peer",
            base_dir=folder,
            image_size=32,
            batch_size=job["batch"],
            network_capacity=8,
            fmap_max=128,
            aug_prob=0.25,
            trunc_psi=1.0,
            latent_dim=128,
            rank="cpu",
        )
        trainer.is_main = False  # it saves and draws nothing of its own accord
        trainer.loader = ((batch.pictures + 1) / 2 for batch in batches(train, job))
        trainer.init_GAN()
        began = time.process_time()
        while time.process_time() - began < job["seconds"]:
            trainer.train()
        passed, net = time.process_time() - began, trainer.GAN
        net.eval()
        with torch.no_grad():
            parts = []
            for _ in range(PAINTINGS // 100):
                latents = peer.noise_list(100, net.G.num_layers, net.G.latent_dim, device="cpu")
                styles = peer.styles_def_to_tensor(peer.latent_to_w(net.S, latents))
                parts.append(net.G(styles, peer.image_noise(100, 32, device="cpu")).clamp(0, 1))
    seen = trainer.steps * job["batch"]
    facts = {"seen": seen, "speed": seen / passed, "parameters": parameters(net.G) + parameters(net.S) + parameters(net.D)}
    return from_network(torch.cat(parts) * 2 - 1), facts | {"painter": parameters(net.G) + parameters(net.S)}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "vae": vae,
    "ring": ring_nats,
    "digits": flow_bits,
    "fashion": flow_bits,
    "vq": vq,
    "autoregressive": autoregressive,
    "gan": gan,
}


def main() -> None:
    """Do what the one argument says."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(job["seed"])
    print(json.dumps(TASKS[job["task"]](job)))


if __name__ == "__main__":
    main()
