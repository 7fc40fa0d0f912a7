"""Words from names and text files, and the languages they are in."""

import pytest

from danqing.data.captions import by_language, caption_from_name, language_of, merged

NAMES = {
    "IMG_0042-red_apple (2).png": "red apple",
    "red_apple.png": "red apple",
    "redApple.svg": "red Apple",
    "red apple - Copy (2).jpg": "red apple",
    "apple-256x256.png": "apple",
    "icon_home_24px.svg": "icon home",
    "house@2x.png": "house",
    "Café au lait - copy.png": "Café au lait",
    "cat 3.png": "cat",
    "0012_fox.webp": "fox",
    "3d-cube.png": "3d cube",
    "h2o.png": "h2o",
    "photo of a dog.jpg": "photo of a dog",
    "photo-camera.png": "photo camera",
    "file_cabinet.png": "file cabinet",
    "untitled-2 woman.png": "woman",
    "folder/green.tree.png": "green tree",
    "苹果_红色 (1).png": "苹果 红色",
    "狐狸（3）.png": "狐狸",
    "微信图片_20230101-小猫.jpg": "小猫",
    "DSC01234.JPG": "",
    "IMG_20240101_123456.jpg": "",
    "PXL_20230405_112233.MP.jpg": "",
    "P1010023.JPG": "",
    "GOPR0123.jpg": "",
    "mmexport1680000000.jpg": "",
    "微信图片_20230101.jpg": "",
    "Screenshot 2024-01-01 at 10.00.00.png": "",
    "截图 2024.png": "",
    "0001.png": "",
    "1f34e.png": "",
    "u1f34e.svg": "",
    "image (3).png": "",
    "picture.png": "",
    "d41d8cd98f00b204e9800998ecf8427e.png": "",
    "550e8400-e29b-41d4-a716-446655440000.png": "",
    ".png": "png",
    "---.png": "",
}


@pytest.mark.parametrize("name", NAMES)
def test_words_in_names(name: str) -> None:
    assert caption_from_name(name) == NAMES[name]


def test_a_long_name_is_cut() -> None:
    assert len(caption_from_name("very " * 200 + ".png")) == 300


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a red apple", "en"),
        ("naïve café", "en"),
        ("1girl, solo, blue_eyes", "en"),
        ("红苹果", "zh"),
        ("iPhone 手机", "zh"),
        ("一个很大的红色苹果和 apple", "zh"),
        ("𠀀", "zh"),
        ("りんご", ""),
        ("日本の城", ""),
        ("사과", ""),
        ("яблоко", ""),
        ("123 !?", ""),
        ("", ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


def test_captions_by_language_keep_their_order_and_tags() -> None:
    assert by_language(["1girl, solo, (red:1.2)", "红苹果", "a  red\tapple", "", "  ", "红苹果"]) == {
        "en": ("1girl, solo, (red:1.2)", "a red apple"),
        "zh": ("红苹果",),
    }
    assert merged({"en": ("a",)}, {"zh": ("乙",), "en": ("b", "a")}) == {"en": ("a", "b"), "zh": ("乙",)}
