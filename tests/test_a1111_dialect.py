"""A1111's dialect, as `webuiapi` speaks it: its defaults are taken for what they mean, and all else is done or refused."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import requests
import webuiapi  # type: ignore[import-untyped]
from PIL import Image
from serving import answering, serving
from studios import PASSWORD, studio

from danqing.paint import load
from danqing.records.a1111 import NAMES, compose, parse

SMALL = {"width": 32, "height": 32, "steps": 3, "seed": 7, "cfg_scale": 4.0, "sampler_name": "DDPM"}
"""The emoji painter's own guidance and sampler; the client always sends some."""


def client(address: str, **others: Any) -> Any:
    found = webuiapi.WebUIApi(baseurl=f"{address}/sdapi/v1", **others)
    found.session.trust_env = False
    return found


@pytest.fixture(scope="module", autouse=True)
def _no_proxy() -> Iterator[None]:
    """The client asks for scripts before one can tell its session not to look for a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def api(address: str) -> Any:
    return client(address)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[str]:
    """A studio in which nobody paints."""
    with answering(studio(tmp_path)) as found:
        yield found


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA")).astype(int)


def noise(width: int = 32, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


def refused(error: pytest.ExceptionInfo[RuntimeError]) -> tuple[int, str, str]:
    status, text = error.value.args
    facts = json.loads(text)["error"]
    return status, facts["param"], facts["message"]


def test_paints_what_the_library_and_the_other_dialect_paint(api: Any, address: str) -> None:
    answer = api.txt2img(prompt="a red apple", batch_size=2, n_iter=1, **SMALL)
    assert [image.size for image in answer.images] == [(32, 32)] * 2
    assert answer.info["all_seeds"] == [7, 8]
    assert answer.info["seed"] == 7
    assert (answer.info["sampler_name"], answer.info["steps"], answer.info["cfg_scale"]) == ("DDPM", 3, 4.0)
    assert answer.parameters["prompt"] == "a red apple"
    assert answer.info["infotexts"][0] == answer.images[0].info["parameters"]
    assert answer.info["sd_model_hash"] in answer.info["infotexts"][0]
    session = load("emoji", "cpu")
    for image, seed in zip(answer.images, (7, 8), strict=True):
        wanted = session.paint("a red apple", seed=seed, steps=3, size=(32, 32)).image
        assert np.abs(pixels(image) - pixels(wanted)).max() <= 1
    other = openai.OpenAI(
        base_url=f"{address}/v1", api_key="any", http_client=openai.DefaultHttpxClient(trust_env=False)
    ).images.generate(prompt="a red apple", size="32x32", extra_body={"steps": 3, "seed": 7})
    assert other.data
    with Image.open(io.BytesIO(base64.b64decode(other.data[0].b64_json or ""))) as image:
        assert np.abs(pixels(image) - pixels(answer.images[0])).max() <= 1


def test_the_client_may_leave_everything_to_its_defaults(api: Any) -> None:
    answer = api.txt2img(prompt="a cat")
    assert answer.image.size == (512, 512)
    assert (answer.info["sampler_name"], answer.info["steps"], answer.info["cfg_scale"]) == ("Euler a", 20, 7.0)
    again = api.txt2img(prompt="a cat", steps=3, width=32, height=32, negative_prompt="a dog", send_images=False)
    assert again.images == []
    assert again.info["negative_prompt"] == "a dog"
    assert again.info["seed"] != answer.info["seed"]


def test_paints_only_where_the_mask_says(api: Any) -> None:
    given = noise()
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    for invert in (0, 1):
        answer = api.img2img(
            images=[given], mask_image=mask, inpainting_mask_invert=invert, prompt="an apple", denoising_strength=1.0, **SMALL
        )
        changed = np.abs(pixels(answer.image) - pixels(given)).max(2)
        left, right = changed[:, :16], changed[:, 16:]
        painted, kept = (right, left) if invert else (left, right)
        assert not kept.any()
        assert (painted > 8).mean() > 0.9
        assert answer.info["extra_generation_params"]["Mask blur"] == 0
        assert answer.parameters["init_images"] is None


def test_starts_from_a_picture_the_more_the_less_it_is_denoised(api: Any) -> None:
    far = {
        strength: np.abs(
            pixels(api.img2img(images=[noise()], prompt="an apple", denoising_strength=strength, **SMALL).image)
            - pixels(noise())
        ).mean()
        for strength in (0.1, 1.0)
    }
    assert far[0.1] < far[1.0]


def test_pictures_of_another_shape_are_stretched_or_cropped(api: Any) -> None:
    red = Image.new("RGB", (64, 32), "white")
    red.paste("red", (0, 0, 16, 32))  # a quarter that cropping cuts away
    kept = Image.new("L", (64, 32))  # black: all of it is kept, so what comes back is what was made of it
    asked = {"images": [red], "mask_image": kept, "prompt": "an apple", **SMALL}
    stretched = pixels(api.img2img(**asked, resize_mode=0).image)
    assert (np.abs(stretched - [255, 0, 0, 255]).max(2) < 8)[:, :6].all()
    cropped = pixels(api.img2img(**asked, resize_mode=1).image)
    assert (cropped > 247).all()
    with pytest.raises(RuntimeError) as error:
        api.img2img(**asked, resize_mode=2)
    assert refused(error)[:2] == (400, "resize_mode")


def test_what_a_painter_has_not_is_left_out_where_nobody_chose_it(api: Any) -> None:
    api.txt2img(prompt="a cat", **SMALL)  # a worker has told what families heed
    asked = {"images": [noise()], "override_settings": {"sd_model_checkpoint": "x4"}, "width": 128, "height": 128}
    for chosen in ({"denoising_strength": 1.0}, {}):
        answer = api.img2img(**asked, **chosen)
        assert answer.image.size == (128, 128)
        assert (answer.info["steps"], answer.info["sampler_name"]) == (1, "")
    with pytest.raises(RuntimeError, match="strength"):
        api.img2img(**asked, denoising_strength=0.5)
    with pytest.raises(RuntimeError, match="steps"):
        api.img2img(**asked, denoising_strength=1.0, steps=30)


def test_progress_is_told_under_way(api: Any, address: str) -> None:
    assert api.get_progress()["progress"] == 0
    thread = threading.Thread(target=lambda: client(address).txt2img(prompt="a sun", **{**SMALL, "steps": 150}))
    thread.start()
    seen = []
    while thread.is_alive():
        seen.append(api.get_progress())
        time.sleep(0.05)
    under_way = [found for found in seen if 0 < found["progress"] < 1]
    assert under_way
    shares = [found["progress"] for found in under_way]
    assert shares == sorted(shares)
    for found in under_way:
        assert found["state"]["job_count"] == 1
        assert found["eta_relative"] > 0
        assert 0 < found["state"]["sampling_step"] < found["state"]["sampling_steps"] == 150
    previews = [found["current_image"] for found in under_way if found["current_image"]]
    with Image.open(io.BytesIO(base64.b64decode(previews[-1])), formats=["PNG"]) as image:
        assert image.size == (32, 32)
    bare = requests.get(f"{address}/sdapi/v1/progress?skip_current_image=true", timeout=10).json()
    assert bare["current_image"] is None
    assert (bare["progress"], bare["state"]["job_count"]) == (0, 0)
    api.util_wait_for_ready()


def test_interrupting_cancels(api: Any, address: str) -> None:
    said: list[int] = []

    def ask() -> None:
        try:
            client(address).txt2img(prompt="a sun", **{**SMALL, "steps": 1000})
        except RuntimeError as error:
            said.append(error.args[0])

    thread = threading.Thread(target=ask)
    thread.start()
    while not api.get_progress()["progress"]:
        time.sleep(0.05)
    assert api.interrupt() == {}
    thread.join(20)
    assert said == [409]


def test_pictures_tell_what_painted_them(api: Any) -> None:
    image = api.txt2img(prompt="a tree: (tall:1.2)\nNegative space, green", **SMALL).image
    told = api.png_info(image)
    assert told.info == image.info["parameters"]
    facts = told.parameters
    assert facts["Prompt"] == "a tree: (tall:1.2)\nNegative space, green"
    assert (facts["Steps"], facts["Seed"], facts["Sampler"], facts["Size-1"]) == ("3", "7", "DDPM", "32")
    assert api.png_info(noise()).info == ""
    assert requests.post(f"{api.baseurl}/png-info", json={"image": "AAAA"}, timeout=10).status_code == 400
    assert (
        requests.post(f"{api.baseurl}/png-info", json={"image": "no base64!"}, timeout=10).json()["error"]["param"] == "image"
    )


def test_info_is_read_from_webp_and_jpeg_too(api: Any, address: str) -> None:
    api.txt2img(prompt="苹果, a tree", **SMALL)
    found = requests.get(f"{address}/api/paintings?words=tree", timeout=10).json()["paintings"][0]
    for form in ("webp", "jpeg"):
        content = requests.get(f"{address}/api/paintings/{found['id']}/file?format={form}", timeout=10).content
        sent = {"image": base64.b64encode(content).decode()}
        told = requests.post(f"{address}/sdapi/v1/png-info", json=sent, timeout=10).json()
        assert told["parameters"]["Prompt"] == "苹果, a tree"


def test_painters_are_checkpoints(api: Any, address: str) -> None:
    titles = api.util_get_model_names()
    assert {"emoji", "any-style", "x4"} <= set(titles)
    assert api.util_get_current_model() == "emoji"
    api.util_set_model("any-style", find_closest=False)
    try:
        assert api.util_get_current_model() == "any-style"
        assert client(address).get_options()["sd_model_checkpoint"] == "any-style"
        answer = api.txt2img(prompt="a cat", override_settings={"sd_model_checkpoint": "emoji"}, **SMALL)
        assert answer.info["sd_model_name"] == "emoji"
        with pytest.raises(RuntimeError, match="picture"):
            api.txt2img(prompt="a cat", **SMALL)
    finally:
        api.set_options({**api.get_options(), "sd_model_checkpoint": "emoji"})
    assert api.util_get_current_model() == "emoji"
    assert api.refresh_checkpoints() == {}


@pytest.mark.parametrize(
    "wanted", [{"sd_model_checkpoint": "sdxl"}, {"CLIP_stop_at_last_layers": 2}, {"samples_format": "jpg"}]
)
def test_options_that_cannot_be_are_refused(api: Any, address: str, wanted: dict[str, Any]) -> None:
    answer = requests.post(f"{address}/sdapi/v1/options", json=wanted, timeout=10)
    assert answer.status_code in (400, 404)
    assert str(next(iter(wanted.values()))) in answer.text or next(iter(wanted)) in answer.text
    assert api.util_get_current_model() == "emoji"


def test_samplers_go_by_their_names(api: Any) -> None:
    assert set(api.util_get_sampler_names()) == set(NAMES.values())
    shown = {
        name: pixels(api.txt2img(prompt="a cat", **{**SMALL, "steps": 8, "sampler_name": name}).image).tobytes()
        for name in ("Automatic", "DDPM", "DPM++ 2M", "ddim")
    }
    assert shown["Automatic"] == shown["DDPM"]
    assert len(set(shown.values())) == 3
    assert api.util_get_scheduler_names() == ["automatic"]


def test_menus_are_filled(api: Any) -> None:
    assert api.get_scripts() == {"txt2img": [], "img2img": []}
    assert api.get_loras() == api.get_upscalers() == api.get_prompt_styles() == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"enable_hr": True}, "enable_hr"),
    ({"restore_faces": True}, "restore_faces"),
    ({"tiling": True}, "tiling"),
    ({"styles": ["photo"]}, "styles"),
    ({"subseed_strength": 0.5}, "subseed_strength"),
    ({"seed_resize_from_h": 64}, "seed_resize_from_h"),
    ({"do_not_save_samples": True}, "do_not_save_samples"),
    ({"s_churn": 0.3}, "s_churn"),
    ({"script_name": "x/y plot"}, "script_name"),
    ({"alwayson_scripts": {"controlnet": {"args": []}}}, "alwayson_scripts"),
    ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "override_settings.CLIP_stop_at_last_layers"),
    ({"override_settings_restore_afterwards": False}, "override_settings_restore_afterwards"),
    ({"sampler_name": "PLMS"}, "sampler_name"),
    ({"scheduler": "karras"}, "scheduler"),
    ({"seed": -2}, "seed"),
    ({"batch_size": 0}, "batch_size"),
    ({"width": 0}, "width"),
    ({"steps": 0}, "steps"),
]


@pytest.mark.parametrize(("asked", "param"), WRONG, ids=[param for _, param in WRONG])
def test_what_cannot_be_done_is_refused_by_name(api: Any, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(RuntimeError) as error:
        api.txt2img(prompt="a cat", **asked)
    assert refused(error)[:2] == (400, param)


def test_what_is_refused_otherwise(api: Any, address: str) -> None:
    for asked, said in (
        ({"eta": 0.5}, "eta"),
        ({"eta": 0, "sampler_name": "Euler a"}, "eta"),
        ({"batch_size": 60, "n_iter": 60}, "64"),
        ({"width": 4096, "height": 4096}, "4096"),
    ):
        with pytest.raises(RuntimeError, match=said) as error:
            api.txt2img(prompt="a cat", **asked)
        assert error.value.args[0] == 400
    unknown: list[dict[str, Any]] = [{"colour": "red"}, {"init_images": []}]
    for sent in unknown:
        answer = requests.post(f"{address}/sdapi/v1/txt2img", json={"prompt": "a cat", **sent}, timeout=10)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(sent)))


@pytest.mark.parametrize("path", ["txt2img", "img2img", "options", "png-info"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1}',  # half a letter
        b'{"sd_model_checkpoint": "\\ud800", "image": "\\ud800", "prompt": "\\ud800"}',
        b'{"tiling": "\\ud800", "samples_format": "\\ud800", "image": [1]}',
        b'{"override_settings": {"sd_model_checkpoint": "\\ud800"}}',
        b'{"hr_prompt": "\\ud800", "mask_round": "\\ud800"}',
        b'{"subseed": ' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" * 100_000,
        b'{"width": NaN, "eta": NaN, "tiling": NaN, "samples_save": NaN}',
    ],
)
def test_nonsense_is_refused_as_nonsense(address: str, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{address}/sdapi/v1/{path}", data=body, headers=headers, timeout=10)
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_starts_that_are_no_pictures_are_refused(api: Any) -> None:
    for images, param in (([], "init_images"), ([noise(), noise()], "init_images")):
        with pytest.raises(RuntimeError) as error:
            api.img2img(images=images, prompt="a cat", **SMALL)
        assert refused(error)[:2] == (400, param)
    with pytest.raises(RuntimeError) as error:
        api.img2img(images=[noise()], mask_image=Image.new("L", (32, 16)), prompt="a cat", **SMALL)
    assert refused(error)[:2] == (400, "mask")
    with pytest.raises(RuntimeError) as error:
        api.img2img(images=[noise()], mask_image=Image.new("L", (32, 32)), mask_blur=9, prompt="a cat", **SMALL)
    assert refused(error)[:2] == (400, "mask_blur")


def test_keys_are_passwords(tmp_path: Path) -> None:
    found = studio(tmp_path)
    one, two = found.users.add("one", PASSWORD, "admin"), found.users.add("two", PASSWORD, "viewer")
    with answering(found) as address:
        assert "detail" not in client(address).get_options()
        assert client(address).get_options()["error"]["type"] == "authentication_error"
        assert client(address, username="one", password="guess").get_options()["error"]["type"] == "authentication_error"
        _, key = found.users.add_key(one.id, "test")
        api = client(address, username="one", password=key)
        api.set_options({"sd_model_checkpoint": "x4"})
        assert api.util_get_current_model() == "x4"
        _, key = found.users.add_key(two.id, "test")
        api = client(address, username="two", password=key)
        assert api.util_get_current_model() == "emoji", "one user's choice is another's"
        with pytest.raises(RuntimeError, match="viewer"):
            api.txt2img(prompt="a cat")


def test_progress_is_ones_own(tmp_path: Path) -> None:
    found = studio(tmp_path)
    one, two = found.users.add("one", PASSWORD, "admin"), found.users.add("two", PASSWORD, "viewer")
    keys = [found.users.add_key(user.id, "test")[1] for user in (one, two)]
    with answering(found) as address:
        headers = [{"Authorization": f"Bearer {key}"} for key in keys]
        assert requests.post(f"{address}/api/jobs", json={"words": "a cat", "count": 3}, headers=headers[0], timeout=10).ok
        counts = [
            requests.get(f"{address}/sdapi/v1/progress", headers=each, timeout=10).json()["state"]["job_count"]
            for each in headers
        ]
    assert counts == [3, 0]


@pytest.mark.parametrize("value", ['#aa0000:0.2,"#b"', "plain", "with: colon", 'quote " inside', "ends in \\"])
def test_texts_are_read_as_they_are_written(value: str) -> None:
    wish = {"words": "one, two: three\nfour", "negative": "five: six, seven", "size": (40, 30), "steps": 4, "guidance": 1.5}
    wish |= {"seed": 11, "sampler": "ancestral", "conditions": {"palette": value}}
    found = parse(compose(wish, "emoji", "ab" * 32, "1.0"))
    assert found == {
        "Prompt": "one, two: three\nfour",
        "Negative prompt": "five: six, seven",
        "Steps": "4",
        "Sampler": "Euler a",
        "CFG scale": "1.5",
        "Seed": "11",
        "Size-1": "40",
        "Size-2": "30",
        "Model hash": "ababababab",
        "Model": "emoji",
        "Palette": value,
        "Version": "danqing 1.0",
    }


def test_hostile_texts_take_no_time() -> None:
    for text in ('aa: "' * 3200, " " * 16_000, "a: b, " * 200_000, '"' * 1_000_000):
        began = time.process_time()
        parse(text)
        assert time.process_time() - began < 5
