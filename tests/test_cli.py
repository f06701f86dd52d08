"""Do the five commands keep their word, also with bad input, when they are killed, and after Ctrl-C?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_png

import vcodec
from vcodec.cli import main
from vcodec.images import embedded, load_image, luma, save_image
from vcodec.metrics import psnr, psnr_y
from vcodec.standard import CODECS

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")


def refused(capsys, *arguments) -> str:
    """The one line on stderr of a command that ends with code 2 and writes nothing."""

    def files() -> dict:
        return {path: path.stat().st_mtime_ns for path in Path().rglob("*")}

    before = files()
    assert main([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("vcodec: ") and err.count("\n") == 1 and len(err) > 20
    assert files() == before
    return err


# The main job.


@pytest.mark.parametrize("scale", [1, 2])
def test_encode_info_and_decode(scale, cat, weights, photo, capsys):
    assert main(["encode", cat, "out.jpg", "--quality", "30", "--scale", str(scale), "--weights", str(weights)]) == 0
    assert f"{os.path.getsize('out.jpg')} bytes" in capsys.readouterr().out
    assert main(["info", "out.jpg", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes"] == os.path.getsize("out.jpg") and (facts["scale"], facts["quality"]) == (scale, 30)
    assert (facts["original_height"], facts["original_width"]) == photo.shape[:2] and facts["format"] == "JPEG"
    assert main(["info", "out.jpg"]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [str(v) for v in facts.values()]
    assert main(["decode", "out.jpg", "back.png", "--weights", str(weights)]) == 0
    assert capsys.readouterr().err == ""
    assert load_image("back.png").shape == photo.shape and psnr_y(load_image("back.png"), photo) > 25


def test_a_size_or_a_psnr_may_be_asked_for_instead_of_a_quality(cat, weights, photo, capsys):
    use = ["--weights", str(weights)]
    assert main(["encode", cat, "out.jpg", "--bytes", "2000", *use]) == 0 and 1800 <= os.path.getsize("out.jpg") <= 2000
    assert main(["encode", cat, "out.jpg", "--bpp", "0.8", "--scale", "fast", *use]) == 0
    assert 0.72 * photo[..., 0].size / 8 <= os.path.getsize("out.jpg") <= 0.8 * photo[..., 0].size / 8
    assert main(["encode", cat, "out.jpg", "--psnr", "28", *use]) == 0
    assert main(["decode", "out.jpg", "back.png", *use]) == 0 and 28 <= psnr(load_image("back.png"), photo) < 28.2
    capsys.readouterr()
    assert "smallest file takes" in refused(capsys, "encode", cat, "small.jpg", "--bytes", 50, *use)
    assert "highest PSNR is" in refused(capsys, "encode", cat, "good.jpg", "--psnr", 90, *use)


FORMATS = {".jp2": "JPEG2000", ".webp": "WEBP", ".avif": "AVIF", ".heic": "HEIF", ".HEIF": "HEIF", ".jpeg": "JPEG"}


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_suffix_chooses_the_format_both_ways(suffix, weights, photo, capsys):
    save_image("cat.png", photo[:45, :61])
    out, use = f"out{suffix}", ["--weights", str(weights)]
    assert main(["encode", "cat.png", out, "--quality", "40", "--scale", "2", *use]) == 0
    assert main(["info", out, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["format"], facts["original_height"], facts["original_width"]) == (FORMATS[suffix], 45, 61)
    os.rename(out, "nameless")  # the file itself says what it is
    assert main(["decode", "nameless", "back.png", *use]) == 0
    assert load_image("back.png").shape == (45, 61, 3) and psnr_y(load_image("back.png"), photo[:45, :61]) > 20
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".png", ".gif", ".jpg2", ""])
def test_a_suffix_of_no_codec_is_refused_with_those_there_are(suffix, cat, weights, capsys):
    sentence = refused(capsys, "encode", cat, f"out{suffix}", "--quality", 9, "--weights", weights)
    assert all(known in sentence for known in (".jpg", ".jp2", ".webp", ".avif", ".heic"))


def test_a_format_without_weights_is_refused_by_name(cat, half_only, capsys):
    for path in half_only.glob("*webp*"):
        path.unlink()
    sentence = refused(capsys, "encode", cat, "out.webp", "--quality", 9, "--scale", 2, "--weights", half_only)
    assert "no weights of scic-webp" in sentence


def test_a_note_and_a_refusal_in_real_processes(run, weights, photo):
    """One line on stderr each: a note beside the work done, a sentence instead of it."""
    Path("foreign.jpg").write_bytes(CODECS["jpeg"].encode(photo, 20))
    Path("text.png").write_text("no picture")
    jobs = (
        run("decode", "foreign.jpg", "out.png", "--weights", weights),
        run("encode", "text.png", "a.jpg", "--quality", 9),
    )
    (_, note), (out, sentence) = (job.communicate(timeout=120) for job in jobs)
    assert jobs[0].returncode == 0 and note.startswith("note: no vcodec header") and note.count("\n") == 1
    assert load_image("out.png").shape == photo.shape
    assert jobs[1].returncode == 2 and out == "" and sentence.startswith("vcodec: text.png is not an image")
    assert sentence.count("\n") == 1 and sorted(os.listdir()) == ["foreign.jpg", "out.png", "text.png"]


# Bad input: one sentence, exit code 2, nothing written.

BAD = {
    "empty": b"",
    "text": b"no picture\n",
    "truncated": CODECS["jpeg"].encode(embedded("coffee")[:64, :64], 50)[:-200],
    "giant": make_png(60000, 60000, 8, 0, b"\0"),
    "95 megapixels": make_png(10000, 9500, 8, 2, b"\0"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["encode", "decode", "info"])
def test_bad_pictures(command, name, weights, capsys):
    Path("bad.jpg").write_bytes(BAD[name])
    tail = {"encode": ["out.jpg", "--quality", "9"], "decode": ["out.png", "--weights", weights], "info": []}[command]
    sentence = refused(capsys, command, "bad.jpg", *tail)
    assert "0x" not in sentence  # an address in memory says nothing to anybody


@pytest.mark.parametrize("source", ["missing.png", ".", "cat.png/inside.png"])
@pytest.mark.parametrize("command", ["encode", "decode", "info"])
def test_missing_files(command, source, cat, weights, capsys):
    tail = {"encode": ["out.jpg", "--quality", "9"], "decode": ["out.png"], "info": []}[command]
    refused(capsys, command, source, *tail)


@pytest.fixture(scope="module")
def two_files(weights, photo) -> dict[str, bytes]:
    """A file of ours with the networks of `weights`, and one with others."""
    codecs = {"ours.jpg": vcodec.scic.load("scic-jpeg", weights), "other.jpg": vcodec.scic.load("scic-jpeg")}
    return {name: codec.candidate(photo[:64, :64], 9, 1).data for name, codec in codecs.items()}


@pytest.mark.parametrize(
    "arguments",
    ["encode cat.png out.png --quality 9", "encode cat.png out --quality 9", "encode cat.png out.jpg --quality 0",
     "encode cat.png out.jpg --quality 101", "encode cat.png no/out.jpg --quality 9 --weights W",
     "encode cat.png cat.png/out.jpg --quality 9 --weights W", "encode cat.png out.jpg --quality 9 --weights .",
     "decode cat.png out.png --weights W", "decode ours.jpg out.xyz --weights W", "decode ours.jpg out.xbm --weights W",
     "decode other.jpg out.png --weights W", "decode ours.jpg no/out.png --weights W",
     "evaluate . --curves nonsense", "evaluate missing", "evaluate empty", "evaluate . --qualities 0 --curves jpeg",
     "evaluate . --curves scic-jpeg --weights .",
     "train --data missing --out run", "train --data empty --out run", "train --data small --out run",
     "train --data small --out cat.png", "train --data large --gradient ste --out run",
     "train --data large --start-from missing.safetensors --out run", "train --data small,missing --out run",
     "train --data large --seed -1 --out run", "train-dnnc --data large --seed -1 --out run",
     "train-dnnc --data large --gradient hope --out run",
     "decode cat.png out.png --weights W"],
)  # fmt: skip
def test_bad_arguments(arguments, cat, weights, two_files, photo, tmp_path, capsys):
    for folder in ("empty", "small", "large"):
        Path(folder).mkdir()
    save_image("small/a.png", photo[:50, :50])
    save_image("small/b.png", photo[:50, :50])
    for name in "ab":
        save_image(f"large/{name}.png", photo)
    for name, data in two_files.items():
        Path(name).write_bytes(data)
    refused(capsys, *(str(weights) if word == "W" else word for word in arguments.split()))


@pytest.mark.parametrize(
    "arguments",
    ["", "shrink", "encode cat.png out.jpg", "encode cat.png out.jpg --quality ten",
     "encode cat.png out.jpg --quality 9 --scale 3", "encode cat.png out.jpg --quality 9 --bytes 900",
     "encode cat.png out.jpg --bytes 0", "encode cat.png out.jpg --psnr nan",
     "evaluate . --curves jpeg --qualities 5,x", "evaluate . --curves jpeg --at x",
     "train", "train-dnnc --out r --codec avif", "train --out r --idn-steps 3", "train --out r --minutes nan",
     "train --out r --minutes -1"],
)  # fmt: skip
def test_arguments_that_cannot_be_read(arguments, cat, capsys):
    """argparse may show the usage beside its sentence."""
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(arguments.split()))
    assert caught.value.code == 2 and capsys.readouterr().err and os.listdir() == [cat]


def test_evaluate_writes_the_documented_file(weights, capsys):
    Path("set").mkdir()
    for name in ("chelsea", "coffee"):
        save_image(f"set/{name}.png", embedded(name)[100:164, 100:180])
    assert main(["evaluate", "set", "--curves", "jpeg,scic-jpeg", "--out", "r.json", "--qualities", "5,30",
                 "--at", "0.9", "--gray", "--weights", str(weights)]) == 0  # fmt: skip
    assert "BD-rate against jpeg" in capsys.readouterr().out
    results = json.loads(Path("r.json").read_text())
    assert results["settings"]["gray"] is True and "vcodec" in results["settings"]["command"]
    assert len(results["points"]) == 2 * 2 * 3 and set(results["bd_rate"]["jpeg"]) == {"scic-jpeg"}
    point = next(p for p in results["points"] if (p["curve"], p["image"], p["quality"]) == ("jpeg", "chelsea.png", 5))
    assert point["bytes"] == len(CODECS["jpeg"].encode(luma(embedded("chelsea")[100:164, 100:180]), 5))
    assert (point["height"], point["width"]) == (64, 80)


def test_a_run_of_one_scale_serves_that_scale(cat, photo, half_only, capsys):
    use = ["--quality", "9", "--weights", str(half_only)]
    assert main(["encode", cat, "out.jpg", "--scale", "2", *use]) == 0
    assert main(["decode", "out.jpg", "back.png", "--weights", str(half_only)]) == 0
    assert load_image("back.png").shape == photo.shape and load_image("out.jpg").shape == (64, 80, 3)
    capsys.readouterr()
    assert "scale 1" in refused(capsys, "encode", cat, "full.jpg", "--scale", 1, *use)
    assert main(["encode", cat, "out.jpg", *use]) == 0 and load_image("out.jpg").shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vcodec de", ["decode"]),
        ("vcodec encode cat.png out.jpg --qu", ["--quality"]),
        ("vcodec decode ca", ["cat.jpg"]),
    ],
)
def test_the_shell_completes_commands_options_and_files(line, words, tmp_path):
    (tmp_path / "cat.jpg").touch()
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
             "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "words"), "_ARGCOMPLETE_IFS": "\n"}  # fmt: skip
    code = "import sys; from vcodec.cli import main; main(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env=os.environ | asked, cwd=tmp_path, check=True)
    assert (tmp_path / "words").read_text().split() == words
