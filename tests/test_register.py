"""Can a codec, networks and an objective be added from outside the package, and are bad ones refused?"""

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from toy_codec import Toy, is_toy

import vcodec
from vcodec import frameworks, images, networks, standard
from vcodec.cli import main
from vcodec.evaluation.curves import build_curve
from vcodec.images import load_image, save_image
from vcodec.metrics import psnr
from vcodec.standard import protocol
from vcodec.training import Settings, Trainer, objectives


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    known = (protocol.CODECS, protocol.FRAMEWORKS, protocol.FILE_TESTS, networks.NETWORKS, objectives.OBJECTIVES)
    formats = set(images.FORMATS)
    before = [dict(registry) for registry in known]
    yield
    for registry, entries in zip(known, before, strict=True):
        registry.clear()
        registry.update(entries)
    images.FORMATS.intersection_update(formats)


class Blur(nn.Module):
    """The smallest pair of networks: bicubic, and one convolution behind it that starts as the identity."""

    def __init__(self, ratio: float, scale: int = 2):
        super().__init__()
        self.resize = {1: nn.Identity(), 2: partial(F.interpolate, scale_factor=ratio, mode="bicubic")}[scale]
        self.last = nn.Conv2d(1, 1, 3, padding=1)
        self.halo = 8
        nn.init.dirac_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return self.last(self.resize(x)).clamp(0, 1)


@pytest.fixture
def toy(tmp_path) -> Path:
    """The toy codec and small networks, registered; and untrained weights around it, as a run would leave them."""
    standard.register(Toy(), is_toy)
    networks.register("blur", partial(Blur, 0.5), partial(Blur, 2))
    for scale in (1, 2):
        card = {"network": "blur", "scale": scale}
        networks.save_weights(
            tmp_path / f"scic-toy-x{scale}.safetensors", *networks.build_networks("blur", scale), card
        )
    return tmp_path


# A codec.


def test_a_codec_from_outside_encodes_and_decodes_like_any_other(toy, photo):
    codec = vcodec.load("scic-toy", toy)
    for scale in (1, 2):
        data = codec.encode(photo[:61, :93], quality=80, scale=scale)
        assert is_toy(data) and frameworks.framework_of(data) == "scic-toy"
        restored = codec.decode(data)
        assert restored.shape == (61, 93, 3) and psnr(restored, photo[:61, :93]) > (36, 24)[scale - 1]
        assert len(data) <= len(codec.encode(photo[:61, :93], max_bytes=len(data), scale=scale, passes=0))
    (_, curve), _ = build_curve("scic-toy", toy)
    assert curve.decode(curve.encode(photo, 20)).shape == photo.shape


def test_the_command_line_knows_it_by_suffix_and_first_bytes(toy, photo, tmp_path, capsys):
    save_image(tmp_path / "cat.png", photo)
    packed, restored = tmp_path / "cat.toyz", tmp_path / "restored.png"
    weights = ["--weights", str(toy)]
    assert main(["encode", str(tmp_path / "cat.png"), str(packed), "--quality", "60", "--scale", "2", *weights]) == 0
    assert main(["info", str(packed)]) == 0
    said = capsys.readouterr().out
    assert "scic-toy" in said and "TOYZ" in said and "original width   160" in said
    assert main(["decode", str(packed), str(restored), *weights]) == 0
    assert load_image(restored).shape == photo.shape


def test_a_file_of_its_format_without_our_header_decodes_too(toy, photo, caplog):
    restored = vcodec.load("scic-toy", toy).decode(Toy().encode(photo, 90))
    assert restored.shape == photo.shape and "no vcodec header" in caplog.text


def test_names_and_suffixes_of_the_package_cannot_be_taken():
    thief = Toy()
    for name in ("jpeg", "jpeg-tuned", "avif"):
        thief.name = name
        with pytest.raises(vcodec.CodecError, match="choose another name"):
            standard.register(thief)
    thief.name, thief.suffixes = "thief", (".toyz", ".jpg")
    with pytest.raises(vcodec.CodecError, match=r"\.jpg belong to the codec 'jpeg'"):
        standard.register(thief)
    assert "thief" not in standard.CODECS


def test_registering_again_replaces():
    standard.register(Toy(), is_toy)
    again = Toy()
    standard.register(again)
    assert standard.CODECS["toy"] is again and frameworks.names().count("scic-toy") == 1
    with pytest.raises(vcodec.CodecError, match="not an image of a format that can be read"):
        frameworks.framework_of(again.encode(np.zeros((8, 8), np.uint8), 50))


def test_a_format_that_pillow_reads_is_known_by_its_registration_alone(photo):
    class Targa(Toy):
        name, format, suffixes = "targa", "TGA", (".tga",)

    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "TGA")
    with pytest.raises(vcodec.CodecError):
        frameworks.framework_of(buffer.getvalue())
    standard.register(Targa())
    assert frameworks.framework_of(buffer.getvalue()) == "scic-targa"


# Networks.


class Halo(Blur):
    """Looks further than it says."""

    def __init__(self, ratio: float, scale: int = 2):
        super().__init__(ratio, scale)
        self.halo = 0


class Size(Blur):
    """A pixel short."""

    def forward(self, x, step):
        return super().forward(x, step)[..., 1:]


class Ramp(Blur):
    """Brighter towards one side: depends on where a pixel lies."""

    def forward(self, x, step):
        y = super().forward(x, step)
        return y * torch.linspace(0.5, 1, y.shape[-1])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [(Halo, "looks further than its halo of 0"), (Size, "not float32"), (Ramp, "more of a pixel's place")],
)
def test_networks_that_break_the_contract_are_refused(broken, sentence):
    with pytest.raises(vcodec.CodecError, match=sentence):
        networks.register("broken", partial(Blur, 0.5), partial(broken, 2))
    assert "broken" not in networks.NETWORKS


def test_networks_without_a_halo_and_names_of_the_package_are_refused():
    with pytest.raises(vcodec.CodecError, match="has no `halo`"):
        networks.register("bare", lambda scale: nn.Conv2d(1, 1, 3, padding=1), partial(Blur, 2))
    with pytest.raises(vcodec.CodecError, match="choose another name"):
        networks.register("tiny", partial(Blur, 0.5), partial(Blur, 2))


@pytest.mark.parametrize("name", ["default", "tiny"])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_networks_of_the_package_keep_the_contract(name, scale):
    rsn, idn = networks.build_networks(name, scale)
    networks.registry.check_network(rsn, 1 / scale)
    networks.registry.check_network(idn, scale)


# An objective, and a training around all of it.


class LargestError:
    """The largest error of a picture, whatever its bits."""

    def distortion(self, x_hat, x, qualities):
        return (x_hat - x).abs().amax(dim=(1, 2, 3))

    def rate(self, bpp, qualities):
        return 0 * bpp


def test_an_objective_is_found_by_its_name(photo):
    objectives.register("largest", lambda codec, scale, images: LargestError())
    assert isinstance(objectives.build_objective("largest", Toy(), 2, []), LargestError)
    assert isinstance(objectives.build_objective("rd", Toy(), 2, [photo[..., 0]]), objectives.RateDistortion)
    with pytest.raises(vcodec.CodecError, match="no objective is called 'smallest'; there are rd, paper, largest"):
        objectives.build_objective("smallest", Toy(), 2, [])
    with pytest.raises(vcodec.CodecError, match="choose another name"):
        objectives.register("rd", lambda codec, scale, images: LargestError())


@pytest.mark.usefixtures("single_precision")
def test_networks_from_outside_learn_around_a_codec_from_outside(toy, photo, tmp_path):
    settings = Settings(codec="toy", network="blur", patch=32, batch=4, idn_steps=2, rsn_steps=2)
    trainer = Trainer(settings, [photo], [photo[:64, :64]], tmp_path / "run", device="cpu")
    trainer.train(1e-4, at_least=4)  # of each phase one
    codec = vcodec.load("scic-toy", tmp_path / "run")
    untrained = vcodec.load("scic-toy", toy)
    data = codec.encode(photo, quality=40, scale=2)
    assert psnr(codec.decode(data), photo) > 20
    assert codec.pair(2).network_id != untrained.pair(2).network_id
