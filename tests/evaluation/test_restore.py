"""Is the decoder tested as a restorer on the files that the literature uses?"""

import io

import numpy as np
from PIL import Image

from benchmarks.restore import SHIFT, TWICE, cases, jpeg, limited_luma, lumas, shown
from vcodec.images import embedded, luma
from vcodec.metrics import psnr

CROP = embedded("chelsea")[60:140, 140:220]


def test_limited_luma_goes_from_16_to_235_and_reads_higher():
    black_white = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert limited_luma(black_white).tolist() == [[16, 235]]
    read = [psnr(shown(jpeg(picture, 10)), picture) for picture in lumas(CROP, ["full", "limited"]).values()]
    assert 0.2 < read[1] - read[0] < 1.5  # dB; the same quality, a smaller range


def test_a_shifted_file_lies_off_the_grid_of_the_first_one():
    picture = luma(CROP)
    once, same, shifted = cases(picture, [TWICE[1]], twice=True).values()
    assert np.array_equal(once[0], same[0]) and np.array_equal(shifted[0], picture[SHIFT:, SHIFT:])
    assert psnr(shown(same[1]), picture) < psnr(shown(once[1]), picture)  # the first quality did harm that stays
    tables = [Image.open(io.BytesIO(data)).quantization for _, data in (once, same, shifted)]
    assert tables[0] == tables[1] == tables[2]  # and no file tells of it
