"""An arithmetic coder in plain Python, short enough to be read whole. Book: chapter 5.

A message is an interval in [0, 1); each symbol cuts it to a part as wide as the symbol is probable. The stream is the
shortest byte string of which every continuation lies in the interval, so that the decoder ends where the stream ends
and notices every truncation. Witten, Neal and Cleary 1987, doi:10.1145/214762.214771; our departure: `low` is one
Python integer, which carries by itself. A table is [0, n0, n0 + n1, ..., total <= 2**24], n the frequencies."""

from bisect import bisect_right
from collections.abc import Sequence

from vcodec.errors import CodecError

SMALLEST = 1 << 64  # a width below this is scaled up before it is cut


class Encoder:  # the interval is [low, low + width) / 256**length
    def __init__(self) -> None:
        self.low, self.width, self.length = 0, 1, 0

    def encode(self, symbol: int, table: Sequence[int]) -> None:
        """Append a symbol, 0 to len(table) - 2. Raises CodecError where its frequency is 0."""
        if not 0 <= symbol < len(table) - 1 or table[symbol] == table[symbol + 1]:
            raise CodecError(f"the symbol {symbol} has no frequency in the table")
        while self.width < SMALLEST:
            self.low, self.width, self.length = self.low << 8, self.width << 8, self.length + 1
        start, end = (self.width * table[i] // table[-1] for i in (symbol, symbol + 1))
        self.low, self.width = self.low + start, end - start

    def finish(self) -> bytes:
        """The stream: less than 2 bytes longer than the sum of -log2(frequency / total) asks for."""
        spare = min(self.length, 9)  # bytes that need not be written, at first as many as the width has
        while -(-self.low >> 8 * spare) + 1 << 8 * spare > self.low + self.width:
            spare -= 1
        return (-(-self.low >> 8 * spare)).to_bytes(self.length - spare)


class Decoder:
    """The number in the stream is in [low + offset, low + offset + slack): `slack` shrinks with every byte read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0
        self.offset, self.slack, self.width = 0, 1, 1

    def decode(self, table: Sequence[int]) -> int:
        """The next symbol; the table must be the encoder's. Raises CodecError where the stream ends too early."""
        while self.width < SMALLEST:
            self.offset, self.slack, self.width = self.offset << 8, self.slack << 8, self.width << 8

        def edge(i: int) -> int:
            return self.width * table[i] // table[-1]

        while self.offset + self.slack > edge(symbol := bisect_right(range(len(table)), self.offset, key=edge)):
            if self.position == len(self.data):
                raise CodecError("the arithmetic-coded stream ends too early")
            self.slack >>= 8  # the symbol is still open: read a byte
            self.offset += self.data[self.position] * self.slack
            self.position += 1
        self.offset, self.width = self.offset - edge(symbol - 1), edge(symbol) - edge(symbol - 1)
        return symbol - 1
