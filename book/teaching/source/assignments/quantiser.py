# %% variants
VARIANTS = {
    "a": {
        "title": "Assignment 2: a quantiser that shrinks what it decodes",
        "PICTURE": "coffee", "STEP": 32, "OTHER_STEP": 20, "LOW": 0.5, "HIGH": 0.25, "PASS": 0.25,
    },
    "b": {
        "title": "Assignment 2: a quantiser with a limit",
        "PICTURE": "chelsea", "STEP": 26, "OTHER_STEP": 44, "LOW": 0.45, "HIGH": 0.3, "LIMIT": 40,
    },
}  # fmt: skip

# %% [markdown]
# # <<title>>
#
# **60 to 90 minutes, 12 marks. Read chapter 4 first.**
#
# You write a quantiser for DCT coefficients that is better than that of the book: its dead zone depends on the frequency, its gradient knows where rounding loses most, and it learns what each integer stands for.
# It has the shapes of `Quantiser` in part 3 of *your codec* and takes its place there.
#
# Every task has a cell for your code and a cell of tests. Write your code in the place of `raise NotImplementedError`. The tests that you see are not all: others are run when your work is marked.
# Leave the names of the functions, and do not delete cells. Before you hand in, choose *Restart Kernel and Run All Cells*.

# %% given
import numpy as np
import torch
from torch import nn

from vcodec.images import embedded
from vcodec.your_codec import estimated_bits, from_blocks, to_blocks, to_gray

# %% given
photo = to_gray(embedded(PICTURE))[40:232, 100:292]  # uint8 (192, 192)
x = torch.from_numpy(photo)[None, None] / 255
coefficients = to_blocks(x)  # (1, 64, 24, 24) in gray levels, low frequencies first
print(tuple(coefficients.shape))

# %% [markdown]
# ## 1. A dead zone for each frequency (3 marks)
#
# With an offset $\theta$ the integer of a coefficient $e$, in steps, is $q = \operatorname{sign}(e) \lfloor |e| + \theta \rfloor$. High frequencies are nearer to zero, so a smaller offset pays there.
# `offsets` returns $\theta$ for the 64 frequencies: `LOW` at the first, `HIGH` at the last, and on a straight line between. `integers` applies it.


# %% solution integers
def offsets():
    """The offset of each frequency, float (1, 64, 1, 1)."""
    ### BEGIN SOLUTION
    return torch.linspace(LOW, HIGH, 64)[None, :, None, None]
    ### END SOLUTION


def integers(exact):
    """Coefficients in steps, (N, 64, h, w) -> whole numbers as floats, the same shape."""
    ### BEGIN SOLUTION
    return exact.sign() * (exact.abs() + offsets()).floor()
    ### END SOLUTION


# %% wrong integers integers
# The sign is forgotten: floor(e + offset) has a dead zone that is not symmetric around 0.
# - exact.sign() * (exact.abs() + offsets()).floor()
# + (exact + offsets()).floor()

# %% tests offsets 1
assert offsets().shape == (1, 64, 1, 1) and abs(offsets()[0, 0].item() - LOW) < 1e-6
### BEGIN HIDDEN TESTS
wanted = LOW + (HIGH - LOW) * torch.arange(64) / 63
assert torch.allclose(offsets().flatten(), wanted, atol=1e-6)
### END HIDDEN TESTS

# %% tests integers 2
small = torch.full((1, 64, 1, 1), 0.6)
assert integers(small)[0, 0].item() == 1 and integers(small)[0, 63].item() == 0
### BEGIN HIDDEN TESTS
line = torch.linspace(-4.01, 4.03, 77)[None, None].expand(1, 64, 77)[..., None]
theta = LOW + (HIGH - LOW) * torch.arange(64)[None, :, None, None] / 63
assert torch.equal(integers(line), line.sign() * (line.abs() + theta).floor())
assert torch.equal(integers(-line), -integers(line))
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 2. The gradient (3 marks)
#
# Straight-through gives every coefficient the gradient of the identity, also those that became 0 and that no small change can bring back. `round_through` returns the *values* of `integers(exact)`. Its gradient is 1 where the integer is not 0, and `PASS` where it is.

# %% [markdown] only=b
# ## 2. The gradient (3 marks)
#
# A decoder with small tables knows no integer beyond `LIMIT` on either side. `round_through` returns the *values* of `integers(exact)`, clipped to `-LIMIT` to `LIMIT`. Its gradient is 1 where nothing was clipped, and 0 where it was: there, a larger coefficient changes nothing.


# %% solution round_through only=a
def round_through(exact):
    """(N, 64, h, w) -> whole numbers, with the gradient that is described above."""
    ### BEGIN SOLUTION
    rounded = integers(exact).detach()
    guide = torch.where(rounded == 0, PASS * exact, exact)
    return rounded + (guide - guide.detach())
    ### END SOLUTION


# %% wrong round_through gradient only=a
# The straight-through gradient of the book: 1 everywhere, also where the integer is 0.
# - torch.where(rounded == 0, PASS * exact, exact)
# + exact


# %% solution round_through only=b
def round_through(exact):
    """(N, 64, h, w) -> whole numbers, with the gradient that is described above."""
    ### BEGIN SOLUTION
    rounded = integers(exact).detach()
    guide = torch.where(rounded.abs() > LIMIT, exact.detach(), exact)
    return rounded.clamp(-LIMIT, LIMIT) + (guide - guide.detach())
    ### END SOLUTION


# %% wrong round_through gradient only=b
# The straight-through gradient of the book around the clipped value: 1 everywhere, also where it was clipped.
# - torch.where(rounded.abs() > LIMIT, exact.detach(), exact)
# + exact

# %% tests values 1
few = torch.tensor([-40.2, -1.7, 0.1, 0.2, 2.9, 300.0]).repeat(64, 1)[None, ..., None]
assert torch.allclose(round_through(few)[0, 0, 1:5, 0], torch.tensor([-2.0, 0, 0, 3]))
### BEGIN HIDDEN TESTS
most = LIMIT if "LIMIT" in globals() else 1e9
assert torch.allclose(round_through(few).detach(), integers(few).clamp(-most, most))
### END HIDDEN TESTS

# %% tests gradient 2
leaf = few.clone().requires_grad_()
round_through(leaf).sum().backward()
assert leaf.grad is not None and leaf.grad[0, 0, 1, 0] == 1
### BEGIN HIDDEN TESTS
q = integers(few)
wanted = (q.abs() <= LIMIT).float() if "LIMIT" in globals() else torch.where(q == 0, PASS, 1.0)
assert torch.allclose(leaf.grad, wanted)
leaf.grad = None
(3 * round_through(leaf)).sum().backward()
assert torch.allclose(leaf.grad, 3 * wanted)
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 3. What an integer stands for (4 marks)
#
# The coefficients that became $q$ lie nearer to zero than $q$ steps on average. Let frequency $k$ decode to $\operatorname{sign}(q)\,(|q| - \delta_k)$ steps, and 0 to 0.
# The best $\delta_k$ in the mean square over some pictures has a formula: set the derivative of the error to zero. `best_shift` returns it; a frequency all of whose integers are 0 gets 0.
#
# `Quantiser` holds $\delta$ as the parameter `shift`, (1, 64, 1, 1), at first 0. `forward` returns the integers with the gradient of task 2, `inverse` the coefficients.

# %% [markdown] only=b
# ## 3. What an integer stands for (4 marks)
#
# The coefficients that became $q$ lie nearer to zero than $q$ steps on average, those of $|q| = 1$ above all. Let $\pm1$ of frequency $k$ decode to $\pm\delta_k$ steps, and every other integer to itself.
# The best $\delta_k$ in the mean square over some pictures has a formula: set the derivative of the error to zero. `best_shift` returns it; a frequency without any $\pm1$ gets 1.
#
# `Quantiser` holds $\delta$ as the parameter `shift`, (1, 64, 1, 1), at first 1. `forward` returns the integers with the gradient of task 2, `inverse` the coefficients.


# %% solution quantiser only=a
def best_shift(exact, q):
    """Coefficients in steps and their integers, both (N, 64, h, w) -> delta, (1, 64, 1, 1)."""
    ### BEGIN SOLUTION
    some = (q != 0).float()
    over = (some * (q.abs() - q.sign() * exact)).sum((0, 2, 3), keepdim=True)
    return over / some.sum((0, 2, 3), keepdim=True).clamp(min=1)
    ### END SOLUTION


class Quantiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, 64, 1, 1))

    def forward(self, coefficients, step):
        """In gray levels -> whole numbers."""
        ### BEGIN SOLUTION
        return round_through(coefficients / step)
        ### END SOLUTION

    def inverse(self, integers, step):
        """Whole numbers -> coefficients in gray levels."""
        ### BEGIN SOLUTION
        return (integers - integers.sign() * self.shift) * step
        ### END SOLUTION


# %% solution quantiser only=b
def best_shift(exact, q):
    """Coefficients in steps and their integers, both (N, 64, h, w) -> delta, (1, 64, 1, 1)."""
    ### BEGIN SOLUTION
    ones = (q.abs() == 1).float()
    count = ones.sum((0, 2, 3), keepdim=True)
    mean = (ones * q.sign() * exact).sum((0, 2, 3), keepdim=True) / count.clamp(min=1)
    return torch.where(count > 0, mean, 1.0)
    ### END SOLUTION


class Quantiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.ones(1, 64, 1, 1))

    def forward(self, coefficients, step):
        """In gray levels -> whole numbers."""
        ### BEGIN SOLUTION
        return round_through(coefficients / step)
        ### END SOLUTION

    def inverse(self, integers, step):
        """Whole numbers -> coefficients in gray levels."""
        ### BEGIN SOLUTION
        return torch.where(integers.abs() == 1, integers * self.shift, integers) * step
        ### END SOLUTION


# %% tests best_shift 2
exact = coefficients / STEP
shift = best_shift(exact, integers(exact))
assert shift.shape == (1, 64, 1, 1) and not shift.requires_grad


### BEGIN HIDDEN TESTS
def error_of(shift, source=exact):
    quantiser = Quantiser()
    quantiser.shift.data = shift
    q = integers(source)
    return (quantiser.inverse(q, 1.0) - source).square().sum((0, 2, 3)).detach()


for change in (0.01, -0.01):
    assert (error_of(shift) <= error_of(shift + change) + 1e-3).all(), "another shift is better"
none = best_shift(torch.full((1, 64, 2, 2), 0.1), torch.zeros(1, 64, 2, 2))
assert torch.allclose(none, Quantiser().shift), "a frequency that has no such integer"
### END HIDDEN TESTS

# %% tests quantiser 2
quantiser = Quantiser()
q = quantiser(coefficients, STEP)
back = quantiser.inverse(q, STEP)
assert torch.allclose(back, q * STEP), "at first every integer stands for itself"
### BEGIN HIDDEN TESTS
quantiser.shift.data = torch.full((1, 64, 1, 1), 0.125)
one = torch.tensor([-3.0, -1, 0, 1, 2]).repeat(64, 1)[None, ..., None]
wanted = [-2.875, -0.875, 0, 0.875, 1.875] if "PASS" in globals() else [-3, -0.125, 0, 0.125, 2]
assert torch.allclose(quantiser.inverse(one, 8.0)[0, 5, :, 0], 8 * torch.tensor(wanted))
assert torch.allclose(
    quantiser(coefficients, OTHER_STEP), round_through(coefficients / OTHER_STEP)
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Learning it (2 marks)
#
# A codec learns such numbers together with its networks, by gradient descent. Do that for `shift` alone: minimise the mean square of `inverse(forward(coefficients))` minus `coefficients`, in squared *steps*, with `torch.optim.Adam`, 200 steps at a learning rate of 0.02.
# Return the error before the first step and after the last, as floats. (Your formula says where the descent must end.)


# %% solution learn
def learn(quantiser, coefficients, step):
    """Changes quantiser.shift. Returns the mean squared error in squared steps, before and after."""

    ### BEGIN SOLUTION
    def error():
        back = quantiser.inverse(quantiser(coefficients, step), step)
        return ((back - coefficients) / step).square().mean()

    optimizer = torch.optim.Adam(quantiser.parameters(), lr=0.02)
    before = error().item()
    for _ in range(200):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    return before, error().item()
    ### END SOLUTION


# %% wrong learn learn
# `zero_grad` is forgotten: the gradients of all steps add up, and the descent runs past the minimum.
# - optimizer.zero_grad()
# + pass

# %% tests learn 2
learned = Quantiser()
before, after = learn(learned, coefficients, STEP)
print(f"mean squared error: {before:.4f} squared steps at first, {after:.4f} at the end")
assert after < before
### BEGIN HIDDEN TESTS
best = Quantiser()
best.shift.data = best_shift(exact, integers(exact))
error = [
    (each.inverse(each(coefficients, STEP), STEP) / STEP - exact).square().mean().item()
    for each in (learned, best)
]
assert abs(error[0] - after) < 1e-5 and error[0] < 1.001 * error[1]
### END HIDDEN TESTS

# %% [markdown]
# ## What you have
#
# A quantiser for your codec. Compare it with the book's at the same step. Which of the three changes saves bits, and which earns quality?

# %% given
from vcodec.your_codec import Quantiser as BookQuantiser

for name, each in (("the book's", BookQuantiser()), ("yours", learned)):
    q = each(coefficients, STEP)
    mse = (255 * (from_blocks(each.inverse(q, STEP)) - x)).square().mean().item()
    print(
        f"{name}: {estimated_bits(q).item() / photo.size:.2f} bpp estimated, {10 * np.log10(255**2 / mse):.2f} dB"
    )
