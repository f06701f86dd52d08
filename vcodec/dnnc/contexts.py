"""What is known about a symbol before it is coded: the order of the symbols and the contexts of each.

Symbols (planes, images, h, w) are whole numbers, a plane for each channel and frequency of a latent. They are
visited in passes. A pass holds symbols that do not look at each other, so that one vector call treats them all.
Whatever is looked at has been decoded before. Everything here is an integer: no float decides a probability, so
every machine finds the same contexts. Book: chapters 5 and 10."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from vcodec.dnnc.quantizer import BLOCK
from vcodec.errors import CodecError

COARSE = 16  # predicted planes begin with every 16th symbol and are refined from there
BEGIN, REFINEMENTS = 0, 8  # kinds of passes of a predicted plane: the beginning, then two for each distance
FIRST_HALVES = 6 * (REFINEMENTS + 1)  # rows of parameters before those of the other planes
LARGEST_SYMBOL = 32767
LARGEST = 1023  # neighbours count as at most this large, so that 32 bits hold every sum
MEAN_UNIT = 64  # means over a plane are counted in 1/64
NEAR = ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (-1, 1), (1, -1))  # lower frequencies
CROSS = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
RING = CROSS + DIAGONAL
SLOPES = 2  # frequencies up to this sum are predicted from the means around


def zigzag(side: int) -> list[tuple[int, int]]:
    """Frequencies (rows, columns) of a block from low to high."""
    return sorted(((u, v) for u in range(side) for v in range(side)), key=lambda f: (sum(f), f))


@dataclass(frozen=True)
class Layout:
    """The planes of a latent. In DCT space the 8x8 frequencies of its first four channels are the 16x16 frequencies of
    luma; a fifth and sixth channel, chroma, have 8x8 of their own. In feature space each channel is a plane.

    Planes come in groups that share a block: luma, each channel of chroma; or each channel of feature space."""

    channels: int
    space: str = "dct"

    @property
    def planes(self) -> int:
        return self.channels * (BLOCK**2 if self.space == "dct" else 1)

    @property
    def groups(self) -> int:
        return self.channels - 3 if self.space == "dct" else self.channels

    @property
    def rows(self) -> int:
        """How many kinds of passes have parameters of their own."""
        return FIRST_HALVES + 2 * self.planes

    def side(self, group: int) -> int:
        """Frequencies of a group across and down."""
        return 1 if self.space == "feature" else BLOCK if group else 2 * BLOCK

    def order(self, group: int) -> list[int]:
        """Planes of a group in coding order: from low frequencies to high."""
        return [self.plane(group, u, v) for u, v in zigzag(self.side(group))]

    def plane(self, group: int, u: int, v: int) -> int:
        if self.space == "feature":
            return group
        channel = 2 * (u // BLOCK) + v // BLOCK if group == 0 else 3 + group
        return (channel * BLOCK + u % BLOCK) * BLOCK + v % BLOCK


class Symbols:
    """Symbols of some images of h x w positions, framed by zeros, and what the contexts need beside them.

    All in 16 bits, because a large picture has a symbol and a half for each pixel. `values` holds the planes; behind
    them follow, for each group, the sum of the magnitudes decoded so far at a position, and that sum over its four
    neighbours. `lowest` is the first plane with a frame of its nearest values; other planes are predicted from it.
    `means`: of each plane and image, in 1/64."""

    def __init__(self, layout: Layout, images: int, height: int, width: int):
        self.layout, self.shape = layout, (images, height, width)
        framed = (images, height + 2, width + 2)
        self.values = np.zeros((layout.planes + 2 * layout.groups, *framed), np.int16)
        self.lowest = np.zeros(framed, np.int16)
        self.means = np.zeros((layout.planes, images), np.int32)
        self.stride = framed[0] * framed[1] * framed[2]  # from a plane to the next, in numbers
        self.row = framed[2]

    @property
    def signed(self) -> np.ndarray:
        """The symbols with their frames, (planes, images, h + 2, w + 2)."""
        return self.values[: self.layout.planes]

    def sizes(self, positions: np.ndarray) -> np.ndarray:
        """Magnitudes at positions in `values`, laid out flat."""
        return magnitude(self.values.reshape(-1)[positions])

    def put(self, coding_pass: "Pass", values: np.ndarray) -> None:
        """Write what a pass decoded. Raises CodecError for a symbol of more than 16 bits."""
        if len(values) and max(values.max(), -values.min()) > LARGEST_SYMBOL:
            raise CodecError(f"a symbol is larger than {LARGEST_SYMBOL}")
        self.values[coding_pass.plane].reshape(-1)[coding_pass.positions] = values

    def finish(self, group: int, plane: int) -> None:
        """Bring the sums and means up to date when all passes of a plane are done."""
        sums, size = self.layout.planes + 2 * group, magnitude(self.values[plane])
        self.means[plane] = mean_size(size, self.shape[1] * self.shape[2])
        if size.any():
            near, around = self.values[sums], self.values[sums + 1]
            np.minimum(near + size, LARGEST, out=near)
            across = near[:, :-2, 1:-1] + near[:, 2:, 1:-1] + near[:, 1:-1, :-2] + near[:, 1:-1, 2:]
            np.minimum(across, LARGEST, out=around[:, 1:-1, 1:-1])
        if plane == 0:
            self.lowest = np.pad(self.values[0][:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1)), mode="edge")

    def inside(self) -> np.ndarray:
        """The symbols without their frames, (planes, images, h, w)."""
        return self.signed[:, :, 1:-1, 1:-1]


def magnitude(values: np.ndarray) -> np.ndarray:
    return np.minimum(np.abs(values), LARGEST)


def mean_size(size: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """Of each image of a plane, in 1/64, int32."""
    return (MEAN_UNIT * size.sum((1, 2), dtype=np.int64) // np.maximum(count, 1)).astype(np.int32)


@dataclass
class Pass:
    """Symbols that are coded by one call."""

    row: int  # which parameters
    group: int
    total: int  # rows and columns of the frequency, added
    plane: int
    positions: np.ndarray  # (n,), in a framed plane laid out flat
    image: np.ndarray  # (n,), the image that each is of
    neighbours: np.ndarray | None  # (4 or 8, n) values from which the value is predicted, if it is
    features: np.ndarray  # (K, n), whole numbers from which their size is guessed


def passes(symbols: Symbols, used: np.ndarray) -> Iterator[Pass]:
    """The passes in coding order. The caller must `put` the values of each before asking for the next.

    used: how many planes of each group hold anything; the others are not visited."""
    layout = symbols.layout
    for group in range(layout.groups):
        for frequency in zigzag(layout.side(group))[: used[group]]:
            visit = halves if any(frequency) else refinements
            yield from visit(symbols, group, frequency)
            symbols.finish(group, layout.plane(group, *frequency))


def halves(symbols: Symbols, group: int, frequency: tuple[int, int]) -> Iterator[Pass]:
    """A plane in two passes, like the squares of a chessboard: the second sees four neighbours of its own.

    Features: the mean size of the first half, the mean sizes of two planes before, and sizes nearby. The slopes
    of luma, its lowest frequencies, are predicted from the means of the eight blocks around; other values are as
    often + as -."""
    plane = symbols.layout.plane(group, *frequency)
    places, before = neighbourhood(symbols.layout, group, frequency)
    offsets = np.array([p * symbols.stride + dy * symbols.row + dx for p, dy, dx in places])[:, None]
    ring = np.array([dy * symbols.row + dx for dy, dx in RING])[:, None]
    first_half = np.zeros_like(symbols.means[0])
    for colour, (positions, image) in enumerate(chessboard(*symbols.shape)):
        averages = np.stack([first_half, *(symbols.means[p] for p in before)])
        features = np.concatenate([averages[:, image], symbols.sizes(positions + offsets)])
        near = None
        if group == 0 and sum(frequency) <= SLOPES:
            near = symbols.lowest.reshape(-1)[positions + ring]
        yield Pass(FIRST_HALVES + 2 * plane + colour, group, sum(frequency), plane, positions, image, near, features)
        if not colour:
            counted = np.bincount(image, minlength=symbols.shape[0])
            first_half = mean_size(magnitude(symbols.values[plane]), counted)


@cache
def neighbourhood(
    layout: Layout, group: int, frequency: tuple[int, int]
) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Where a symbol of a DCT plane looks: (row of `Symbols.values`, dy, dx), and two planes whose means matter."""
    rank = {f: i for i, f in enumerate(zigzag(layout.side(group)))}
    lower = [(frequency[0] - du, frequency[1] - dv) for du, dv in NEAR]
    lower = [f for f in lower if f in rank and rank[f] < rank[frequency]]
    places = [(layout.plane(group, *frequency), dy, dx) for dy, dx in CROSS]
    places += [(layout.plane(group, *f), 0, 0) for f in lower]
    places += [(layout.plane(group, *f), dy, dx) for f in lower[:2] for dy, dx in CROSS]
    places += [(layout.plane(g, *frequency), 0, 0) for g in range(group)]
    sums = sorted({0, group})
    places += [(layout.planes + 2 * g + ring, 0, 0) for g in sums for ring in (0, 1)]
    before = [layout.plane(group, *f) for f in lower]
    return places, [before[0], before[min(1, len(before) - 1)]]


@lru_cache(maxsize=16)
def chessboard(images: int, height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions and images of the squares of either colour."""
    n, y, x = np.mgrid[:images, :height, :width]
    return [framed(n[m], y[m], x[m], height, width) for m in ((y + x) % 2 == colour for colour in (0, 1))]


def framed(n: np.ndarray, y: np.ndarray, x: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return (n * (height + 2) + y + 1) * (width + 2) + x + 1, n


def refinements(symbols: Symbols, group: int, frequency: tuple[int, int]) -> Iterator[Pass]:
    """A plane from coarse to fine: each pass halves the distance, diagonally and then straight.

    Features: how far each of the four neighbours is from their mean, and sizes at the same place in the groups
    before."""
    layout = symbols.layout
    plane, base = layout.plane(group, *frequency), (REFINEMENTS + 1) * group
    others = np.array([layout.plane(g, 0, 0) * symbols.stride for g in range(group)], int)[:, None]
    values = symbols.values[plane].reshape(-1)
    for kind, positions, image, places in pyramid(*symbols.shape):
        near = values[places]
        spread = np.abs(near - near.sum(0) // 4) if kind else np.zeros_like(near)
        features = np.concatenate([np.minimum(spread, LARGEST), symbols.sizes(positions + others)])
        yield Pass(base + kind, group, 0, plane, positions, image, near, features)


@lru_cache(maxsize=16)
def pyramid(images: int, height: int, width: int) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """(kind, positions, images, positions of four neighbours) of each pass of a predicted plane.

    A neighbour beyond the edge is replaced by the one opposite, or by any that there is."""
    n, y, x = (a.ravel() for a in np.mgrid[:images, :height, :width])

    def place(rows: np.ndarray, columns: np.ndarray, of: np.ndarray) -> np.ndarray:
        return framed(of, rows, columns, height, width)[0]

    first = (y % COARSE == 0) & (x % COARSE == 0)
    positions, image = framed(n[first], y[first], x[first], height, width)
    found = [(BEGIN, positions, image, np.zeros((4, len(positions)), int))]  # position 0 lies in the frame: a zero
    distance, kind = COARSE // 2, 1
    while distance:
        odd = [(a % (2 * distance) == distance) for a in (y, x)]
        even = [(a % (2 * distance) == 0) for a in (y, x)]
        for mask, steps in ((odd[0] & odd[1], DIAGONAL), ((odd[0] & even[1]) | (even[0] & odd[1]), CROSS)):
            m, r, c = n[mask], y[mask], x[mask]
            if len(m):
                places = np.stack([place(*around(r, c, dy * distance, dx * distance, height, width), m)
                                   for dy, dx in steps])  # fmt: skip
                found.append((kind, *framed(m, r, c, height, width), places))
            kind += 1
        distance //= 2
    return found


def around(y: np.ndarray, x: np.ndarray, dy: int, dx: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(y + dy, x + dx), mirrored where that lies outside; where the mirror image does too, the other axis serves."""
    rows = np.where((y + dy >= 0) & (y + dy < height), y + dy, y - dy)
    columns = np.where((x + dx >= 0) & (x + dx < width), x + dx, x - dx)
    lost_row, lost_column = (rows < 0) | (rows >= height), (columns < 0) | (columns >= width)
    step = abs(dy) + abs(dx)
    columns = np.where(lost_row, x - step, columns)
    rows = np.where(lost_column, y - step, rows)
    return np.where(lost_row, y, rows), np.where(lost_column, x, columns)
