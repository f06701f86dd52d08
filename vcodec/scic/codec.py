"""SCIC: a learned re-sampler and a learned decoder around a standard codec; the file stays an ordinary file.

x --RSN--> y --codec--> file --codec--> z --IDN--> x_hat. Luma takes this path; chroma goes through the codec
alone. Zhao et al. 2018, arXiv:1806.08514. Book: the quick tour, and chapter 8."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from vcodec.eight_bit import quiet_pillow, to_eight_bit
from vcodec.errors import CodecError
from vcodec.images import as_shown, log, open_image, to_array
from vcodec.limits import at_most, check_size
from vcodec.metrics import psnr
from vcodec.networks.layers import double, halve, pad_to_even
from vcodec.networks.registry import check_scale
from vcodec.networks.settings import usual_torch
from vcodec.networks.tiles import NetworkPair, find_device, in_windows
from vcodec.networks.weights import SHIPPED, load_weights
from vcodec.quality import check_quality
from vcodec.scic import large
from vcodec.scic.candidates import Candidate, Files, RestoredPlanes, softened
from vcodec.scic.feedback import trials
from vcodec.scic.foreign import share
from vcodec.scic.header import Header, read_header, size_check, without_networks
from vcodec.scic.mixed import FITS, UNFITTED, at_quality
from vcodec.scic.planes import on_planes
from vcodec.scic.rate_control import with_psnr, within_bytes
from vcodec.standard.protocol import CODECS, FRAMEWORKS, StandardCodec, own_format
from vcodec.standard.quantisers import LOSSLESS

Restore = Callable[[NetworkPair, Tensor, float], Tensor]  # `NetworkPair.restore`, or one that remembers


class Scic:
    """encode(image) -> bytes of an ordinary file, decode(bytes) -> image of the original's size.

    networks: a NetworkPair for each scale that it can write and read."""

    def __init__(self, codec: StandardCodec, networks: dict[int, NetworkPair]):
        self.codec = codec
        self.networks = networks

    @usual_torch()
    def encode(
        self, image: np.ndarray | Image.Image, quality: int | None = None, scale: int | str = "auto",
        bpp: float | None = None, max_bytes: float | None = None, min_psnr: float | None = None,
        passes: int | None = None, effort: int | None = None, max_pixels: int | None = None,
    ) -> bytes:  # fmt: skip
        """A complete file of the codec's format.

        image: uint8 (H, W) or (H, W, 3), or a Pillow image. Say one of

        - quality, 1 to 100,
        - bpp or max_bytes: the best file within them, and of at least 0.9 of them where there is one,
        - min_psnr, dB over all samples (RGB in colour): the smallest file that has it, and at most 0.1 dB more where
          there is one.

        scale: 1 full or 2 half resolution; "auto" the better of the two; "fast" the one that a guess from the first
        file favours (the same as "auto" for codecs without a fit). With "auto" a quality stands for the size of full
        resolution at that quality, and half resolution is used where its file of that size is closer to the picture.
        With one scale's weights both mean that scale. passes: how often the encoder decodes its own file, adds what is
        still wrong to the input and codes again (`feedback`), each for an encode and a decode more; with 0 a target is
        met by whole qualities alone. A target takes 12 encodes at most, those of the passes among them. Where the
        finished file's picture is better without the networks, as that of a graphic, its header leaves them out.
        effort: 0 no passes, 1 one, 2 two (the default), where of a picture above 2 megapixels crops decide on the scale
        and one pass is made at most (`large`); 3 two passes, and all of any picture is searched. max_pixels: as in
        `decode`.

        Raises CodecError for anything it cannot encode, and for a target that cannot be met, naming the smallest size
        or the highest PSNR there is."""
        with at_most(max_pixels):
            target: dict[str, Any] = {"quality": quality, "bpp": bpp, "max_bytes": max_bytes, "min_psnr": min_psnr}
            return self._encode(to_array(image), scale, passes, 2 if effort is None else effort, target)

    def _encode(
        self, x: np.ndarray, scale: int | str, passes: int | None, effort: int, target: dict[str, Any]
    ) -> bytes:
        """target: the four of `encode`, all but one of them None."""
        if effort not in range(4):
            raise CodecError(f"effort must be 0, 1, 2 or 3, not {effort!r}")
        crops = effort < 3 and large.is_large(x)
        passes = min(effort, large.PASSES if crops else 2) if passes is None else passes
        if not isinstance(passes, int) or passes < 0:
            raise CodecError(f"passes must be a whole number from 0, not {passes!r}")
        if [*target.values()].count(None) != 3:
            raise CodecError("say one of quality, bpp, max_bytes and min_psnr")
        scales, first, fast, choice = self.scales(scale), 16, scale == "fast", None
        if crops:
            wanted = {name: value for name, value in target.items() if name != "max_bytes"}
            if target["max_bytes"] is not None:
                wanted["bpp"] = 8 * target["max_bytes"] / (x.shape[0] * x.shape[1])
            choice = large.choose(x, self.encode, self.header, scale, passes, wanted)
            if choice and target["quality"] is not None:
                return self.once(x, choice)
            if choice:
                scales, first = [choice.scale], choice.quality
        restore = RestoredPlanes().restore
        files = Files(partial(self.candidate, x, restore=restore), self.codec.step, x)
        judged = partial(self._judged, x=x, restore=restore)
        data = self._searched(files, target, judged, passes, scales, fast, first)
        if choice and not passes:  # nothing else needs to be restored
            return without_networks(data, self.header(data)) if choice.left_out else data
        return judged(data)[0]

    def _searched(
        self, files: Files, target: dict[str, Any], judged: Callable[[bytes], tuple[bytes, float]], passes: int,
        scales: list[int], fast: bool, first: int,
    ) -> bytes:  # fmt: skip
        """The file for a target, with the networks. judged: as `_judged`. first: the quality that is tried first."""
        fit = FITS.get(self.codec.name, UNFITTED)
        if (quality := target["quality"]) is not None:
            check_quality(quality)
            if len(scales) == 1:
                return files.at(int(quality), scales[0]).file(passes)
            return at_quality(files, int(quality), passes, fast, fit)
        if (least := target["min_psnr"]) is not None:
            return with_psnr(files, least, lambda data: judged(data)[1], passes, scales, fast, fit, first)
        bpp, pixels = target["bpp"], files.x.shape[0] * files.x.shape[1]
        budget = float((target["max_bytes"] if bpp is None else bpp * pixels / 8) or 0)
        return within_bytes(files, budget, passes, scales, fast, fit, first)

    def _judged(self, data: bytes, x: np.ndarray, restore: Restore) -> tuple[bytes, float]:
        """The file and the PSNR of its picture, in dB; where that is better without the networks, a file of the same
        size whose header leaves them out."""
        bare = without_networks(data, self.header(data))
        found = [(file, psnr(self._decode_like(file, x, restore), x)) for file in dict.fromkeys([data, bare])]
        return max(found, key=lambda one: one[1])

    def once(self, x: np.ndarray, choice: large.Choice) -> bytes:
        """The file of uint8 x, (H, W[, 3]), at a scale and quality, after so many passes of feedback."""
        pair, step = self.pair(choice.scale), self.codec.step(choice.quality)
        gain = self.codec.feedback.get(choice.scale) if pair.idn is not None else None
        data = large.encode_once(
            x,
            lambda: self.resample(x, choice.quality, choice.scale),
            self.encoder(x, choice.quality, choice.scale),
            self.codec.decode,
            lambda z: pair.restore(z, step),
            None if choice.left_out else gain,
            choice.passes,
        )
        return without_networks(data, self.header(data)) if choice.left_out else data

    def encoder(self, x: np.ndarray, quality: int, scale: int) -> Callable[[np.ndarray], bytes]:
        """What makes a file of the re-sampled picture of x, with vcodec's header."""
        odd = (x.shape[0] % 2, x.shape[1] % 2) if scale == 2 else (0, 0)
        height, width = (-(-side // scale) for side in x.shape[:2])
        network_id, size = self.pair(scale).network_id, size_check(height, width)
        header = Header(scale, odd, quality, network_id, x.ndim == 2, height > width, size).pack()
        return lambda y: self.codec.encode(y, quality, header)

    def scales(self, scale: int | str) -> list[int]:
        """The scales that `encode` may use. Raises CodecError for another scale and for missing weights."""
        if scale in ("auto", "fast"):
            return sorted(self.networks)
        check_scale(scale)
        return [self.pair(int(scale)).scale]

    def candidate(
        self, x: np.ndarray, quality: int, scale: int, soft: float = 0.0, restore: Restore = NetworkPair.restore
    ) -> Candidate:
        """The file of uint8 x, (H, W[, 3]), and what feedback makes of it. soft: see `softened`; without feedback."""
        pair, step = self.pair(scale), self.codec.step(quality)
        y = self.resample(x, quality, scale)
        y = softened(y, soft) if soft else y
        encode = self.encoder(x, quality, scale)
        gain = self.codec.feedback.get(scale) if pair.idn is not None and not soft else None
        data = encode(y)
        bare = NetworkPair(scale)
        passes = trials(
            x,
            y,
            data,
            encode,
            self.codec.decode,
            lambda z: restore(pair, z, step),
            gain,
            lambda z: bare.restore(z, step),
        )
        price, pixels = scale**2 * self.codec.bit_price(quality), x.shape[0] * x.shape[1]
        return Candidate(quality, scale, data, passes, gain is not None, price, pixels)

    def _decode_like(self, data: bytes, x: np.ndarray, restore: Restore) -> np.ndarray:
        """Decoded, with as many channels as x: WebP cannot say whether a picture without colour was gray."""
        header = self.header(data)
        assert header is not None
        decoded = self._decode(data, header, restore)
        return decoded if decoded.ndim == x.ndim else np.repeat(decoded[..., None], 3, axis=2)

    def resample(self, x: np.ndarray, quality: int, scale: int) -> np.ndarray:
        """The picture the codec is given: uint8, (H, W[, 3]) or half of it, rounded up."""
        pair, step = self.pair(scale), self.codec.step(quality)
        if scale == 1 and pair.rsn is None:
            return x
        shrink = (lambda c: c) if scale == 1 else (lambda c: halve(pad_to_even(c)))
        return on_planes(x, lambda p: pair.resample(pad_to_even(p) if scale == 2 else p, step), shrink)

    @usual_torch()
    @quiet_pillow()
    def decode(self, data: bytes, max_pixels: int | None = None) -> np.ndarray:
        """uint8, (H, W) or (H, W, 3), the size of the original. Any other file of the format decodes too, as
        full resolution with the step of its own tables, as far as `foreign.share` finds that this helps, and a note.
        An EXIF rotation and a colour profile, added to a file of ours as well, are applied. max_pixels: more are
        refused, 100 million where nothing is said. Raises CodecError."""
        with at_most(max_pixels):
            header = self.header(data)
            if header is None:
                return self._decode_foreign(data)
            return self._decode(data, header)

    def _decode(self, data: bytes, header: Header, restore: Restore | None = None) -> np.ndarray:
        """restore: of a whole plane at once; without, tile by tile, so that large pictures need little memory."""
        pair = self.pair(header.scale)
        if not any(header.network_id) and any(pair.network_id):
            pair = NetworkPair(header.scale)  # the file leaves its networks out
        if header.network_id != (at_hand := pair.network_id[: len(header.network_id)]):
            raise CodecError(
                f"this file was made with network {header.network_id.hex()}, which is not the one at hand"
                f" ({at_hand.hex()}); decode it with the weights it was made with"
            )
        grow: Callable[[Tensor], Tensor] = (lambda c: c) if header.scale == 1 else double
        step = self.codec.step(header.quality)
        z = self.codec.decode(data)
        height, width = header.original_size(*z.shape[:2])
        check_size(width, height, "the picture in this file")
        if z.ndim == 2 and not header.gray:
            z = np.repeat(z[..., None], 3, axis=2)
        if restore:
            restored = on_planes(z, lambda p: restore(pair, p, step), grow)
        else:
            on_window = partial(on_planes, on_luma=lambda p: pair.restore_window(p, step), on_chroma=grow)
            restored = in_windows(z, on_window, header.scale, pair.halo)
        return self._as_shown(restored[:height, :width], data)

    def _as_shown(self, image: np.ndarray, data: bytes) -> np.ndarray:
        """As the file's EXIF field and colour profile ask; formats that Pillow does not know have none."""
        own = own_format(data, {self.codec.name: self.codec})
        return image if own else as_shown(image, open_image(data, decode=False))

    def _seen(self, data: bytes) -> np.ndarray:
        """What any viewer shows, gray where that has no colour: of a format without gray the mean, not another luma."""
        z = self.codec.decode(data)
        if z.ndim == 3 or own_format(data, {self.codec.name: self.codec}):
            return z
        shown = to_eight_bit(open_image(data))
        return z if shown.ndim == 2 else np.rint(shown.mean(axis=2)).astype(np.uint8)

    def _decode_foreign(self, data: bytes) -> np.ndarray:
        pair, z, found = self.pair(1), self._seen(data), self.codec.step_of(data)
        step = float(np.clip(found, self.codec.step(100), self.codec.step(1)))  # what the networks were trained for
        part = share(self.codec, pair, z, step if found else LOSSLESS)
        done = f"{part:.0%} of the correction" if part else "left as it is"
        log.warning("no vcodec header: decoded as an ordinary file at full resolution, %s", done)
        if part:
            share_of = partial(
                on_planes, on_luma=lambda p: p + part * (pair.restore_window(p, step) - p), on_chroma=lambda c: c
            )
            z = in_windows(z, share_of, 1, pair.halo)
        return self._as_shown(z, data)

    def header(self, data: bytes) -> Header | None:
        """The header of a file, None where the file is not one of ours or not any more."""
        return read_header(self.codec, data)

    def pair(self, scale: int) -> NetworkPair:
        """The networks of a scale. Raises CodecError where they are not loaded."""
        if scale not in self.networks:
            raise CodecError(f"no weights for scale {scale} are loaded; there are scales {sorted(self.networks)}")
        return self.networks[scale]


@usual_torch()
def load(name: str = "scic-jpeg", weights: str | Path = SHIPPED, device: str = "cpu") -> Scic:
    """A codec with trained networks: those that ship with the package, or those in the folder of a run.
    device: where the networks run.

    Raises CodecError for an unknown name, missing weights, and weights that are not those of their card."""
    if name not in FRAMEWORKS:
        raise CodecError(f"no codec is called {name!r}; there are {', '.join(FRAMEWORKS)}")
    paths = {scale: Path(weights) / f"{name}-x{scale}.safetensors" for scale in (1, 2)}
    found = {scale: load_weights(path, str(find_device(device))) for scale, path in paths.items() if path.exists()}
    if not found:
        raise CodecError(f"there are no weights of {name} in {weights}; `vcodec train` makes them")
    return Scic(FRAMEWORKS[name], found)


def plain(codec: StandardCodec = CODECS["jpeg"]) -> Scic:
    """The same path with nothing learned on it: identity or bicubic on both sides. The baseline."""
    return Scic(codec, {scale: NetworkPair(scale) for scale in (1, 2)})
