"""Networks that know what pictures look like and how they are painted: VGG16, and arbitrary stylisation."""

import dataclasses
import io
import math
import struct
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from frozen import field, number, small_asset
from torch import Tensor

from danqing.assets import ASSETS, converted
from danqing.errors import AssetError
from danqing.files import home as at
from danqing.metrics.extractors import extractor
from danqing.metrics.pretrained import DEEP, LEAST, LOUD
from danqing.metrics.styles import style_extractor
from danqing.parts import stylisation as stylising
from danqing.parts import vgg as seeing
from danqing.parts.onnx_weights import read_onnx
from danqing.parts.stylisation import RADIUS, STEP, Styled, Stylisation, stylisation
from danqing.parts.vgg import DEPTHS, LAST, LAYERS, STYLE, Vgg, vgg

WIDTHS = (4, 5, 6, 7, 8)


def put(monkeypatch: pytest.MonkeyPatch, name: str, contents: Mapping[str, bytes]) -> Path:
    """Make these files the asset that Danqing knows by this name, and put them home; nothing can be fetched."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "none")
    monkeypatch.setitem(ASSETS, name, dataclasses.replace(small_asset(contents), name=name))
    folder = at() / "assets" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return folder


def hdf5(seed: int = 0, leave_out: str = "") -> bytes:
    """Narrow VGG16 weights as Keras lays them down."""
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        inward = 3
        for stage, (depth, outward) in enumerate(zip(DEPTHS, WIDTHS, strict=True), 1):
            for place in range(depth):
                layer = f"block{stage}/layers/conv2d{f'_{place}' if place else ''}/vars"
                if layer != leave_out:
                    file[f"{layer}/0"] = rng.normal(size=(3, 3, inward, outward)).astype(np.float32) / inward**0.5
                    file[f"{layer}/1"] = rng.normal(size=outward).astype(np.float32)
                inward = outward
    return buffer.getvalue()


def onnx(tensors: Mapping[str, np.ndarray], dequantised: Mapping[str, tuple[str, str, str, int | None]] | None = None) -> bytes:
    """A file of tensors, and of nodes that make real numbers: (whole, scale, zero, axis) by what comes out."""
    kinds = {"float32": 1, "int8": 3, "int32": 6, "int64": 7}
    graph = b""
    for name, array in tensors.items():
        sides = b"".join(number(1 << 3) + number(side) for side in array.shape)
        kind = number(2 << 3) + number(kinds[array.dtype.name])
        graph += field(5, sides + kind + field(8, name.encode()) + field(9, array.tobytes()))
    for output, (*inputs, axis) in (dequantised or {}).items():
        node = b"".join(field(1, name.encode()) for name in inputs) + field(2, output.encode()) + field(4, b"DequantizeLinear")
        if axis is not None:
            node += field(5, field(1, b"axis") + number(3 << 3) + number(axis) + number(20 << 3) + number(2))
        graph += field(1, node)
    return field(7, graph)


def magenta(seed: int = 0) -> dict[str, bytes]:
    """The files of arbitrary stylisation with random weights: real structure, whole numbers of 8 bits."""
    rng = np.random.default_rng(seed)
    shapes = {name: weight.shape for name, weight in Stylisation().state_dict().items()}
    tensors: dict[str, dict[str, np.ndarray]] = {"predict.onnx": {}, "transform.onnx": {}}
    nodes: dict[str, dict[str, tuple[str, str, str, int | None]]] = {"predict.onnx": {}, "transform.onnx": {}}
    for ours, theirs, part in stylising._places():
        file = "predict.onnx" if theirs.startswith("mobilenet") or theirs.startswith("MobilenetV2") else "transform.onnx"
        shape, name = tuple(shapes[ours]), f"{theirs}/{part}"
        bias = "bias" in part
        shape = (*shape, 1, 1) if len(shape) == 2 else shape
        whole = rng.integers(-127, 128, shape, dtype=np.int32 if bias else np.int8)
        scale = rng.uniform(0.5, 1.5, shape[0]) / (127 * (4 if bias else math.prod(shape[1:]) ** 0.5))
        zero = np.zeros(shape[0], whole.dtype)
        tensors[file] |= {name: whole, f"{name}/scale": scale.astype(np.float32), f"{name}/zero": zero}
        nodes[file][f"{name}_dequant"] = (name, f"{name}/scale", f"{name}/zero", 0)
    return {file: onnx(tensors[file], nodes[file]) for file in tensors}


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Stylisation:
    put(monkeypatch, "magenta-style", magenta())
    return stylisation(pytest.fail)


def noise(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def waves(height: int, width: int) -> Tensor:
    """A picture that is the same everywhere."""
    y, x = np.mgrid[:height, :width]
    bands = [np.sin((x * (channel + 1) + 2 * y) / 17 + channel) for channel in range(3)]
    return torch.from_numpy(np.stack(bands)[None].astype(np.float32))


def test_vgg_reads_kernels_and_biases_as_keras_lays_them_down(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    content = hdf5()
    put(monkeypatch, "vgg16", {"weights.h5": content})
    network = vgg(pytest.fail)
    with h5py.File(io.BytesIO(content)) as file:
        kernel, bias = (file[f"block1/layers/conv2d/vars/{part}"][()] for part in (0, 1))
        deep = file["block5/layers/conv2d_2/vars/0"][()]
    weight = network.state_dict()["convolutions.relu5_3.weight"]
    assert weight.shape == (8, 8, 3, 3)
    assert weight[1, 2, 0, 2] == deep[0, 2, 2, 1]

    # By hand, at the place in the second row and the third column: blue first, means off, each kernel laid over 3 × 3 pixels.
    picture = noise(5, 6)
    blue_first = (picture[0].numpy()[::-1] + 1) * 127.5 - np.array([104.00699, 116.66877, 122.67892])[:, None, None]
    window = blue_first[:, 0:3, 1:4].transpose(1, 2, 0)
    expected = [max(0.0, float((window * kernel[..., channel]).sum() + bias[channel])) for channel in range(WIDTHS[0])]
    assert network.maps(picture, ["relu1_1"])["relu1_1"][0, :, 1, 2].tolist() == pytest.approx(expected, rel=1e-4)
    assert any(expected)


def test_vgg_is_an_extractor_too(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Features are what a deep map has on average."""
    put(monkeypatch, "vgg16", {"weights.h5": hdf5()})
    see = extractor("vgg16")
    pictures = np.random.default_rng(0).integers(0, 256, (3, LEAST, LEAST, 3), np.uint8)
    seen = vgg(pytest.fail).maps(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1)
    expected = seen[DEEP].mean((2, 3)) / LOUD
    torch.testing.assert_close(see.features(pictures), expected, rtol=1e-4, atol=1e-4)
    assert see.width == expected.shape[1]
    look, first = style_extractor(see), seen[STYLE[0]]
    found = look.features(pictures)
    assert found.shape == (3, look.width)
    torch.testing.assert_close(found[:, : WIDTHS[0]], first.mean((2, 3)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (1, 1), (3, 200)])
def test_vgg_maps_have_their_names_and_sizes(size: tuple[int, int]) -> None:
    network = Vgg(widths=WIDTHS)
    found = network.maps(noise(*size, batch=2), LAYERS)
    assert list(found) == list(LAYERS)
    for name, seen in found.items():
        stage = int(name[4])
        assert seen.shape == (2, WIDTHS[stage - 1], *(-(-side // 2 ** (stage - 1)) for side in size))
        assert seen.min() >= 0
    assert set(network.maps(noise(*size))) == {*STYLE, *LAST}


def test_vgg_pools_by_the_largest_or_by_the_mean() -> None:
    largest, mean = Vgg(widths=WIDTHS), Vgg(averaged=True, widths=WIDTHS)
    mean.load_state_dict(largest.state_dict())
    x = noise(8, 8)
    before = largest.maps(x, ["relu1_2"])["relu1_2"]
    after = {network: network.maps(x, ["relu2_1"])["relu2_1"] for network in (largest, mean)}
    windows = before.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    for network, pooled in ((largest, windows.amax(-1)), (mean, windows.mean(-1))):
        torch.testing.assert_close(after[network], torch.relu(network.convolutions["relu2_1"](pooled)))


def test_vgg_computes_no_deeper_than_asked_and_knows_its_names() -> None:
    network = Vgg(widths=WIDTHS)
    network.convolutions["relu3_2"].register_forward_hook(lambda *_: pytest.fail("too deep"))
    assert list(network.maps(noise(16, 16), ["relu3_1", "relu1_2", "relu1_2"])) == ["relu1_2", "relu3_1"]
    with pytest.raises(ValueError, match="did you mean 'relu3_3'"):
        network.maps(noise(16, 16), ["relu3_4"])


def test_vgg_lets_gradients_through_to_the_picture_only(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    put(monkeypatch, "vgg16", {"weights.h5": hdf5()})
    torch.manual_seed(5)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(5))
    network = vgg(pytest.fail, averaged=True)
    assert torch.equal(torch.rand(1), expected), "opening draws no random numbers"
    assert network.averaged
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    picture = noise(16, 16).requires_grad_()
    (found,) = torch.autograd.grad(network.maps(picture, ["relu2_1"])["relu2_1"].sum(), picture)
    assert found.abs().sum() > 0


def test_networks_are_converted_once_and_mended(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    class AgainError(Exception):
        pass

    def again(folder: Path) -> bytes:
        raise AgainError

    folders = [put(monkeypatch, "vgg16", {"weights.h5": hdf5()}), put(monkeypatch, "magenta-style", magenta())]
    networks = [vgg(pytest.fail), stylisation(pytest.fail)]
    with monkeypatch.context() as patched:
        patched.setattr(seeing, "_convert", again)
        patched.setattr(stylising, "_convert", again)
        for opened, other in zip(networks, (vgg(pytest.fail), stylisation(pytest.fail)), strict=True):
            for mine, theirs in zip(opened.state_dict().values(), other.state_dict().values(), strict=True):
                assert torch.equal(mine, theirs)
        for folder in folders:
            (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:-1])
        with pytest.raises(AgainError):
            vgg(pytest.fail)
        with pytest.raises(AgainError):
            stylisation(pytest.fail)
    for folder, network, mended in zip(folders, networks, (vgg(pytest.fail), stylisation(pytest.fail)), strict=True):
        for mine, theirs in zip(network.state_dict().values(), mended.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs)
        assert {path.suffix for path in folder.iterdir()} <= {".h5", ".onnx", ".safetensors", ".sha256"}


def test_what_was_made_of_other_bytes_is_made_again(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    put(monkeypatch, "vgg16", {"weights.h5": b"first"})
    read = [converted("vgg16", "made", lambda folder: (folder / "weights.h5").read_bytes() * 2, pytest.fail) for _ in range(2)]
    put(monkeypatch, "vgg16", {"weights.h5": b"second"})
    read.append(converted("vgg16", "made", lambda folder: (folder / "weights.h5").read_bytes() * 2, pytest.fail))
    assert read == [b"firstfirst", b"firstfirst", b"secondsecond"]


@pytest.mark.parametrize("damage", ["empty", "strange", "cut", "incomplete"])
def test_damaged_vgg_is_an_error(damage: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    content = {
        "empty": b"",
        "strange": b"no HDF5",
        "cut": hdf5()[:3000],
        "incomplete": hdf5(leave_out="block3/layers/conv2d_2/vars"),
    }[damage]
    folder = put(monkeypatch, "vgg16", {"weights.h5": content})
    with pytest.raises(AssetError, match=r"weights\.h5.*delete the asset's folder"):
        vgg(pytest.fail)
    (folder / "weights.h5").write_bytes(content + b"more")
    with pytest.raises(AssetError, match=r"carrier==1\.0"):
        vgg(lambda _: None)


@pytest.mark.parametrize("damage", ["empty", "strange", "cut", "incomplete"])
def test_damaged_stylisation_is_an_error(damage: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    whole = magenta()
    content = {"empty": b"", "strange": b"no ONNX", "cut": whole["transform.onnx"][:3000], "incomplete": onnx({})}[damage]
    put(monkeypatch, "magenta-style", {**whole, "transform.onnx": content})
    with pytest.raises(AssetError, match=r"delete the (asset's )?folder to fetch"):
        stylisation(pytest.fail)


def test_onnx_tensors_are_read_and_whole_numbers_made_real() -> None:
    whole = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    scales, zeros = np.array([0.5, 2, 4], np.float32), np.array([0, 1, -2], np.int8)
    tensors: dict[str, np.ndarray] = {
        "whole": whole, "each": scales, "zeros": zeros, "all": np.array(0.25, np.float32), "zero": np.array(-3, np.int8),
        "large": np.array([1 << 40, -5]), "rows": np.array([2, 3], np.float32), "none": np.array([0, 0], np.int8),
    }  # fmt: skip
    found = read_onnx(
        onnx(
            tensors,
            {
                "middle": ("whole", "each", "zeros", 1),
                "unsaid": ("whole", "each", "zeros", None),
                "first": ("whole", "rows", "none", 0),
                "scalar": ("whole", "all", "zero", None),
                "computed": ("elsewhere", "all", "zero", None),
            },
        )
    )
    assert "computed" not in found
    for name, array in tensors.items():
        assert found[name].shape == array.shape
        assert np.array_equal(found[name].numpy(), array)
    by_hand = (whole.astype(np.float32) - zeros[:, None]) * scales[:, None]
    assert np.array_equal(found["middle"].numpy(), by_hand)
    assert np.array_equal(found["unsaid"].numpy(), by_hand)
    assert np.array_equal(found["first"].numpy(), whole.astype(np.float32) * tensors["rows"][:, None, None])
    assert np.array_equal(found["scalar"].numpy(), (whole.astype(np.float32) + 3) * 0.25)
    # Numbers that are written out one by one, as few ever are, hinder nothing.
    odd = field(5, number(1 << 3) + number(1) + number(2 << 3) + number(1) + field(4, struct.pack("<f", 1)) + field(8, b"odd"))
    assert read_onnx(field(7, odd))["odd"].numel() == 0


def test_a_styled_map_has_the_spread_and_the_mean_of_its_style() -> None:
    layer, x = Styled(2, 5, 3), noise(20, 30)[:, :2]
    styles = torch.rand(1, 100, generator=torch.Generator().manual_seed(1))
    seen, (mean, variance) = layer(x, styles, None)
    torch.testing.assert_close(seen.mean((2, 3)), layer.shift(styles), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen.std((2, 3), correction=0), layer.gain(styles).abs(), atol=1e-3, rtol=1e-2)
    again, _ = layer(x, styles, (mean, variance))
    assert torch.equal(again, seen)
    moved, _ = layer(x, styles, (mean + 1, variance))
    torch.testing.assert_close(
        seen - moved, (layer.gain(styles)[..., None, None] / variance.sqrt()).expand_as(seen), rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("size", [(1, 1), (7, 2), (8, 8), (33, 70), (64, 48)])
def test_any_size_is_painted_in_range(size: tuple[int, int], painter: Stylisation) -> None:
    pictures = noise(*size, batch=2)
    styles = painter.style(pictures)
    painted = painter.paint(pictures, styles)
    assert styles.shape == (2, 100)
    assert painted.shape == pictures.shape
    assert painted.abs().max() <= 1
    assert painted.std() > 0.01
    alone = painter.paint(pictures[:1], styles[:1])
    torch.testing.assert_close(alone, painted[:1], atol=1e-4, rtol=1e-4)


def test_sides_that_are_no_multiples_are_mirrored(painter: Stylisation) -> None:
    picture, styles = noise(22, 31), torch.zeros(1, 100)
    mirrored = torch.cat([picture, picture[..., -3:-1, :].flip(2)], 2)
    mirrored = torch.cat([mirrored, mirrored[..., -2:-1]], 3)
    assert mirrored.shape[-2:] == (24, 32)
    assert torch.equal(painter.paint(picture, styles), painter.paint(mirrored, styles)[..., :22, :31])


def test_style_is_that_of_the_square_in_the_middle(painter: Stylisation) -> None:
    wide = noise(256, 300, seed=3)
    middle = wide[..., 22:278].clone()
    told = painter.told(painter.seen((middle + 1) / 2).mean((2, 3)))
    torch.testing.assert_close(painter.style(wide), told, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(painter.style(wide.mT), painter.style(middle.mT), atol=1e-5, rtol=1e-5)
    small = torch.nn.functional.interpolate(wide, scale_factor=0.5, mode="area")
    assert painter.style(small).shape == (1, 100)


def test_tiles_with_norms_are_the_whole(painter: Stylisation) -> None:
    painter.double()
    whole, other = noise(182, 234).double(), noise(64, 64, seed=1).double()
    styles = painter.style(other)
    norms = painter.norms(whole, styles)
    painted = painter.paint(whole, styles)
    assert torch.equal(painter.paint(whole, styles, norms), painted)
    assert RADIUS % STEP == 0
    # (rows, columns) of each tile, and what of it is whole: all but RADIUS at the edges that are not the picture's.
    for rows, columns, kept_rows, kept_columns in (
        ((0, 140), (0, 140), (0, 140 - RADIUS), (0, 140 - RADIUS)),
        ((40, 182), (100, 234), (40 + RADIUS, 182), (100 + RADIUS, 234)),
        ((16, 160), (56, 196), (16 + RADIUS, 160 - RADIUS), (56 + RADIUS, 196 - RADIUS)),
    ):
        tile = painter.paint(whole[..., slice(*rows), slice(*columns)], styles, norms)
        middle = tile[
            ..., kept_rows[0] - rows[0] : kept_rows[1] - rows[0], kept_columns[0] - columns[0] : kept_columns[1] - columns[0]
        ]
        torch.testing.assert_close(middle, painted[..., slice(*kept_rows), slice(*kept_columns)], atol=1e-12, rtol=0)
        own = painter.paint(whole[..., slice(*rows), slice(*columns)], styles)
        assert (own - tile).abs().max() > 1e-3, "without norms a tile is painted in its own way"


def test_norms_of_one_picture_serve_a_batch_of_tiles(painter: Stylisation) -> None:
    styles = painter.style(noise(40, 40))
    norms = painter.norms(noise(64, 64), styles)
    tiles = noise(32, 32, batch=3, seed=2)
    together = painter.paint(tiles, styles.expand(3, -1), norms)
    for tile, painted in zip(tiles, together, strict=True):
        torch.testing.assert_close(painter.paint(tile[None], styles, norms)[0], painted, atol=1e-5, rtol=1e-5)


def test_nothing_beyond_the_radius_matters(painter: Stylisation) -> None:
    """And the radius is hardly larger than it must be."""
    painter.double()
    picture = noise(136, 136).double()
    styles = painter.style(picture)
    norms = painter.norms(picture, styles)
    reach = 0
    for place in range(64, 64 + STEP):
        leaf = picture.clone().requires_grad_()
        (slope,) = torch.autograd.grad(painter.paint(leaf, styles, norms)[0, :, place, place].sum(), leaf)
        found = slope[0].abs().sum(0).nonzero()
        reach = max(reach, int((found - place).abs().max()))
    assert RADIUS - STEP < reach <= RADIUS


@pytest.mark.long
def test_the_real_vgg_sees_what_another_program_sees(home: Path) -> None:
    """Measured with a runtime for ONNX, given the same weights as a graph of its own."""
    found = vgg().maps(waves(75, 98), LAYERS)
    measured = {
        "relu1_1": (44.21596, 759.13037), "relu1_2": (209.55342, 4970.1758), "relu2_1": (131.50029, 5864.979),
        "relu2_2": (228.59123, 10009.927), "relu3_3": (50.948643, 4431.7818), "relu4_1": (50.059967, 1633.5878),
        "relu4_3": (3.423035, 387.9667), "relu5_1": (3.708085, 318.60031), "relu5_3": (0.12541708, 15.782341),
    }  # fmt: skip
    for name, (mean, largest) in measured.items():
        assert found[name].mean().item() == pytest.approx(mean, rel=1e-4)
        assert found[name].max().item() == pytest.approx(largest, rel=1e-4)


@pytest.mark.long
def test_the_real_stylisation_paints_as_another_program_does(home: Path) -> None:
    """Measured with a runtime for ONNX, on the asset's own graphs without the nodes that round what flows between layers."""
    network = stylisation()
    styles = network.style(waves(256, 256))
    assert styles[0, [0, 1, 50, 99]].tolist() == pytest.approx([0.496065, -0.237596, 3.222789, -1.328316], abs=1e-4)
    painted = network.paint(waves(200, 328).flip(1), styles)
    places = ((0, 0, 0), (1, 100, 164), (2, 199, 327), (0, 57, 211))
    assert [painted[(0, *place)].item() for place in places] == pytest.approx(
        [-0.982874, 0.935521, -0.263687, -0.491073], abs=1e-3
    )
    assert painted.mean().item() == pytest.approx(0.180644, abs=1e-4)
    assert painted.std(correction=0).item() == pytest.approx(0.721669, abs=1e-4)
