"""Are the other encoders measured fairly: real files, the picture they hold, no table or plane of someone else's?"""

import io

import numpy as np
import pytest
from PIL import Image

from vcodec.errors import CodecError
from vcodec.evaluation import rivals
from vcodec.evaluation.curves import build_curve
from vcodec.evaluation.rivals import RIVALS
from vcodec.images import embedded, luma
from vcodec.metrics import psnr
from vcodec.standard import CODECS

COLOUR = embedded("chelsea")[60:131, 140:231]
NEEDS = {"jpegli": "pyjpegli", "jpegxl": "pillow_jxl"}


@pytest.fixture(params=list(RIVALS))
def rival(request):
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    return RIVALS[request.param]


@pytest.mark.parametrize("picture", [luma(COLOUR), COLOUR], ids=["gray", "colour"])
def test_a_file_holds_the_picture_and_a_higher_quality_holds_it_better(rival, picture):
    files = [rival.encode(picture, quality) for quality in (20, 90)]
    low, high = (psnr(rival.decode(data), picture) for data in files)
    assert rival.decode(files[1]).shape == picture.shape and high > low + 5 and len(files[1]) > len(files[0])
    assert build_curve(rival.name) == [(1, rival)] and rival.settings


def test_of_gray_jpegli_stores_its_own_table_and_no_chroma():
    pytest.importorskip("pyjpegli")
    gray, colour = luma(COLOUR), np.repeat(luma(COLOUR)[..., None], 3, axis=2)
    data = RIVALS["jpegli"].encode(gray, 75)
    table = Image.open(io.BytesIO(data)).quantization[0]
    assert Image.open(io.BytesIO(data)).mode == "L"
    assert table == Image.open(io.BytesIO(RIVALS["jpegli"].encode(colour, 75))).quantization[0]
    assert table != Image.open(io.BytesIO(CODECS["jpeg"].encode(gray, 75))).quantization[0]


def test_mozjpeg_leaves_the_tuned_codec_its_own_libjpeg():
    before = CODECS["jpeg-tuned"].encode(COLOUR, 30)
    RIVALS["mozjpeg"].encode(COLOUR, 30)
    assert CODECS["jpeg-tuned"].encode(COLOUR, 30) == before


def test_a_missing_package_is_one_clear_sentence(monkeypatch):
    def without(name, *args):
        raise ImportError(name)

    monkeypatch.setattr(rivals, "import_module", without)
    with pytest.raises(CodecError, match=r"^pyjpegli is not installed; .*vcodec\[rivals\]"):
        RIVALS["jpegli"].encode(COLOUR, 30)
