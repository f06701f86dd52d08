"""Large photographs: do crops choose, and does the cheap way make the files of the long one?"""

import contextlib
import io

import numpy as np
import pytest
import torch

from vcodec import CodecError, progress
from vcodec.dct import block_dct
from vcodec.images import embedded
from vcodec.scic import large, load
from vcodec.scic.candidates import RestoredPlanes
from vcodec.scic.planes import luma_plane, with_luma
from vcodec.standard import jpeg, trellis


@pytest.fixture
def low_limit(monkeypatch):
    """Pictures of the tests are large: crops of 48x48."""
    monkeypatch.setattr(large, "LARGE", 144 * 144)
    monkeypatch.setattr(large, "SIDE", 48)


@pytest.fixture
def picture() -> np.ndarray:
    return embedded("coffee")[100:260, 200:361]


def test_crops_lie_on_the_grid_and_reach_both_ends(low_limit):
    x = np.add.outer(1000 * np.arange(200), np.arange(300))
    found = large.mosaic(x)
    assert found.shape == (144, 144) and found[0, 0] == 0
    assert found[-1, -1] == 1000 * (144 + 47) + 240 + 47  # the last crops begin at 144 = 9 * 16 and at 240


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 2])
def test_one_pass_over_the_whole_is_the_first_pass_of_the_search(picture, scale, low_limit):
    codec = load()
    candidate = codec.candidate(picture, 20, scale, restore=RestoredPlanes().restore)
    first, second = candidate.tried(1)
    assert codec.encode(picture, 20, scale, effort=0) == first.data
    assert codec.encode(picture, 20, scale) == codec.encode(picture, 20, scale, effort=1) == second.data
    assert codec.encode(picture, 20, scale, effort=3) == candidate.file(2)


@pytest.mark.slow
def test_crops_choose_scale_and_quality_and_targets_are_kept(picture, low_limit):
    codec = load()
    for quality in (2, 60):
        chosen = codec.header(codec.encode(large.mosaic(picture), quality, passes=0))
        header = codec.header(codec.encode(picture, quality, effort=0))
        assert (header.scale, header.quality) == (chosen.scale, chosen.quality)
    assert 0.9 * 3000 <= len(codec.encode(picture, max_bytes=3000, effort=0)) + 300 <= 3300
    with pytest.raises(CodecError, match="the smallest file takes"):
        codec.encode(picture, max_bytes=30, effort=0)
    with pytest.raises(CodecError, match="effort must be 0, 1, 2 or 3, not 4"):
        codec.encode(picture, 20, effort=4)


def test_pictures_of_ordinary_size_are_not_touched(picture, monkeypatch):
    monkeypatch.setattr(large, "mosaic", lambda x: pytest.fail("crops of a small picture"))
    assert not large.is_large(np.zeros((1000, 2000)))
    assert load().encode(picture, 5, effort=0)


def test_parts_of_a_plane_make_the_integers_of_the_whole(picture, monkeypatch):
    plane, table = picture[..., 0], np.full((8, 8), 20)
    whole = trellis.quantise(plane, table, 30.0)
    monkeypatch.setattr(trellis, "BLOCKS", 37)
    assert len(block_dct(plane).reshape(-1, 64)) > 37 and np.array_equal(trellis.quantise(plane, table, 30.0), whole)


def test_colour_is_converted_in_strips_exactly(picture, monkeypatch):
    whole, luma = jpeg.subsampled_strip(picture), luma_plane(picture)
    changed = with_luma(picture, luma + 0.01)
    monkeypatch.setattr(jpeg, "ROWS", 34)
    monkeypatch.setattr("vcodec.scic.planes.strips", lambda image: [slice(t, t + 33) for t in range(0, 160, 33)])
    assert all(map(np.array_equal, jpeg.subsampled_ycbcr(picture), whole))
    assert torch.equal(luma_plane(picture), luma) and np.array_equal(with_luma(picture, luma + 0.01), changed)


def test_one_bar_names_the_stage_and_ends_full(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(progress, "tqdm", shown_on(screen))
    with contextlib.redirect_stderr(screen), progress.staged(3.0):
        with progress.stage("coding", 1.0):
            pass
        with progress.stage("pass 1 of 1: restoring", 2.0):
            for _ in progress.steps(range(4), "tiles"):
                pass
    last = screen.getvalue().split("\r")
    assert any("coding:  33%" in line for line in last) and any("restoring: 100%" in line for line in last)
    assert any("restoring:  50%" in line for line in last) and "<" in screen.getvalue()


def shown_on(screen):
    from tqdm import tqdm

    return lambda **how: tqdm(**how | {"file": screen, "disable": False, "delay": 0, "mininterval": 0})
