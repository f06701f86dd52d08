# %% variants
VARIANTS = {
    "a": {
        "title": "Assignment 3: an arithmetic coder that counts",
        "PICTURE": "brick", "STEP": 30, "START": 1, "MOST_COUNT": 255, "MOST_BYTES": 2300,
    },
    "b": {
        "title": "Assignment 3: an arithmetic coder that slows down",
        "PICTURE": "grass", "STEP": 60, "START": 2, "MOST_COUNT": 60, "MOST_BYTES": 4500,
    },
}  # fmt: skip

# %% [markdown]
# # <<title>>
#
# **90 to 120 minutes, 14 marks. Read chapter 5 first.**
#
# You write an adaptive binary arithmetic coder, choose its contexts, and code the integers of a photograph with it. The coder has the shape of `RangeCoder` in part 4 of *your codec*, so it can take its place there. Its probabilities adapt in another way than the book's.
#
# Every task has a cell for your code and a cell of tests. Write your code in the place of `raise NotImplementedError`. The tests that you see are not all: others are run when your work is marked.
# Leave the names of the functions, and do not delete cells. Before you hand in, choose *Restart Kernel and Run All Cells*.

# %% given
import numpy as np
import torch

from vcodec.images import embedded
from vcodec.your_codec import to_blocks, to_gray

# %% given
photo = to_gray(embedded(PICTURE))[:192, :192]
coefficients = to_blocks(torch.from_numpy(photo)[None, None] / 255)[0]
planes = (
    (coefficients / STEP).round().int().numpy()
)  # (64, 24, 24): each plane is one frequency
print(planes.shape, f"{np.mean(planes == 0):.0%} are zero")

# %% [markdown] only=a
# ## 1. The probability (3 marks)
#
# For each context the model counts the zeros and the ones that it has seen; both counts begin at `START`. The probability of a one is its share of both, as a whole number of 65,536ths: `65536 * ones // (zeros + ones)`, but at least 1 and at most 65535.
# After each bit its count grows by 1. When the sum of both is more than `MOST_COUNT`, both are halved, rounded up: the model forgets.

# %% [markdown] only=b
# ## 1. The probability (3 marks)
#
# For each context the model keeps the probability of a one as a whole number of 65,536ths, at first 32768, and the number $n$ of bits that it has seen there.
# A bit moves the probability towards 65536 (a one) or towards 0 by $1/(n + $ `START` $)$ of the distance, rounded down: `p += (65536 - p) // (n + START)` or `p -= p // (n + START)`; then it is limited to 32 to 65504. After that $n$ grows by 1, but not beyond `MOST_COUNT`: the model learns fast at first, and goes on learning.


# %% solution model only=a
class Model:
    """The adaptive probabilities of a number of contexts, in whole numbers."""

    def __init__(self, contexts):
        """contexts: how many."""
        ### BEGIN SOLUTION
        self.zeros, self.ones = [START] * contexts, [START] * contexts
        ### END SOLUTION

    def probability(self, context):
        """Of a one, in 1/65536: 1 to 65535."""
        ### BEGIN SOLUTION
        zeros, ones = self.zeros[context], self.ones[context]
        return min(max(65536 * ones // (zeros + ones), 1), 65535)
        ### END SOLUTION

    def learn(self, context, bit):
        ### BEGIN SOLUTION
        counts = self.ones if bit else self.zeros
        counts[context] += 1
        if self.zeros[context] + self.ones[context] > MOST_COUNT:
            for counts in (self.zeros, self.ones):
                counts[context] = (counts[context] + 1) // 2
        ### END SOLUTION


# %% wrong model model-forgets only=a
# Nothing is forgotten: the counts grow without end.
# - self.zeros[context] + self.ones[context] > MOST_COUNT
# + False


# %% solution model only=b
class Model:
    """The adaptive probabilities of a number of contexts, in whole numbers."""

    def __init__(self, contexts):
        """contexts: how many."""
        ### BEGIN SOLUTION
        self.p, self.seen = [32768] * contexts, [0] * contexts
        ### END SOLUTION

    def probability(self, context):
        """Of a one, in 1/65536: 1 to 65535."""
        ### BEGIN SOLUTION
        return self.p[context]
        ### END SOLUTION

    def learn(self, context, bit):
        ### BEGIN SOLUTION
        p, slowness = self.p[context], self.seen[context] + START
        p += (65536 - p) // slowness if bit else -(p // slowness)
        self.p[context] = min(max(p, 32), 65504)
        self.seen[context] = min(self.seen[context] + 1, MOST_COUNT)
        ### END SOLUTION


# %% wrong model model-forgets only=b
# The number of bits grows without end: the model slows down for ever.
# - min(self.seen[context] + 1, MOST_COUNT)
# + self.seen[context] + 1

# %% tests model 2
model = Model(3)
assert [model.probability(context) for context in range(3)] == [32768] * 3
model.learn(1, 1)
assert model.probability(1) > 32768 and model.probability(0) == 32768
### BEGIN HIDDEN TESTS
model.learn(1, 1)
model.learn(1, 0)
assert model.probability(1) == (39321 if START == 1 else 40960)
for _ in range(50):
    model.learn(2, 0)
assert model.probability(2) == (1260 if START == 1 else 654)
### END HIDDEN TESTS

# %% tests model-forgets 1
model = Model(1)
for bit in [0] * 3000 + [1] * 200:
    model.learn(0, bit)
assert 1 <= model.probability(0) <= 65535
### BEGIN HIDDEN TESTS
assert model.probability(0) > 30000, "what lies far back counts too much"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What a message costs (2 marks)
#
# An ideal coder spends $-\log_2 p$ bits on a bit of probability $p$. `ideal_bits` returns what a message costs with a fresh model: for each bit the cost first, and then the model learns.


# %% solution ideal_bits
def ideal_bits(message, contexts):
    """Bits, a float. message: pairs (context, bit); contexts: how many there are."""
    ### BEGIN SOLUTION
    model, total = Model(contexts), 0.0
    for context, bit in message:
        p = model.probability(context) / 65536
        total -= np.log2(p if bit else 1 - p)
        model.learn(context, bit)
    return float(total)
    ### END SOLUTION


# %% wrong ideal_bits ideal_bits
# The model learns the bit before its cost is computed. A decoder could not do the same: it does not know the bit yet.
# - p = model.probability(context) / 65536
# -         total -= np.log2(p if bit else 1 - p)
# -         model.learn(context, bit)
# + model.learn(context, bit)
# +         p = model.probability(context) / 65536
# +         total -= np.log2(p if bit else 1 - p)

# %% tests ideal_bits 2
rng = np.random.default_rng(5)
message = [
    (int(context), int(rng.random() < (0.05, 0.6)[context]))
    for context in rng.integers(0, 2, 4000)
]
print(f"{ideal_bits(message, 2):.0f} bits for {len(message)}")
assert 0 < ideal_bits(message, 2) < 4000
### BEGIN HIDDEN TESTS
assert abs(ideal_bits([(0, 1)], 1) - 1) < 1e-9, "the first bit costs one bit"
zero, one = Model(1), Model(1)
zero.learn(0, 0)
assert abs(ideal_bits([(0, 0), (0, 1)], 1) - 1 + np.log2(zero.probability(0) / 65536)) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The coder (5 marks)
#
# Write the range coder of the book around your model: an interval of whole numbers of 32 bits, split at `low + ((high - low) * p >> 16)`; a one takes the lower part. Each byte that is certain goes out. With `data` the coder decodes, and `bit` then ignores its second argument.
# `finish` ends the stream with as few bytes as are needed: the decoder reads zeros behind the end. At most **2 bytes** more than `ideal_bits / 8` may come out, apart from what rounding of the split costs.


# %% solution coder
class RangeCoder:
    """Codes bits, each in a context; with data it decodes them."""

    def __init__(self, model, data=None):
        ### BEGIN SOLUTION
        self.model, self.low, self.high, self.out = model, 0, 2**32 - 1, bytearray()
        self.decodes, self.rest = data is not None, iter(data or b"")
        self.code = int.from_bytes((next(self.rest, 0) for _ in range(4)), "big")
        ### END SOLUTION

    def bit(self, context, bit=None):
        """Encode a bit, or decode it. Returns it, and the model learns it."""
        ### BEGIN SOLUTION
        middle = self.low + ((self.high - self.low) * self.model.probability(context) >> 16)
        if self.decodes:
            bit = int(self.code <= middle)
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        self.model.learn(context, bit)
        while (self.low ^ self.high) < 2**24:
            self.out.append(self.high >> 24)
            self.low, self.high = self.low << 8 & 2**32 - 1, self.high << 8 & 2**32 - 1 | 255
            self.code = self.code << 8 & 2**32 - 1 | next(self.rest, 0)
        return bit
        ### END SOLUTION

    def finish(self):
        """The stream."""
        ### BEGIN SOLUTION
        return bytes(self.out) + (self.low + 2**24 - 1 >> 24).to_bytes(1, "big")
        ### END SOLUTION


# %% wrong coder coder-end
# The end writes all four bytes of the interval, though one identifies it.
# - (self.low + 2**24 - 1 >> 24).to_bytes(1, "big")
# + self.low.to_bytes(4, "big")


# %% tests coder-round-trip 3
def there_and_back(message, contexts):
    """The stream, and whether it decodes to the message."""
    coder = RangeCoder(Model(contexts))
    for context, bit in message:
        coder.bit(context, bit)
    stream = coder.finish()
    decoder = RangeCoder(Model(contexts), stream)
    return stream, [decoder.bit(context) for context, _ in message] == [
        bit for _, bit in message
    ]


stream, same = there_and_back(message, 2)
print(f"{len(stream)} bytes")
assert same
### BEGIN HIDDEN TESTS
for seed in range(20):
    rng = np.random.default_rng(seed)
    share, length = rng.random(3) ** 4, int(rng.integers(1, 600))
    some = [(int(c), int(rng.random() < share[c])) for c in rng.integers(0, 3, length)]
    assert there_and_back(some, 3)[1]
assert (
    there_and_back([(0, 0)] * 3000 + [(0, 1)] * 3, 1)[1]
    and there_and_back([(0, 1)] * 3000 + [(0, 0)] * 3, 1)[1]
)
### END HIDDEN TESTS

# %% tests coder-rate 1


### BEGIN HIDDEN TESTS
def ideal_bytes(message, contexts):  # whatever the answer to task 2
    model, total = Model(contexts), 0.0
    for context, bit in message:
        p = model.probability(context) / 65536
        total -= np.log2(p if bit else 1 - p) / 8
        model.learn(context, bit)
    return total


long = [(0, int(bit)) for bit in np.random.default_rng(6).random(20000) < 0.02]
assert len(there_and_back(long, 1)[0]) < 1.01 * ideal_bytes(long, 1) + 4
### END HIDDEN TESTS
assert len(stream) < 330

# %% tests coder-end 1
assert len(there_and_back([(0, 1)], 1)[0]) <= 4
### BEGIN HIDDEN TESTS
for length in range(1, 60):
    few = [(0, int(bit)) for bit in np.random.default_rng(length).integers(0, 2, length)]
    assert len(there_and_back(few, 1)[0]) <= ideal_bytes(few, 1) + 2
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 4. The integers of a photograph (4 marks)
#
# `code_planes` codes integers of a given shape, or decodes them. Write each as in the book: as many ones as its size, then a zero, then, unless the size is 0, the sign (a one for a negative number).
# You choose the contexts: for instance by frequency, by the number of ones before, and by the sizes of the coefficients above and to the left in the same plane. The decoder must know all that a context depends on. No more than 20,000 contexts, and fewer than `MOST_BYTES` bytes for the photograph.

# %% [markdown] only=b
# ## 4. The integers of a photograph (4 marks)
#
# `code_planes` codes integers of a given shape, or decodes them. Write each in this way: a one if it is not 0, then its sign (a one for a negative number), then as many ones as its size less 1, then a zero.
# You choose the contexts: for instance by frequency, by the number of ones before, and by the sizes of the coefficients above and to the left in the same plane. The decoder must know all that a context depends on. No more than 20,000 contexts, and fewer than `MOST_BYTES` bytes for the photograph.

# %% solution planes only=a
CONTEXTS = 64 * 4 * 16 + 1  # change it if you have another number


def code_planes(coder, shape, integers=None):
    """Code whole numbers of this shape, (64, rows, columns); without them decode. Returns them."""
    ### BEGIN SOLUTION
    found = np.zeros(shape, int)
    for k, i, j in np.ndindex(*shape):
        value = 0 if integers is None else int(integers[k, i, j])
        around = abs(found[k, i - 1, j]) * (i > 0) + abs(found[k, i, j - 1]) * (j > 0)
        place, size = 16 * (4 * k + min(around, 3)), 0
        while coder.bit(place + min(size, 15), int(size < abs(value))):
            size += 1
        negative = size and coder.bit(CONTEXTS - 1, int(value < 0))
        found[k, i, j] = -size if negative else size
    return found
    ### END SOLUTION


# %% solution planes only=b
CONTEXTS = 64 * 4 * 16 + 1  # change it if you have another number


def code_planes(coder, shape, integers=None):
    """Code whole numbers of this shape, (64, rows, columns); without them decode. Returns them."""
    ### BEGIN SOLUTION
    found = np.zeros(shape, int)
    for k, i, j in np.ndindex(*shape):
        value = 0 if integers is None else int(integers[k, i, j])
        around = abs(found[k, i - 1, j]) * (i > 0) + abs(found[k, i, j - 1]) * (j > 0)
        place = 16 * (4 * k + min(around, 3))
        if coder.bit(place, int(value != 0)):
            negative, size = coder.bit(CONTEXTS - 1, int(value < 0)), 1
            while coder.bit(place + min(size, 15), int(size < abs(value))):
                size += 1
            found[k, i, j] = -size if negative else size
    return found
    ### END SOLUTION


# %% tests planes 3
def stream_of(integers):
    coder = RangeCoder(Model(CONTEXTS))
    code_planes(coder, integers.shape, integers)
    return coder.finish()


stream = stream_of(planes)
print(f"{len(stream)} bytes, {8 * len(stream) / photo.size:.2f} bpp")
assert np.array_equal(code_planes(RangeCoder(Model(CONTEXTS), stream), planes.shape), planes)
### BEGIN HIDDEN TESTS
assert CONTEXTS <= 20000
for shape in ((64, 1, 1), (64, 2, 5)):
    few = np.random.default_rng(7).laplace(0, 3, shape).round().astype(int)
    few[0, 0, 0] = -61
    assert np.array_equal(code_planes(RangeCoder(Model(CONTEXTS), stream_of(few)), shape), few)
### END HIDDEN TESTS

# %% tests planes-bytes 1
assert len(stream) < photo.size, "more than one byte for each pixel"
### BEGIN HIDDEN TESTS
assert len(stream) < MOST_BYTES
### END HIDDEN TESTS

# %% [markdown]
# ## What you have
#
# A coder, and a file of a photograph. How long is what general programs make of the same integers?

# %% given
import lzma
import zlib

plain = planes.astype(np.int16).tobytes()
print(
    f"yours {len(stream)} bytes, zlib {len(zlib.compress(plain, 9))}, lzma {len(lzma.compress(plain))}"
)
