"""Output that is not a plain file, and inputs that lie."""

import hashlib
import io
import json
import os

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from vcodec.cli import main
from vcodec.errors import CodecError
from vcodec.images import load_image, read_file, save_image, write_file
from vcodec.networks import load_weights, save_weights
from vcodec.networks.registry import build_networks

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")


def test_a_link_is_written_through_and_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_the_mode_of_a_file_is_kept(tmp_path):
    (tmp_path / "private").write_bytes(b"old")
    (tmp_path / "private").chmod(0o600)
    write_file(tmp_path / "private", b"new")
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_a_pipe_or_device_is_neither_replaced_nor_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for use in (lambda: write_file(pipe, b"new"), lambda: read_file(pipe), lambda: read_file("/dev/zero")):
        with pytest.raises(CodecError, match="not a plain file"):
            use()
    assert pipe.is_fifo() and sorted(os.listdir(tmp_path)) == ["pipe"]


@pytest.mark.parametrize("through_a_link", [False, True])
def test_an_output_that_is_the_input_is_refused(through_a_link, photo, weights, capsys):
    save_image("cat.jpg", photo)
    before, out = read_file("cat.jpg"), "link.jpg" if through_a_link else "cat.jpg"
    if through_a_link:
        os.symlink("cat.jpg", out)
    assert main(["encode", "cat.jpg", out, "--quality", "9", "--weights", str(weights)]) == 2
    assert "the input itself" in capsys.readouterr().err and read_file("cat.jpg") == before


def test_evaluate_says_that_it_cannot_save_before_it_measures(photo, capsys):
    os.mkdir("set")
    save_image("set/cat.png", photo)
    assert main(["evaluate", "set", "--curves", "jpeg", "--out", "nowhere/x.json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "no folder nowhere" in err


def test_only_the_formats_that_we_name_are_opened(photo):
    """EPS would start another program."""
    for kind in ("EPS", "TGA", "PCX", "ICO"):
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, kind)
        with pytest.raises(CodecError, match="not an image"):
            load_image(buffer.getvalue())


def test_weights_that_are_not_numbers_are_refused_at_saving_and_loading(tmp_path):
    path, (rsn, idn) = tmp_path / "scic-jpeg-x1.safetensors", build_networks("tiny", 1)
    with torch.no_grad():
        next(idn.parameters()).view(-1)[0] = np.nan
    with pytest.raises(CodecError, match="not finite"):
        save_weights(path, rsn, idn, {"network": "tiny", "scale": 1})
    assert os.listdir(tmp_path) == []
    data = save({f"idn.{key}": value for key, value in idn.state_dict().items()})
    path.write_bytes(data)
    card = {"network": "tiny", "scale": 1, "sha256": hashlib.sha256(data).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CodecError, match="not finite"):
        load_weights(path)
