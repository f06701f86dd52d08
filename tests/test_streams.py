"""Standard input and output, and what terminals, pipes and disks do to a program's words and files."""

import errno
import os
import tempfile
from unittest.mock import Mock

import pytest

from vcodec.errors import CodecError
from vcodec.images import load_image
from vcodec.standard import TUNED_JPEG

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files without a disk are Linux's")
def test_encoders_write_no_picture_into_the_folder_for_temporary_files(photo, monkeypatch):
    monkeypatch.setattr(tempfile, "mkdtemp", Mock(side_effect=FULL))
    assert load_image(TUNED_JPEG.encode(photo, 30)).shape == photo.shape


@pytest.mark.parametrize("full", ["mkdtemp", "NamedTemporaryFile"])  # ours; that of jpeglib, which stays empty
def test_where_they_must_a_full_disk_gets_one_sentence(full, photo, monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert load_image(TUNED_JPEG.encode(photo, 30)).shape == photo.shape
    monkeypatch.setattr(tempfile, full, Mock(side_effect=FULL))
    with pytest.raises(CodecError, match="temporary file"):
        TUNED_JPEG.encode(photo, 30)
