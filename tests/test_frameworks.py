"""Does the deep codec answer to its name, its suffix and the command line as SCIC does?"""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vcodec
from vcodec.cli import main
from vcodec.errors import CodecError
from vcodec.evaluation.curves import build_curve
from vcodec.frameworks import framework_for, framework_of, names
from vcodec.metrics import psnr

GOLDEN = str(Path(__file__).parent / "golden")  # weights without networks: fast


@pytest.fixture
def picture(tmp_path, photo) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    return path


def test_there_and_back_on_the_command_line(picture, photo, tmp_path, capsys):
    packed, restored = tmp_path / "photo.vcn", tmp_path / "restored.png"
    assert main(["encode", str(picture), str(packed), "--quality", "45", "--weights", GOLDEN]) == 0
    assert main(["info", str(packed), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["framework"], facts["width"], facts["height"], facts["quality"]) == ("dnnc", 160, 128, 45)
    assert main(["decode", str(packed), str(restored), "--weights", GOLDEN]) == 0
    assert psnr(np.asarray(Image.open(restored)), photo) > 28


def test_promises_are_kept(picture, photo, tmp_path):
    packed = tmp_path / "photo.vcn"
    assert main(["encode", str(picture), str(packed), "--bytes", "3000", "--weights", GOLDEN]) == 0
    assert 2700 <= packed.stat().st_size <= 3000
    codec = vcodec.load("dnnc", GOLDEN)
    data = codec.encode(photo, min_psnr=31)
    assert 31 <= psnr(codec.decode(data), photo) < 31.15


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["out.jpg", "--framework", "dnnc", "--quality", "10"], "does not fit --framework dnnc"),
        (["out.vcn", "--framework", "scic", "--quality", "10"], "does not fit --framework scic"),
        (["out.vcn", "--quality", "10", "--scale", "2"], "full resolution alone"),
        (["out.vcn", "--quality", "10", "--passes", "2"], "no feedback"),
        (["out.vcn", "--quality", "0"], "quality must be a whole number"),
        (["out.vcn", "--bytes", "40"], "the smallest file takes"),
        (["out.vcn", "--psnr", "99"], "the highest PSNR is"),
    ],
)
def test_bad_wishes_end_in_one_sentence_and_no_file(picture, tmp_path, capsys, arguments, sentence):
    out = tmp_path / arguments[0]
    assert main(["encode", str(picture), str(out), *arguments[1:], "--weights", GOLDEN]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1 and not out.exists()


def test_a_damaged_file_is_refused_and_nothing_written(picture, tmp_path, capsys):
    packed, restored = tmp_path / "photo.vcn", tmp_path / "restored.png"
    main(["encode", str(picture), str(packed), "--quality", "30", "--weights", GOLDEN])
    packed.write_bytes(packed.read_bytes()[:-1])
    assert main(["decode", str(packed), str(restored), "--weights", GOLDEN]) == 2
    assert "damaged or cut off" in capsys.readouterr().err and not restored.exists()


def test_names_suffixes_and_first_bytes():
    assert names()[-1] == "dnnc" and len(names()) == 6
    assert framework_for(Path("a.VCN")) == "dnnc" and framework_for(Path("a.jpg")) == "scic-jpeg"
    assert framework_of(b"\xd6VCN whatever follows") == "dnnc"
    with pytest.raises(CodecError, match="no codec is called 'dnnn'"):
        vcodec.load("dnnn")


def test_every_framework_is_a_codec_with_the_same_arguments():
    def arguments(codec) -> list:
        return list(inspect.signature(codec.encode).parameters.values())

    assert arguments(vcodec.Scic) == arguments(vcodec.Dnnc) == arguments(vcodec.Codec)


@pytest.mark.parametrize("options", [{}, {"scale": "auto"}, {"scale": "fast", "passes": 0}, {"scale": 1}])
def test_what_the_deep_codec_has_is_accepted(options, photo):
    codec = vcodec.load("dnnc", GOLDEN)
    assert codec.encode(photo, 30, **options) == codec.encode(photo, 30)


@pytest.mark.parametrize(
    ("framework", "options", "sentence"),
    [
        ("dnnc", {"scale": 2}, "full resolution alone"),
        ("dnnc", {"scale": "half"}, "full resolution alone"),
        ("dnnc", {"passes": 1}, "no feedback"),
        ("scic-jpeg", {"passes": -1}, "passes must be a whole number from 0, not -1"),
        ("scic-jpeg", {"passes": 1.5}, "passes must be a whole number from 0, not 1.5"),
        ("scic-jpeg", {"scale": 3}, "scale must be 1"),
    ],
)
def test_what_a_codec_does_not_have_is_refused(framework, options, sentence, photo, weights):
    codec = vcodec.load(framework, GOLDEN if framework == "dnnc" else weights)
    with pytest.raises(CodecError, match=sentence):
        codec.encode(photo, 30, **options)


@pytest.mark.parametrize("framework", ["dnnc", "scic-jpeg"])
def test_a_device_that_is_not_there_is_refused(framework, weights):
    for device in ("nowhere", "cuda:63"):
        with pytest.raises(CodecError, match=f"no device '{device}'"):
            vcodec.load(framework, GOLDEN if framework == "dnnc" else weights, device=device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("framework", ["dnnc", "scic-jpeg"])
def test_a_gpu_reads_the_files_of_a_cpu_and_the_other_way_round(framework, photo):
    cpu, gpu = vcodec.load(framework), vcodec.load(framework, device="cuda")
    for writer, reader in ((cpu, gpu), (gpu, cpu)):
        data = writer.encode(photo, 30)
        same, other = writer.decode(data), reader.decode(data)
        assert psnr(same, other) > 45 and np.abs(psnr(same, photo) - psnr(other, photo)) < 0.05


def test_its_curve_is_measured_like_any_other(photo):
    ((scale, curve),) = build_curve("dnnc", GOLDEN)
    assert scale == 1 and curve.decode(curve.encode(photo, 30)).shape == photo.shape


def test_training_from_the_command_line_goes_on_where_it_stopped(tmp_path, photo, capsys):
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):  # small: the entropy model is fitted to 12 crops as large as the smallest of them
        Image.fromarray(photo[:64, 80 * number :][:, :80]).save(pictures / f"{number}.png")
    words = ["train-dnnc", "--network", "tiny", "--data", str(pictures), "--out", str(run)]
    words += ["--fit-photos", "6", "--fits", "2", "--patch", "48", "--batch", "2"]
    assert main([*words, "--minutes", "0.02"]) == 0
    first = json.loads((run / "dnnc.json").read_text())
    assert first["steps"] > 0 and first["command"].startswith("vcodec train-dnnc --network tiny")
    assert main([*words, "--minutes", "0.04"]) == 0
    assert "going on with" in capsys.readouterr().out
    finished = (run / "dnnc.safetensors").read_bytes()
    assert main([*words, "--minutes", "0.04"]) == 0  # it is finished: the files it has written must stay readable
    assert (run / "dnnc.safetensors").read_bytes() == finished
    assert json.loads((run / "dnnc.json").read_text())["steps"] >= first["steps"]
    codec = vcodec.load("dnnc", run)
    picture = np.full((40, 40), 90, np.uint8)
    assert np.abs(codec.decode(codec.encode(picture, 60)).astype(int) - 90).max() < 12
    assert main([*words, "--minutes", "1", "--space", "feature"]) == 2
    assert "was trained with another space" in capsys.readouterr().err
