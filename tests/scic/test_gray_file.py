"""Is colour really inside the gray file, and is that file an ordinary one?"""

import io

import numpy as np
import pytest
from PIL import Image

from vcodec.images import embedded, luma
from vcodec.metrics import psnr
from vcodec.scic import FRAMEWORKS
from vcodec.scic.gray_file import ColourPostProcessor, GrayFile, GrayReSampler, load_gray_file
from vcodec.training import JointSettings
from vcodec.training.gray_file import GrayFileTrainer

JPEG = FRAMEWORKS["scic-jpeg"]
PHOTO = embedded("coffee")[100:197, 200:303]  # (97, 103, 3): odd


def test_untrained_it_codes_the_luma_and_shows_it_gray():
    files = GrayFile(JPEG, GrayReSampler().eval(), ColourPostProcessor().eval())
    y = files.resample(PHOTO, 50).astype(int)
    assert abs(y - luma(PHOTO)).max() <= 1
    shown = files.decode(files.encode(PHOTO, 50))
    assert shown.shape == PHOTO.shape and np.ptp(shown, axis=2).max() == 0


@pytest.fixture(scope="module")
def shipped():
    return load_gray_file(JPEG)


def test_every_viewer_opens_the_file_as_a_gray_picture(shipped):
    with Image.open(io.BytesIO(shipped.encode(PHOTO, 40))) as file:
        assert (file.format, file.mode, file.size) == ("JPEG", "L", (103, 97))


def test_the_colours_of_the_picture_come_out_of_the_file_and_not_out_of_the_decoder(shipped):
    """Two pictures of the same luma: the decoder cannot know which of them was coded unless the file says it."""
    other = np.asarray(Image.merge("YCbCr", _swapped(PHOTO)).convert("RGB"))
    for picture, wrong in ((PHOTO, other), (other, PHOTO)):
        shown = shipped.decode(shipped.encode(picture, 70))
        assert psnr(shown, picture) > psnr(shown, wrong) + 3


def _swapped(picture):
    y, cb, cr = Image.fromarray(picture).convert("YCbCr").split()
    return y, cr, cb


def test_a_run_leaves_weights_that_load(tmp_path):
    settings = JointSettings(scale=1, gradient="straight-through", steps=3, batch=2, patch=32, lead_in=0, judged=1)
    trainer = GrayFileTrainer(settings, [PHOTO], [PHOTO], tmp_path)
    trainer.train()
    files = load_gray_file(JPEG, tmp_path / "gray-file.safetensors")
    assert files.rsn is not None and files.decode(files.encode(PHOTO, 30)).shape == PHOTO.shape
