"""Your codec, in one file: a small deep codec for gray pictures, built in chapters 2 to 10.

Collected from the chapters by tools/collect_parts.py; change it there. Whole numbers decide
each probability, so a file decodes to the same integers everywhere."""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

WEIGHTS = Path(__file__).with_suffix(".npz")  # made by build(); its card is the .json

# Chapter 2
BLOCK = 8  # pixels a side


def dct_patterns(n=BLOCK):
    """The n * n patterns of a block's DCT, smooth ones first: rows of an orthonormal matrix."""
    k = torch.arange(n)
    wave = (2 / n) ** 0.5 * torch.cos(torch.pi * (2 * k + 1) * k[:, None] / (2 * n))
    wave[0] /= 2**0.5
    patterns = torch.einsum("ui,vj->uvij", wave, wave).reshape(n * n, n * n)
    return patterns[sorted(range(n * n), key=lambda i: (i // n + i % n, i))]


PATTERNS = dct_patterns()


def to_gray(image):
    """Pillow's image, or an array, (H, W) or (H, W, 3) uint8 -> luma (H, W) uint8."""
    return np.array(Image.fromarray(np.asarray(image)).convert("L"))


def to_blocks(y):
    """Picture (N, 1, H, W) in [0, 1] -> coefficients (N, 64, H / 8, W / 8) in gray levels."""
    return torch.einsum("kp,nphw->nkhw", PATTERNS, F.pixel_unshuffle(255 * y - 128, BLOCK))


def from_blocks(coefficients):
    """The inverse: the matrix is orthonormal, so its transpose undoes it."""
    pixels = torch.einsum("kp,nkhw->nphw", PATTERNS, coefficients)
    return (F.pixel_shuffle(pixels, BLOCK) + 128) / 255

# Chapter 3
def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Trunk(nn.Module):
    """(N, inputs, h, w) and a step in gray levels -> (N, outputs, h, w); at first 0."""

    def __init__(self, inputs, outputs, width, depth):
        super().__init__()
        self.first, self.last = conv(inputs + 1, width), conv(width, outputs)
        pairs = [[conv(width, width), nn.ReLU(), conv(width, width)] for _ in range(depth)]
        self.pairs = nn.ModuleList(nn.Sequential(*pair) for pair in pairs)
        for weight in self.last.parameters():
            nn.init.zeros_(weight)

    def forward(self, x, step):
        how_coarse = torch.full_like(x[:, :1], np.log2(step) / 8)  # one channel says the step
        x = F.relu(self.first(torch.cat([x - 0.5, how_coarse], 1)))
        for pair in self.pairs:
            x = x + pair(x)
        return self.last(x)


class ReSampler(nn.Module):
    """x (N, 1, H, W) -> at scale 2, bicubic halving and a learned correction; at 1, x."""

    def __init__(self, scale):
        super().__init__()
        self.trunk = Trunk(4, 1, width=16, depth=2) if scale == 2 else None

    def forward(self, x, step):
        if self.trunk is None:
            return x
        y = F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True)
        return y + self.trunk(F.pixel_unshuffle(x, 2), step)

# Chapter 4
class Quantiser(nn.Module):
    """Coefficients -> integers -> coefficients; what an integer stands for is learned."""

    def __init__(self):
        super().__init__()
        self.reach = nn.Parameter(torch.ones(1, BLOCK**2, 1, 1))  # of each frequency, in steps

    def forward(self, coefficients, step):
        """Really rounded, with a dead zone around 0; the gradient is the identity's."""
        exact = coefficients / step
        rounded = exact.sign() * (exact.abs() + 0.35).floor()
        return exact + (rounded - exact).detach()

    def inverse(self, integers, step):
        return integers * step * self.reach


def estimated_bits(integers):
    """Bits that each picture needs if each frequency is geometric with its own mean size."""
    mean = integers.abs().mean((2, 3)) + 1e-4  # (N, 64)
    size = (1 + mean) * torch.log2(1 + mean) - mean * torch.log2(mean)
    sign = mean / (1 + mean)
    return (size + sign).sum(1) * integers[0, 0].numel()

# Chapter 5
CONTEXTS = 1319  # how many probabilities the coder keeps


class RangeCoder:
    """Codes bits with adaptive probabilities; with `data` it decodes, without it encodes.

    Both directions run the same lines on whole numbers, so they agree on every machine."""

    def __init__(self, table, data=None):
        self.fast, self.slow = list(table), list(table)  # of a 1, in 1/65536, for each context
        self.low, self.high, self.out = 0, 2**32 - 1, bytearray()  # the interval that is left
        self.decodes, self.rest = data is not None, iter(data or b"")
        self.code = int.from_bytes((next(self.rest, 0) for _ in range(4)), "big")

    def bit(self, context, bit=None):
        """Encode `bit`, or decode it and ignore the argument. Returns the bit and learns it."""
        one = (self.fast[context] + self.slow[context]) // 2
        middle = self.low + ((self.high - self.low) * one >> 16)
        if self.decodes:
            bit = self.code <= middle
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        for table, speed in ((self.fast, 4), (self.slow, 7)):
            table[context] += (65500 if bit else 36) - table[context] >> speed
        while (self.low ^ self.high) < 2**24:  # the first byte of the result is certain
            self.out.append(self.high >> 24)
            self.low, self.high = self.low << 8 & 2**32 - 1, self.high << 8 & 2**32 - 1 | 255
            self.code = self.code << 8 & 2**32 - 1 | next(self.rest, 0)
        return bit

    def finish(self):
        return bytes(self.out) + (self.low + 2**24 - 1 >> 24).to_bytes(1, "big")

# Chapter 6
class PostProcessor(nn.Module):
    """y_hat (N, 1, h, w) -> x_hat (N, 1, h * scale, w * scale): bicubic plus a correction."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.trunk = scale, Trunk(4 // scale**2, 4, width=24, depth=4)

    def forward(self, y, step):
        quarter = F.pixel_unshuffle(y, 2 // self.scale)  # both scales work on half the rows
        large = F.interpolate(y, scale_factor=self.scale, mode="bicubic")
        return large + step / 255 * F.pixel_shuffle(self.trunk(quarter, step), 2)


class Codec(nn.Module):
    """All that encoder and decoder share at one resolution (scale 1: full, 2: half)."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.rsn, self.idn = scale, ReSampler(scale), PostProcessor(scale)
        self.quantiser = Quantiser()
        self.register_buffer("table", torch.full((CONTEXTS,), 2**15))

    def forward(self, y, step):
        """y -> x_hat, and the estimated bits of each picture."""
        integers = self.quantiser(to_blocks(y), step / self.scale)
        y_hat = from_blocks(self.quantiser.inverse(integers, step / self.scale))
        return self.idn(y_hat, step), estimated_bits(integers)

# Chapter 7
class VirtualCodec(PostProcessor):
    """Imitates quantiser, coder and post-processor: (y, step) -> x_hat and bits of each y."""

    def __init__(self, scale):
        super().__init__(scale)
        self.bits = Trunk(4 // scale**2, 1, width=16, depth=1)

    def forward(self, y, step):
        bits = self.bits(F.pixel_unshuffle(y, 2 // self.scale), step)
        return super().forward(y, step), F.softplus(bits).sum((1, 2, 3))


def imitation_loss(vcn, y, step, x_hat, bits):
    """How far the virtual codec is from the real one; only the virtual codec learns from it."""
    virtual, virtual_bits = vcn(y.detach(), step)
    error = (255 / step) ** 2 * F.mse_loss(virtual, x_hat.detach())
    return error + F.l1_loss(virtual_bits / bits.detach(), torch.ones_like(bits))


def guided(vcn, y, step, x_hat, bits):
    """The real codec's values with the virtual codec's gradient, for what stands before it."""
    frozen = {name: weight.detach() for name, weight in vcn.named_parameters()}
    guide, guide_bits = torch.func.functional_call(vcn, frozen, (y, step))
    x_guided = x_hat.detach() + guide - guide.detach()
    return x_guided, bits.detach() + guide_bits - guide_bits.detach()

# Chapter 8
PRICE = 0.09  # squared error, in squared steps, that one more bit per pixel must save


def cost(x, x_hat, bits, step):
    return (255 / step) ** 2 * F.mse_loss(x_hat, x) + PRICE * bits.sum() / x.numel()


def train_step(codec, optimizer, x, step, vcn=None):
    """One step of all networks at once. Returns the cost before it."""
    y = codec.rsn(x, step)
    x_hat, bits = codec(y if vcn is None else y.detach(), step)
    loss = total = cost(x, x_hat, bits, step)
    if vcn is not None:  # its gradient for the re-sampler, the real one for all others
        x_guided, bits_guided = guided(vcn, y, step, x_hat, bits)
        total = total + imitation_loss(vcn, y, step, x_hat, bits)
        total = total + cost(x, x_guided, bits_guided, step)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    return loss.item()


def train(codec, photos, steps, vcn=None, seed=0):
    """Train on gray photos, (H, W) uint8 of at least 96x96. Yields each step's cost."""
    rng = np.random.default_rng(seed)
    weights = [*codec.parameters(), *(vcn.parameters() if vcn else [])]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.02, steps)
    for _ in range(steps):
        patches = []
        for photo in (photos[i] for i in rng.integers(len(photos), size=4)):
            i, j = (rng.integers(side - 95) for side in photo.shape)
            patches.append(photo[i : i + 96, j : j + 96])
        x = torch.from_numpy(np.stack(patches))[:, None] / 255
        yield train_step(codec, optimizer, x, float(2 ** rng.uniform(3.5, 7)), vcn)
        schedule.step()

# Chapter 9
def encode(image, step, codecs):
    """The better of full and half resolution, as a file. image: Pillow's, or uint8 (H, W)."""
    image = to_gray(image)

    def price(data):  # the cost that training minimises, with the real bits
        x, x_hat = (torch.from_numpy(part) / 255 for part in (image, decode(data, codecs)))
        return cost(x, x_hat, torch.tensor(8 * len(data)), step)

    return min((write(image, step, codec) for codec in codecs), key=price)

# Chapter 10
BANDS = [0, 1, 1, 2, 2, 2, *[3] * 4, *[4] * 5, *[5] * 13, *[6] * 36]  # of the 64 frequencies
LEVELS = [0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7]  # of the sizes around a coefficient
SIGN, END = 20 * 8 * 7, 20 * 8 * 7 + 7  # where these contexts begin


def code_number(coder, band, around, value=None):
    """One signed integer: its size as ones and a zero, then its sign."""
    context, size = 20 * (8 * band + LEVELS[min(around, 14)]), 0
    while size < 9999 and coder.bit(context + min(size, 19), abs(value or 0) > size):
        size += 1
    return -size if size and coder.bit(SIGN + band, (value or 0) < 0) else size


def code_blocks(coder, shape, integers=None):
    """Code integers of that shape, (64, rows, columns), block by block; or decode them."""
    decoded = np.zeros(shape, int)
    outside = [0] * 65, 0  # sizes and end of a block beyond the border
    above = [outside] * (shape[2] + 1)  # the last one stays so
    for i, j in np.ndindex(shape[1:]):
        block = [0] * 64 if integers is None else integers[:, i, j].tolist()
        end = max((k + 1 for k in range(64) if block[k]), default=0)
        (up, up_end), (left, left_end) = above[j], above[j - 1 if j else -1]
        known = [decoded[0, a, b] for a, b in ((i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        guess = sum(known) // max(len(known), 1)  # the mean of a block is like its neighbours'
        value, sizes, k = code_number(coder, 0, up[0] + left[0], block[0] - guess), [0] * 65, 1
        sizes[0], decoded[0, i, j] = abs(value), value + guess
        while k < 64 and coder.bit(END + 3 * k + (up_end > k) + (left_end > k), end > k):
            value = 0
            while k < 64 and not value:  # zeros, and the number behind them
                around = 2 * (up[k] + left[k] + sizes[k - 1] + sizes[k - 2])
                around += up[k - 1] + up[k + 1] + left[k - 1] + left[k + 1]
                value = code_number(coder, BANDS[k], around, block[k])
                sizes[k], decoded[k, i, j] = abs(value), value
                k += 1
        above[j] = sizes, k
    return decoded


MAGIC = b"YOC1"
HEADER = struct.Struct(">4sIBHHH")  # magic, checksum, scale, step, height, width: 15 bytes


def code_picture(coder, image, step, codec):
    """uint8 (H, W): padded to whole blocks, re-sampled, rounded, then into the range coder."""
    x = torch.from_numpy(np.pad(image, [(0, -side % 16) for side in image.shape], "edge"))
    with torch.no_grad():
        y = codec.rsn(x[None, None] / 255, step)
        integers = codec.quantiser(to_blocks(y), step / codec.scale)[0].int().numpy()
    code_blocks(coder, integers.shape, integers)


def write(image, step, codec):
    """uint8 (H, W) -> a file of one resolution. step: whole gray levels, 1 to 1000."""
    coder = RangeCoder(codec.table.tolist())
    code_picture(coder, image, step, codec)
    body = HEADER.pack(MAGIC, 0, codec.scale, step, *image.shape)[8:] + coder.finish()
    return MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def decode(data, codecs):
    """The picture in a file, uint8 (H, W). Raises ValueError for a damaged or foreign file."""
    if data[:4] != MAGIC:
        raise ValueError("this is not a file of your codec: it begins with other bytes")
    if len(data) < HEADER.size or zlib.crc32(data[8:]) != int.from_bytes(data[4:8], "big"):
        raise ValueError("this file is damaged: its checksum does not fit")
    _, _, scale, step, height, width = HEADER.unpack_from(data)
    codec = next(codec for codec in codecs if codec.scale == scale)
    rows, columns = (-(-side // 16) * 2 // scale for side in (height, width))
    coder = RangeCoder(codec.table.tolist(), data[HEADER.size :])
    integers = torch.from_numpy(code_blocks(coder, (64, rows, columns)))[None].float()
    with torch.no_grad():
        y_hat = from_blocks(codec.quantiser.inverse(integers, step / scale))
        x_hat = codec.idn(y_hat, step)[0, 0, :height, :width]
    return (255 * x_hat).round().clamp(0, 255).byte().numpy()


def build(photos, steps, path, seed=0, watch=list):
    """Train both resolutions on gray photos; store weights (half precision) and tables.
    watch: runs through the costs of a training, as a progress bar does."""
    torch.manual_seed(seed)
    arrays = {}
    for codec in (Codec(1), Codec(2)):
        watch(train(codec, photos, steps, seed=seed))
        rates = np.random.default_rng(seed).uniform(3.5, 7, len(photos[::8]))
        for photo, rate in zip(photos[::8], rates, strict=True):
            coder = RangeCoder(codec.table.tolist())
            code_picture(coder, photo, 2**rate, codec)
            codec.table.copy_(torch.tensor(coder.slow))  # a file begins as the last one ended
        state = codec.half().state_dict()
        arrays |= {f"{codec.scale}.{name}": value.numpy() for name, value in state.items()}
    np.savez_compressed(path, **arrays)


def load(path):
    """The two codecs in a file of build()."""
    codecs = [Codec(1), Codec(2)]
    with np.load(path) as stored:
        for codec in codecs:
            for name, value in codec.state_dict().items():
                value.copy_(torch.from_numpy(stored[f"{codec.scale}.{name}"]))
    return codecs
