"""Colour spaces and colour differences. No torch here.

Colour functions take and give float64 arrays (..., 3). sRGB and linear light are in [0, 1]; OKLab has L in [0, 1] and
a, b within ±0.4; CIELAB (white point D65, 2° observer) has L in [0, 100] and a, b within ±128.
"""

import numpy as np
from jaxtyping import Float, UInt8

Colours = Float[np.ndarray, "*many three"]
Either = Float[np.ndarray, "*#many three"]
"""Colours that are broadcast against others."""

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_D65 = np.array([0.95047, 1.0, 1.08883])


def srgb_to_linear(srgb: Colours) -> Colours:
    """Linear light (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Colours) -> Colours:
    """The inverse of `srgb_to_linear`."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


_LIGHT = srgb_to_linear(np.arange(256) / 255.0)


def srgb_to_oklab(srgb: Colours) -> Colours:
    """OKLab, where equal distances look about equally different (Ottosson 2020)."""
    return _linear_to_oklab(srgb_to_linear(srgb))


def bytes_to_oklab(pixels: UInt8[np.ndarray, "*many three"]) -> Colours:
    """OKLab of uint8 sRGB, by a table."""
    return _linear_to_oklab(_LIGHT[pixels])


def _linear_to_oklab(linear: Colours) -> Colours:
    return np.asarray(np.cbrt(linear @ _LMS.T) @ _LAB.T)


def oklab_to_srgb(oklab: Colours) -> Colours:
    """The inverse of `srgb_to_oklab`; colours outside sRGB come out outside [0, 1]."""
    return linear_to_srgb((oklab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T)


def oklab_to_bytes(oklab: Colours) -> UInt8[np.ndarray, "*many three"]:
    """The nearest uint8 sRGB, channel by channel."""
    return np.rint(oklab_to_srgb(oklab).clip(0.0, 1.0) * 255.0).astype(np.uint8)


def srgb_to_cielab(srgb: Colours) -> Colours:
    """CIELAB (CIE 15:2004, section 8.2.1)."""
    ratio = srgb_to_linear(srgb) @ _XYZ.T / _D65
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: Either, second: Either) -> Float[np.ndarray, "*#many"]:
    """How different two CIELAB colours look; about 1 is just noticeable (Sharma, Wu & Dalal 2005, equations 2 to 22).

    The two are broadcast against each other: (m, 1, 3) and (n, 3) give (m, n).
    """
    light, chroma, hue = _polar(first, second)
    d_light = light[1] - light[0]
    d_chroma = chroma[1] - chroma[0]
    gray = chroma[0] * chroma[1] == 0.0
    turn = np.where(gray, 0.0, (hue[1] - hue[0] + 180.0) % 360.0 - 180.0)
    turn = np.where(turn == -180.0, hue[1] - hue[0], turn)
    d_hue = 2.0 * np.sqrt(chroma[0] * chroma[1]) * np.sin(np.radians(turn) / 2.0)
    mean_light, mean_chroma = (light[0] + light[1]) / 2.0, (chroma[0] + chroma[1]) / 2.0
    mean_hue = np.where(gray, hue[0] + hue[1], _mean_hue(hue[0], hue[1]))
    s_light, s_chroma, s_hue, rotation = _weights(mean_light, mean_chroma, mean_hue)
    d_light, d_chroma, d_hue = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    square = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


_Pair = tuple[np.ndarray, np.ndarray]


def _polar(first: Either, second: Either) -> tuple[_Pair, _Pair, _Pair]:
    """L', C' and h' in degrees of both colours (equations 2 to 7)."""
    mean = (np.hypot(first[..., 1], first[..., 2]) + np.hypot(second[..., 1], second[..., 2])) / 2.0
    stretch = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    a = stretch * first[..., 1], stretch * second[..., 1]
    b = first[..., 2], second[..., 2]
    chroma = np.hypot(a[0], b[0]), np.hypot(a[1], b[1])
    hue = np.degrees(np.arctan2(b[0], a[0])) % 360.0, np.degrees(np.arctan2(b[1], a[1])) % 360.0
    return (first[..., 0], second[..., 0]), chroma, hue


def _mean_hue(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The hue half-way along the shorter arc, in degrees (equation 14)."""
    total = first + second
    around = np.where(total < 360.0, total + 360.0, total - 360.0)
    return np.asarray(np.where(np.abs(first - second) <= 180.0, total, around) / 2.0)


def _weights(light: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """S_L, S_C, S_H and R_T at the mean colour (equations 15 to 21)."""
    turned = 1.0 - 0.17 * np.cos(np.radians(hue - 30.0)) + 0.24 * np.cos(np.radians(2.0 * hue))
    turned = turned + 0.32 * np.cos(np.radians(3.0 * hue + 6.0)) - 0.20 * np.cos(np.radians(4.0 * hue - 63.0))
    blue = 30.0 * np.exp(-(((hue - 275.0) / 25.0) ** 2))
    rotation = -np.sin(np.radians(2.0 * blue)) * 2.0 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    s_light = 1.0 + 0.015 * (light - 50.0) ** 2 / np.sqrt(20.0 + (light - 50.0) ** 2)
    return s_light, 1.0 + 0.045 * chroma, 1.0 + 0.015 * chroma * turned, rotation


def recoloured(
    pixels: UInt8[np.ndarray, "*many channels"], colours: UInt8[np.ndarray, "*many channels"]
) -> UInt8[np.ndarray, "*many channels"]:
    """The light and dark of some pixels in the colours of others, in OKLab; gray ones have no colours, alpha is left alone.

    Luminance-only transfer (Gatys et al. 2017, "Controlling perceptual factors in neural style transfer", section 5.1).
    """
    if pixels.shape[-1] == 1:
        return pixels
    both = bytes_to_oklab(colours[..., :3])
    both[..., 0] = bytes_to_oklab(pixels[..., :3])[..., 0]
    return np.concatenate([oklab_to_bytes(both), pixels[..., 3:]], axis=-1)


def premultiply(pixels: UInt8[np.ndarray, "*many four"]) -> UInt8[np.ndarray, "*many four"]:
    """Colours multiplied by alpha, rounded; what resizing must work on (Porter & Duff 1984, section 3)."""
    product = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
    return np.concatenate([((product + 127) // 255).astype(np.uint8), pixels[..., 3:]], axis=-1)


def unpremultiply(pixels: UInt8[np.ndarray, "*many four"]) -> UInt8[np.ndarray, "*many four"]:
    """The inverse of `premultiply` up to its rounding; colours above alpha become 255, transparent pixels black."""
    alpha = pixels[..., 3:].astype(np.uint16)
    colour = (pixels[..., :3].astype(np.uint16) * 255 + alpha // 2) // np.maximum(alpha, 1)
    colour = np.where(alpha == 0, 0, np.minimum(colour, 255))
    return np.concatenate([colour.astype(np.uint8), pixels[..., 3:]], axis=-1)
