"""OpenAI's dialect, as the official client speaks it: what is asked is done or refused, and the client understands both."""

import asyncio
import base64
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image
from serving import answering, serving
from studios import PASSWORD, deliver, studio

from danqing.paint import load
from danqing.server import waiting
from danqing.store import queue
from danqing.store.queue import Finished

QUICK = {"seed": 7, "steps": 3}


def client(address: str, **others: Any) -> openai.OpenAI:
    transport = openai.DefaultHttpxClient(trust_env=False)
    given: dict[str, Any] = {"api_key": "any", "max_retries": 0, "timeout": 60.0, **others}
    return openai.OpenAI(base_url=f"{address}/v1", http_client=transport, **given)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def painting(address: str) -> openai.OpenAI:
    return client(address)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[str]:
    """A studio in which nobody paints."""
    with answering(studio(tmp_path)) as found:
        yield found


def opened(item: Any, form: str = "PNG") -> Image.Image:
    assert item.b64_json
    with Image.open(io.BytesIO(base64.b64decode(item.b64_json)), formats=[form]) as image:
        image.load()
        return image.copy()


def pictures(answer: ImagesResponse, form: str = "PNG") -> list[Image.Image]:
    return [opened(item, form) for item in answer.data or []]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA")).astype(int)


def on_white(image: Image.Image) -> np.ndarray:
    """What is seen: colours of what is nearly transparent are anything."""
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))).astype(int)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def start(size: int = 32) -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (size, size, 4), np.uint8)
    noise[..., 3] = 255
    return Image.fromarray(noise)


def refused(error: pytest.ExceptionInfo[openai.APIStatusError]) -> tuple[object, object, str]:
    return error.value.code, error.value.param, error.value.message


def test_paints_what_the_library_paints(painting: openai.OpenAI) -> None:
    answer = painting.images.generate(prompt="a red apple", model="emoji", size="32x32", n=2, extra_body=QUICK)
    assert answer.size == "32x32"
    assert answer.background == "transparent"
    assert answer.output_format == "png"
    assert answer.created == pytest.approx(time.time(), abs=120)
    assert answer.quality is None
    assert answer.usage is None
    first, second = pictures(answer)
    assert [item.model_extra and item.model_extra["seed"] for item in answer.data or []] == [7, 8]
    session = load("emoji", "cpu")
    for shown, seed in ((first, 7), (second, 8)):
        wanted = session.paint("a red apple", seed=seed, steps=3, size=(32, 32)).image
        assert shown.size == (32, 32)
        assert np.abs(pixels(shown) - pixels(wanted)).max() <= 1
    assert np.abs(pixels(first) - pixels(second)).max() > 1
    assert first.info["parameters"].startswith("a red apple\n")


def test_everything_beyond_openai_goes_through(painting: openai.OpenAI) -> None:
    more = {"negative_prompt": "green", "guidance": 3.0, "sampler": "heun", "style": "noto:0.7", "palette": "#c0392b"}
    answer = painting.images.generate(prompt="an apple", size="32x32", extra_body={**QUICK, **more})
    conditions = {"style": "noto:0.7", "palette": "#c0392b"}
    wish = {"seed": 7, "steps": 3, "negative": "green", "guidance": 3.0, "sampler": "heun", "conditions": conditions}
    wanted = load("emoji", "cpu").paint("an apple", size=(32, 32), **wish).image
    assert np.abs(pixels(pictures(answer)[0]) - pixels(wanted)).max() <= 1
    other = painting.images.generate(
        prompt="an apple", size="32x32", extra_body={**QUICK, **more, "conditions": {}, "guidance": 1}
    )
    assert np.abs(pixels(pictures(other)[0]) - pixels(wanted)).max() > 1


def test_sizes_are_honoured_and_forms_hold(painting: openai.OpenAI) -> None:
    answer = painting.images.generate(
        prompt="a cat", size="128x64", output_format="webp", output_compression=60, background="opaque", extra_body=QUICK
    )
    (shown,) = pictures(answer, "WEBP")
    assert shown.size == (128, 64)
    assert answer.size == "128x64"
    assert answer.background == "opaque"
    assert pixels(shown)[..., 3].min() == 255
    answer = painting.images.generate(prompt="a cat", output_format="jpeg", extra_body=QUICK)
    assert answer.background == "opaque"
    assert pictures(answer, "JPEG")[0].size == (256, 256)


def test_addresses_lead_to_the_same_picture(painting: openai.OpenAI, address: str) -> None:
    asked = {"prompt": "a pear", "size": "32x32", "background": "opaque", "extra_body": QUICK}
    (inside,) = pictures(painting.images.generate(**asked, response_format="b64_json"))  # type: ignore[call-overload]
    (item,) = painting.images.generate(**asked, response_format="url").data or []  # type: ignore[call-overload]
    assert item.url.startswith(address + "/")
    assert item.b64_json is None
    found = httpx2.get(item.url, trust_env=False)
    assert found.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(found.content)) as image:
        assert np.array_equal(pixels(image), pixels(inside))
    assert pixels(inside)[..., 3].min() == 255


def test_one_key_paints_once(painting: openai.OpenAI) -> None:
    key = {"Idempotency-Key": "a cloud of mine"}
    asked = {"prompt": "a cloud", "size": "32x32", "extra_headers": key}
    once = painting.images.generate(**asked, extra_body={"steps": 3})  # type: ignore[call-overload]
    again = painting.images.generate(**asked, extra_body={"steps": 3})  # type: ignore[call-overload]
    assert once.data[0].b64_json == again.data[0].b64_json
    assert once.data[0].id == again.data[0].id
    with pytest.raises(openai.ConflictError) as error:
        painting.images.generate(**asked, extra_body={"steps": 4})  # type: ignore[call-overload]
    assert "a cloud of mine" in error.value.message
    other = painting.images.generate(prompt="a cloud", size="32x32", extra_body={"steps": 3})
    assert other.data
    assert other.data[0].model_extra != once.data[0].model_extra


@pytest.mark.parametrize("form", ["png", "webp", "jpeg"])
def test_streams_previews_and_then_the_picture(painting: openai.OpenAI, form: str) -> None:
    stream = painting.images.generate(
        prompt="a sun",
        size="64x64",
        stream=True,
        partial_images=2,
        output_format=form,
        extra_body={"steps": 16, "seed": 3},  # type: ignore[call-overload]
    )
    events = list(stream)
    *partial, last = events
    assert [event.type for event in partial] == ["image_generation.partial_image"] * len(partial)
    assert 1 <= len(partial) <= 2
    assert [event.partial_image_index for event in partial] == list(range(len(partial)))
    for event in events:
        assert event.output_format == form
        assert event.size == "64x64"
        assert event.quality == "auto"
        assert event.background == ("opaque" if form == "jpeg" else "transparent")
        assert opened(event, form.upper()).size == (64, 64)
    assert last.type == "image_generation.completed"
    assert last.usage.total_tokens == 0
    assert last.seed == 3
    assert partial[0].b64_json != last.b64_json


def test_previews_are_spread_over_the_steps(tmp_path: Path) -> None:
    found = studio(tmp_path)
    seen: list[int] = []

    def ask(address: str) -> None:
        for event in client(address).images.generate(prompt="a sun", stream=True, partial_images=3):
            seen.append(int(pixels(opened(event))[0, 0, 0]))

    with answering(found) as address:
        thread = threading.Thread(target=ask, args=(address,))
        thread.start()
        while not (claimed := found.queue.claim("test")):
            time.sleep(0.02)
        (task,) = claimed
        (found.folder / "previews").mkdir()
        for step in range(1, 13):
            shade = Image.new("RGB", (8, 8), (step, step, step))
            shade.save(found.folder / "previews" / f"{task.id}.webp", lossless=True)
            found.queue.progress("test", [task.id], step, 12)
            time.sleep(0.15)  # for the studio to look, since what it finds then is the newest preview
        sha256 = found.files.put(png(Image.new("RGB", (8, 8), "white")))
        deliver(found.queue, "test", task.id, Finished("a sun", 1, 8, 8, {}, {}, sha256, []))
        thread.join(10)
    assert seen == [1, 4, 8, 255]


def test_streams_every_picture_of_several(painting: openai.OpenAI) -> None:
    events = list(painting.images.generate(prompt="a sun", size="32x32", n=3, stream=True, extra_body=QUICK))
    assert [event.type for event in events] == ["image_generation.completed"] * 3
    assert [event.model_extra and event.model_extra["seed"] for event in events] == [7, 8, 9]


def test_what_fails_under_way_is_an_error_of_the_stream(painting: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="sampler"):
        list(painting.images.generate(prompt="a sun", stream=True, extra_body={"sampler": "crayon"}))


def test_paints_for_many_at_once(address: str) -> None:
    async def all_of_them() -> list[ImagesResponse]:
        transport = openai.DefaultAsyncHttpxClient(trust_env=False)
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="any", http_client=transport) as found:
            asked = [
                found.images.generate(prompt="a fish", size="32x32", extra_body={"seed": i, "steps": 3}) for i in range(12)
            ]
            return list(await asyncio.gather(*asked))

    answers = asyncio.run(all_of_them())
    shown = [pixels(pictures(answer)[0]).tobytes() for answer in answers]
    assert len(set(shown)) == 12


def test_streams_to_those_who_do_not_block(address: str) -> None:
    async def kinds() -> list[str]:
        transport = openai.DefaultAsyncHttpxClient(trust_env=False)
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="any", http_client=transport) as found:
            stream = await found.images.generate(prompt="a fish", size="32x32", stream=True, extra_body=QUICK)
            return [event.type async for event in stream]

    assert asyncio.run(kinds()) == ["image_generation.completed"]


def test_edits_only_where_the_mask_is_transparent(painting: openai.OpenAI) -> None:
    given = start()
    mask = np.full((32, 32, 4), 255, np.uint8)
    mask[:, :16, 3] = 0
    mask[:, 16:20, 3] = 128  # not fully transparent: kept
    answer = painting.images.edit(
        image=("a.png", png(given)),
        mask=("mask.png", png(Image.fromarray(mask))),
        prompt="an apple",
        size="32x32",
        n=1,
        extra_body={**QUICK, "conditions": {"style": "noto"}},
    )
    (shown,) = pictures(answer)
    changed = np.abs(pixels(shown) - pixels(given)).max(2)
    assert not changed[:, 16:].any()
    assert (changed[:, :16] > 8).mean() > 0.9


def test_edits_start_from_the_picture(painting: openai.OpenAI) -> None:
    given = start()
    shown = {}
    for strength in (0.1, 1.0):
        stream = painting.images.edit(
            image=[png(given)], prompt="an apple", size="32x32", stream=True, extra_body={**QUICK, "strength": strength}
        )
        (event,) = list(stream)
        assert event.type == "image_edit.completed"
        shown[strength] = np.abs(pixels(opened(event)) - pixels(given)).mean()
    assert shown[0.1] < shown[1.0]


def test_several_pictures_are_styles(painting: openai.OpenAI) -> None:
    pair = [("content.png", png(start())), ("style.png", png(Image.new("RGB", (32, 32), "red")))]
    answer = painting.images.edit(image=pair, prompt="", model="any-style", size="64x64")
    assert pictures(answer)[0].size == (64, 64)
    with pytest.raises(openai.BadRequestError) as error:
        painting.images.edit(image=pair, prompt="", model="emoji")
    assert refused(error)[1] == "image"


def test_masks_that_cannot_be_meant_are_refused(painting: openai.OpenAI) -> None:
    for mask, said in ((Image.new("RGBA", (16, 16)), "16×16"), (Image.new("RGBA", (32, 32), "white"), "transparent")):
        with pytest.raises(openai.BadRequestError) as error:
            painting.images.edit(image=png(start()), mask=png(mask), prompt="an apple")
        _, param, message = refused(error)
        assert param == "mask"
        assert said in message
    with pytest.raises(openai.BadRequestError, match="picture"):
        painting.images.edit(image=b"no picture at all", prompt="an apple")


def test_painters_are_models(painting: openai.OpenAI) -> None:
    found = {model.id: model for model in painting.models.list()}
    assert {"emoji", "any-style"} <= set(found)
    one = painting.models.retrieve("emoji")
    assert one == found["emoji"]
    assert (one.object, one.owned_by) == ("model", "danqing")
    with pytest.raises(openai.NotFoundError) as error:
        painting.models.retrieve("gpt-image-1")
    assert refused(error)[:2] == ("model_not_found", "model")


WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"n": 11}, "n", "10"),
    ({"n": 0}, "n", "1"),
    ({"size": "2048x2048"}, "size", "1024"),
    ({"size": "large"}, "size", "auto"),
    ({"quality": "hd"}, "quality", "steps"),
    ({"moderation": "low"}, "moderation", "auto"),
    ({"background": "transparent", "output_format": "jpeg"}, "background", "png"),
    ({"background": "transparent", "model": "any-style"}, "background", "opaque"),
    ({"output_compression": 50}, "output_compression", "webp"),
    ({"output_format": "gif"}, "output_format", "webp"),
    ({"partial_images": 2}, "partial_images", "stream"),
    ({"stream": True, "partial_images": 4}, "partial_images", "3"),
    ({"stream": True, "response_format": "url"}, "response_format", "url"),
    ({"extra_body": {"colour": "red"}}, "colour", "no such field"),
    ({"extra_body": {"seed": -1}}, "seed", "0"),
    ({"extra_body": {"palette": "#c0392b", "conditions": {"palette": "#ffffff"}}}, "palette", "twice"),
    ({"extra_body": {"init": "/etc/passwd"}}, "init", "pattern"),
]


@pytest.mark.parametrize(("asked", "param", "said"), WRONG, ids=[f"{param} {said}" for _, param, said in WRONG])
def test_what_cannot_be_done_is_refused_by_name(
    painting: openai.OpenAI, asked: dict[str, object], param: str, said: str
) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        painting.images.generate(prompt="a red apple", **asked)  # type: ignore[call-overload]
    assert refused(error)[1] == param
    assert said in refused(error)[2]
    assert error.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"style": "vivid"}, "noto"),  # OpenAI's word, and the painter's
        ({"style": "natural"}, "twemoji"),
        ({"extra_body": {"palette": "reddish"}}, "reddish"),
        ({"extra_body": {"sampler": "crayon"}}, "dpm"),
        ({"extra_body": {"conditions": {"mood": "sad"}}}, "mood"),
        ({"extra_body": {"strength": 0.5}}, "init"),
        ({"size": "1x1"}, "8"),
    ],
)
def test_what_the_painter_cannot_do_is_refused(painting: openai.OpenAI, asked: dict[str, object], said: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        painting.images.generate(prompt="a red apple", **asked)  # type: ignore[call-overload]
    assert said in error.value.message


def test_missing_things_are_not_found(painting: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        painting.images.generate(prompt="a red apple", model="gpt-image-1")
    assert refused(error)[:2] == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError, match="picture"):
        painting.images.generate(prompt="a red apple", extra_body={"init": "u0000000000000000000000"})


def test_paintings_can_be_started_from(painting: openai.OpenAI) -> None:
    first = painting.images.generate(prompt="a red apple", size="32x32", extra_body=QUICK)
    assert first.data
    begun = {"init": (first.data[0].model_extra or {})["id"], "strength": 0.1}
    again = painting.images.generate(prompt="a red apple", size="32x32", extra_body={**QUICK, **begun})
    other = painting.images.generate(prompt="a red apple", size="32x32", extra_body={"seed": 99, "steps": 3})
    one, two, three = (on_white(pictures(answer)[0]) for answer in (first, again, other))
    assert np.abs(one - two).mean() < 0.5 * np.abs(one - three).mean()


def test_forms_with_nonsense_are_refused(address: str) -> None:
    def sent(data: dict[str, object], files: list[tuple[str, tuple[str, bytes]]]) -> dict[str, object]:
        answer = httpx2.post(f"{address}/v1/images/edits", data=data, files=files or None, trust_env=False)
        assert answer.status_code == 400
        found: dict[str, object] = answer.json()["error"]
        return found

    image = ("image", ("a.png", png(start())))
    assert sent({"prompt": "an apple"}, [])["param"] == "image"
    assert sent({}, [image])["param"] == "prompt"
    assert sent({"prompt": "an apple", "input_fidelity": "high"}, [image])["param"] == "input_fidelity"
    assert sent({"prompt": ["an apple", "a pear"]}, [image])["param"] == "prompt"
    assert sent({"prompt": "an apple", "mask": "text"}, [image])["param"] == "mask"
    assert sent({"prompt": "an apple"}, [image, ("style", ("b.png", png(start())))])["param"] == "style"
    assert sent({"prompt": "an apple", "conditions[style][more]": "noto"}, [image])["param"] == "conditions[style][more]"


def test_who_goes_away_still_gets_a_painting(painting: openai.OpenAI, address: str) -> None:
    with pytest.raises(openai.APITimeoutError):
        painting.with_options(timeout=0.05).images.generate(prompt="a lonely fish", size="64x64", extra_body={"steps": 30})
    for _ in range(200):
        found = httpx2.get(f"{address}/api/paintings", params={"words": "lonely"}, trust_env=False).json()
        if found["total"]:
            return
        time.sleep(0.05)
    pytest.fail("it was not painted")


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_waits_for_who_went_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setattr(waiting, "PULSE", 0.1)
    found = studio(tmp_path)
    with answering(found) as address:
        with client(address).with_options(timeout=20.0 if stream else 1.0) as other:
            if stream:
                other.images.generate(prompt="a red apple", stream=True).close()
            else:
                with pytest.raises(openai.APITimeoutError):
                    other.images.generate(prompt="a red apple")
        jobs: list[dict[str, Any]] = []
        for _ in range(400):  # a busy machine may queue the job long after its client went away
            jobs = httpx2.get(f"{address}/api/jobs", trust_env=False).json()["jobs"]
            if jobs and not found.watch._listeners:
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"the request is still being waited with: {jobs}")
        assert [job["state"] for job in jobs] == ["queued"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_studio_that_closes_says_so_and_is_not_asked_again(tmp_path: Path, stream: bool) -> None:
    found = studio(tmp_path)
    said: list[openai.APIError] = []

    def ask(address: str) -> None:
        try:
            answer = client(address, max_retries=2).images.generate(prompt="a red apple", stream=stream)
            list(answer if stream else [])
        except openai.APIError as error:
            said.append(error)

    with answering(found) as address:
        thread = threading.Thread(target=ask, args=(address,))
        thread.start()
        while not (jobs := found.queue.claim("test")):
            time.sleep(0.02)
    thread.join(10)
    (error,) = said
    assert error.code == "closing"
    assert jobs[0].job_id in error.message
    if not stream:
        assert isinstance(error, openai.InternalServerError)
        assert error.status_code == 503
    again = studio(tmp_path)
    again.queue.release_all()
    assert [task.job_id for task in again.queue.claim("test", 9)] == [jobs[0].job_id], "ordered again"


def test_cancelled_jobs_are_conflicts_that_are_not_tried_again(idle: str) -> None:
    def cancel() -> None:
        with httpx2.Client(base_url=idle, trust_env=False) as other:
            while not (jobs := other.get("/api/jobs").json()["jobs"]):
                time.sleep(0.02)
            other.post(f"/api/jobs/{jobs[0]['id']}/cancel")

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(openai.ConflictError, match="cancelled"):
        client(idle, max_retries=2).images.generate(prompt="a red apple")
    thread.join()
    assert len(httpx2.get(f"{idle}/api/jobs", trust_env=False).json()["jobs"]) == 1


def test_too_much_is_too_much(idle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "WAITING", 2)
    with pytest.raises(openai.RateLimitError, match="wait"):
        client(idle).images.generate(prompt="a red apple", n=3)


def test_keys_open_the_door(tmp_path: Path) -> None:
    found = studio(tmp_path)
    maker = found.users.add("maker", PASSWORD, "admin")
    viewer = found.users.add("viewer", PASSWORD, "viewer")
    with answering(found) as address:
        with pytest.raises(openai.AuthenticationError):
            client(address, api_key="guess").models.list()
        _, key = found.users.add_key(maker.id, "test")
        assert client(address, api_key=key).models.list().data
        _, key = found.users.add_key(viewer.id, "test")
        with pytest.raises(openai.PermissionDeniedError):
            client(address, api_key=key).images.generate(prompt="a red apple")
