"""Readers of single bits for the headers of VP8, AV1 and HEVC. Running over the end raises IndexError."""


class BitReader:
    """Bits of a byte string, the most significant first."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0  # at: in bits

    def bits(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        value = 0
        for _ in range(count):
            value = 2 * value + (self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1)
            self.at += 1
        return value

    def skip(self, count: int) -> None:
        self.at += count

    def flag(self) -> bool:
        return bool(self.bits(1))

    def golomb(self) -> int:
        """An unsigned Exponential-Golomb code: HEVC, 9.2."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise IndexError("no such code")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed_golomb(self) -> int:
        """The same for 0, 1, -1, 2, -2, ..."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


class BoolDecoder:
    """VP8's arithmetic decoder for bits that are as often 0 as 1 (RFC 6386, 7.3 and 20.2)."""

    def __init__(self, data: bytes):
        self.data, self.value, self.range, self.at, self.shifts = data, int.from_bytes(data[:2], "big"), 255, 2, 0

    def bits(self, count: int) -> int:
        number = 0
        for _ in range(count):
            number = 2 * number + self._bit()
        return number

    def flag(self) -> bool:
        return bool(self.bits(1))

    def signed(self, count: int) -> int:
        """Magnitude, then sign."""
        size = self.bits(count)
        return -size if self.flag() else size

    def _bit(self) -> int:
        split = 1 + ((self.range - 1) * 128 >> 8)
        bit = self.value >= split << 8
        if bit:
            self.range, self.value = self.range - split, self.value - (split << 8)
        else:
            self.range = split
        while self.range < 128:
            self.value, self.range, self.shifts = self.value << 1, self.range << 1, self.shifts + 1
            if self.shifts == 8:
                self.shifts, self.value = 0, self.value | self.data[self.at]
                self.at += 1
        return int(bit)
