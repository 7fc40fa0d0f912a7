"""Agreement with the words: how often a painting's own words suit it better than others' do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from danqing.parts.contract import Key

AMONG = 100
"""Captions a picture chooses from, its own included: chance finds 1 %."""


def r_precision(
    pictures: Float[Tensor, "pictures width"], words: Float[Tensor, "pictures width"], texts: Sequence[str], key: Key
) -> Float[np.ndarray, " pictures"]:
    """Per picture, whether its own caption is nearest among `AMONG` (R-precision, Xu et al. 2018, section 4.1).

    Args:
        pictures, words: each picture and its caption in one space, of length 1.
        texts: the captions; others that read the same are no rivals.
        key: of the rivals, which are drawn from the other captions; all of them where there are fewer.

    Returns:
        1 where the own caption is nearest, 0 where another is.
    """
    numbers = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    own = torch.tensor([numbers[text] for text in texts])
    first = torch.tensor([texts.index(text) for text in numbers])
    alike = pictures @ words[first].T
    mine = alike.gather(1, own[:, None])
    rivals = torch.rand(alike.shape, generator=key.generator()).scatter_(1, own[:, None], -1.0)
    picked = rivals.topk(min(AMONG, len(numbers)) - 1, dim=1).indices
    hits: np.ndarray = (alike.gather(1, picked) < mine).all(1).double().numpy()
    return hits
