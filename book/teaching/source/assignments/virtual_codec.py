# %% variants
VARIANTS = {
    "a": {
        "title": "Assignment 4: a virtual codec that imitates edges",
        "PICTURE": "astronaut", "STEP": 40.0, "PRICE": 0.09, "EDGES": 4.0, "BALANCE": 0.7,
    },
    "b": {
        "title": "Assignment 4: a virtual codec that is trusted where it is right",
        "PICTURE": "rocket", "STEP": 56.0, "PRICE": 0.12, "TRUST": 6.0,
    },
}  # fmt: skip

# %% [markdown]
# # <<title>>
#
# **90 to 120 minutes, 12 marks. Read chapters 7 and 8 first.**
#
# You write the loss that teaches a virtual codec, the gradient that it lends to the re-sampler, and the joint training step of all networks: parts 6 and 7 of *your codec*, with one change in each of the first two.
#
# Every task has a cell for your code and a cell of tests. Write your code in the place of `raise NotImplementedError`. The tests that you see are not all: others are run when your work is marked.
# Leave the names of the functions, and do not delete cells. Before you hand in, choose *Restart Kernel and Run All Cells*.

# %% given
import numpy as np
import torch
import torch.nn.functional as F

from vcodec.images import embedded
from vcodec.your_codec import Codec, VirtualCodec, to_gray

# %% given
photo = to_gray(embedded(PICTURE))[:256, 192:448]
corners = [(i, j) for i in (0, 128) for j in (64, 192)]
x = (
    torch.from_numpy(np.stack([photo[i : i + 64, j : j + 64] for i, j in corners]))[:, None]
    / 255
)
print(tuple(x.shape))


def networks(seed=0):
    """A codec at half resolution and its virtual codec; unlike new ones they correct something."""
    torch.manual_seed(seed)
    codec, vcn = Codec(2), VirtualCodec(2)
    with torch.no_grad():
        for network in (codec.rsn, codec.idn, vcn):
            for trunk in (
                part for name, part in network.named_children() if name in ("trunk", "bits")
            ):
                trunk.last.weight.normal_(0, 0.01)
    return codec, vcn


def cost(x, x_hat, bits, step):
    """Squared error in squared steps, and the price of the bits of a pixel."""
    return (255 / step) ** 2 * F.mse_loss(x_hat, x) + PRICE * bits.sum() / x.numel()


codec, vcn = networks()
with torch.no_grad():
    y = codec.rsn(x, STEP)  # (4, 1, 32, 32)
    x_hat, bits = codec(y, STEP)  # (4, 1, 64, 64) and (4,)
print(tuple(y.shape), tuple(x_hat.shape), tuple(bits.shape))

# %% [markdown] only=a
# ## 1. Imitation (3 marks)
#
# `vcn(y, step)` returns a picture and the bits of each $y$. The loss of the VCN is a sum of three terms:
#
# - the mean squared difference of its picture to $\hat x$, in squared *steps* (a step is `step / 255`);
# - `EDGES` times the same for the *horizontal differences* of both pictures, pixel $(i, j + 1)$ minus pixel $(i, j)$;
# - the mean of $|\,\text{virtual bits} / \text{bits} - 1|$.
#
# Only the VCN may learn from this loss: no gradient goes to `y`, `x_hat` or `bits`.

# %% [markdown] only=b
# ## 1. Imitation (3 marks)
#
# `vcn(y, step)` returns a picture and the bits of each $y$. The loss of the VCN is a sum of two terms:
#
# - the mean squared difference of its picture to $\hat x$, in squared *steps* (a step is `step / 255`);
# - the mean of $\log_2^2(\text{virtual bits} / \text{bits})$, for which twice the bits and half of them are equally wrong.
#
# Only the VCN may learn from this loss: no gradient goes to `y`, `x_hat` or `bits`.


# %% solution imitation_loss only=a
def imitation_loss(vcn, y, step, x_hat, bits):
    """y (N, 1, h, w), x_hat (N, 1, H, W), bits (N,) -> a scalar."""
    ### BEGIN SOLUTION
    virtual, virtual_bits = vcn(y.detach(), step)
    real = x_hat.detach()
    error = F.mse_loss(virtual, real) + EDGES * F.mse_loss(
        virtual.diff(dim=3), real.diff(dim=3)
    )
    return (255 / step) ** 2 * error + (virtual_bits / bits.detach() - 1).abs().mean()
    ### END SOLUTION


# %% wrong imitation_loss imitation-gradient only=a
# Nothing is detached: the real networks learn to be easy to imitate.
# - y.detach()
# + y
# - x_hat.detach()
# + x_hat
# - bits.detach()
# + bits


# %% solution imitation_loss only=b
def imitation_loss(vcn, y, step, x_hat, bits):
    """y (N, 1, h, w), x_hat (N, 1, H, W), bits (N,) -> a scalar."""
    ### BEGIN SOLUTION
    virtual, virtual_bits = vcn(y.detach(), step)
    error = (255 / step) ** 2 * F.mse_loss(virtual, x_hat.detach())
    return error + (virtual_bits / bits.detach()).log2().square().mean()
    ### END SOLUTION


# %% wrong imitation_loss imitation-gradient only=b
# Nothing is detached: the real networks learn to be easy to imitate.
# - y.detach()
# + y
# - x_hat.detach()
# + x_hat
# - bits.detach()
# + bits


# %% tests imitation-value 2
def perfect(y, step):
    return x_hat, bits


loss = imitation_loss(vcn, y, STEP, x_hat, bits)
assert loss.shape == () and loss > 0
assert imitation_loss(perfect, y, STEP, x_hat, bits) < 1e-6, "a perfect imitation"
### BEGIN HIDDEN TESTS
one_step = STEP / 255


def brighter(y, step):
    return x_hat + 2 * one_step, bits


def rising(y, step):
    return x_hat + one_step * torch.arange(64), bits


def twice(y, step):
    return x_hat, 2 * bits


assert abs(imitation_loss(brighter, y, STEP, x_hat, bits).item() - 4) < 1e-3
wanted = 1333.5 + (EDGES if "EDGES" in globals() else 0)
assert abs(imitation_loss(rising, y, STEP, x_hat, bits).item() - wanted) < 0.1
assert abs(imitation_loss(twice, y, STEP, x_hat, bits).item() - 1) < 1e-5
### END HIDDEN TESTS

# %% tests imitation-gradient 1
vcn.zero_grad()
imitation_loss(vcn, y, STEP, x_hat, bits).backward()
assert vcn.trunk.last.weight.grad.abs().max() > 0
### BEGIN HIDDEN TESTS
leaves = [part.clone().requires_grad_() for part in (y, x_hat, bits)]
imitation_loss(vcn, leaves[0], STEP, *leaves[1:]).backward()
assert all(leaf.grad is None for leaf in leaves)
vcn.zero_grad()
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 2. The gradient that is lent (3 marks)
#
# `guided` returns a picture and bits with the *values* of the real `x_hat` and `bits`, and with the VCN's *gradient* with respect to `y`. That of the bits is multiplied by `BALANCE`.
# The weights of the VCN get no gradient from it. (`torch.func.functional_call` runs a network with other weights, for instance detached ones.)

# %% [markdown] only=b
# ## 2. The gradient that is lent (3 marks)
#
# `guided` returns a picture and bits with the *values* of the real `x_hat` and `bits`, and with the VCN's *gradient* with respect to `y`. A pixel of the VCN's picture that is more than `TRUST` gray levels (of 255) from the real one lends no gradient.
# The weights of the VCN get no gradient from it. (`torch.func.functional_call` runs a network with other weights, for instance detached ones.)


# %% solution guided only=a
def guided(vcn, y, step, x_hat, bits):
    """As in imitation_loss -> a picture (N, 1, H, W) and bits (N,)."""
    ### BEGIN SOLUTION
    frozen = {name: weight.detach() for name, weight in vcn.named_parameters()}
    guide, guide_bits = torch.func.functional_call(vcn, frozen, (y, step))
    x_guided = x_hat.detach() + (guide - guide.detach())
    return x_guided, bits.detach() + BALANCE * (guide_bits - guide_bits.detach())
    ### END SOLUTION


# %% wrong guided guided-gradient only=a
# The VCN's weights are not frozen, so it is trained to please the re-sampler; and the bits are not balanced.
# - torch.func.functional_call(vcn, frozen, (y, step))
# + vcn(y, step)
# - BALANCE * (guide_bits
# + (guide_bits


# %% solution guided only=b
def guided(vcn, y, step, x_hat, bits):
    """As in imitation_loss -> a picture (N, 1, H, W) and bits (N,)."""
    ### BEGIN SOLUTION
    frozen = {name: weight.detach() for name, weight in vcn.named_parameters()}
    guide, guide_bits = torch.func.functional_call(vcn, frozen, (y, step))
    guide = torch.where((255 * (guide - x_hat)).abs() > TRUST, guide.detach(), guide)
    x_guided = x_hat.detach() + (guide - guide.detach())
    return x_guided, bits.detach() + (guide_bits - guide_bits.detach())
    ### END SOLUTION


# %% wrong guided guided-gradient only=b
# The VCN's weights are not frozen, so it is trained to please the re-sampler; and it is trusted everywhere.
# - torch.func.functional_call(vcn, frozen, (y, step))
# + vcn(y, step)
# - torch.where((255 * (guide - x_hat)).abs() > TRUST, guide.detach(), guide)
# + guide

# %% tests guided-values 1
x_guided, bits_guided = guided(vcn, y, STEP, x_hat, bits)
assert torch.allclose(x_guided, x_hat, atol=1e-5) and torch.allclose(
    bits_guided, bits, rtol=1e-5
)
### BEGIN HIDDEN TESTS
other = guided(vcn, y + 0.1, STEP, x_hat + 0.2, 3 * bits)
assert torch.allclose(other[0], x_hat + 0.2, atol=1e-5) and torch.allclose(
    other[1], 3 * bits, rtol=1e-5
)
### END HIDDEN TESTS

# %% tests guided-gradient 2
leaf = y.clone().requires_grad_()
x_guided, bits_guided = guided(vcn, leaf, STEP, x_hat, bits)
(gradient,) = torch.autograd.grad(x_guided.sum() + bits_guided.sum(), leaf)
assert gradient.abs().max() > 0


### BEGIN HIDDEN TESTS
def slopes(vcn, weights):
    """Of the picture, weighted, and of the bits."""
    leaf = y.clone().requires_grad_()
    guide, guide_bits = vcn(leaf, STEP)
    if "TRUST" in globals():
        weights = weights * ((255 * (guide.detach() - x_hat)).abs() <= TRUST)
    picture = torch.autograd.grad((weights * guide).sum(), leaf, retain_graph=True)[0]
    rate = torch.autograd.grad(guide_bits.sum(), leaf)[0]
    return picture, rate * (BALANCE if "BALANCE" in globals() else 1)


weights = torch.rand(x_hat.shape, generator=torch.Generator().manual_seed(1))
leaf = y.clone().requires_grad_()
x_guided, bits_guided = guided(vcn, leaf, STEP, x_hat, bits)
vcn.zero_grad()
((weights * x_guided).sum() + bits_guided.sum()).backward()
assert torch.allclose(leaf.grad, sum(slopes(vcn, weights)), rtol=1e-3, atol=1e-3)
assert all(weight.grad is None or not weight.grad.any() for weight in vcn.parameters())
assert all(weight.requires_grad for weight in vcn.parameters()), (
    "the VCN must still be able to learn"
)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. One step of all networks (4 marks)
#
# `train_step` computes $y$, the real $\hat x$ and bits, and from them three losses:
#
# - `cost` of the real picture and bits: the quantiser and the IDN learn from it, and *not* the re-sampler (the quantiser of the book lets a gradient through);
# - `imitation_loss`: the VCN learns from it;
# - `cost` of the guided picture and bits: the re-sampler learns from it.
#
# Then the optimizer, which holds the weights of all, takes a step. Return the real cost before the step, a float.


# %% solution train_step
def train_step(codec, vcn, optimizer, x, step):
    """x (N, 1, H, W) in [0, 1]. Changes all networks."""
    ### BEGIN SOLUTION
    y = codec.rsn(x, step)
    x_hat, bits = codec(y.detach(), step)
    loss = cost(x, x_hat, bits, step)
    total = (
        loss
        + imitation_loss(vcn, y, step, x_hat, bits)
        + cost(x, *guided(vcn, y, step, x_hat, bits), step)
    )
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% wrong train_step step-resampler
# `y` is not detached before the real codec: the re-sampler gets the straight-through gradient on top of the virtual one.
# - codec(y.detach(), step)
# + codec(y, step)

# %% tests step-learns 2
codec, vcn = networks()
optimizer = torch.optim.Adam([*codec.parameters(), *vcn.parameters()], lr=1e-3)
costs = [train_step(codec, vcn, optimizer, x, STEP) for _ in range(30)]
print(f"cost {costs[0]:.3f} at first, {costs[-1]:.3f} after {len(costs)} steps")
### BEGIN HIDDEN TESTS
from vcodec import your_codec


def steps_of(seed):
    """How far each of the networks goes in a step of length 1, and how far it should."""
    codec, vcn = networks(seed)
    weights = {"rsn": [*codec.rsn.parameters()], "vcn": [*vcn.parameters()]}
    weights["real"] = [*codec.idn.parameters(), *codec.quantiser.parameters()]
    y = codec.rsn(x, STEP)
    x_hat, bits = codec(y.detach(), STEP)
    first = cost(x, x_hat, bits, STEP)
    losses = {
        "real": first,
        "vcn": imitation_loss(vcn, y.detach(), STEP, x_hat.detach(), bits.detach()),
    }
    losses["rsn"] = cost(x, *guided(vcn, y, STEP, x_hat.detach(), bits.detach()), STEP)
    wanted = {n: torch.autograd.grad(losses[n], weights[n], retain_graph=True) for n in weights}
    before = {name: [weight.detach().clone() for weight in weights[name]] for name in weights}
    told = train_step(
        codec, vcn, torch.optim.SGD([w for n in weights for w in weights[n]], lr=1.0), x, STEP
    )
    assert abs(told - first.item()) < 1e-4, "the real cost, before the step"
    went = {
        n: [b - w.detach() for b, w in zip(before[n], weights[n], strict=True)] for n in weights
    }
    return {
        name: all(
            torch.allclose(a, b, rtol=1e-2, atol=1e-4)
            for a, b in zip(went[name], wanted[name], strict=True)
        )
        for name in weights
    }


own = imitation_loss, guided  # whatever the answers to tasks 1 and 2
imitation_loss, guided = your_codec.imitation_loss, your_codec.guided
try:
    right = steps_of(1)
finally:
    imitation_loss, guided = own
assert right["real"], "quantiser and IDN learn from the real cost alone"
### END HIDDEN TESTS
assert isinstance(costs[0], float) and np.mean(costs[-5:]) < 1.2 * np.mean(costs[:5])

# %% tests step-virtual 1
assert codec.rsn.trunk.last.weight.grad is not None and vcn.trunk.last.weight.grad is not None
### BEGIN HIDDEN TESTS
assert right["vcn"], "the VCN learns from the imitation alone"
### END HIDDEN TESTS

# %% tests step-resampler 1
assert codec.rsn.trunk.last.weight.grad.abs().max() > 0
### BEGIN HIDDEN TESTS
assert right["rsn"], "the re-sampler learns from the guided cost alone"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Do the two gradients agree? (2 marks)
#
# There are now two gradients of `cost` with respect to $y$: the virtual one, through `guided`, and the straight-through one, through `codec(y, step)`. `agreement` returns the cosine of the angle between them for each of the pictures.


# %% solution agreement
def agreement(codec, vcn, x, step):
    """(N,), -1 to 1, without a gradient. Changes nothing."""
    ### BEGIN SOLUTION
    y = codec.rsn(x, step).detach().requires_grad_()
    x_hat, bits = codec(y, step)
    (straight,) = torch.autograd.grad(cost(x, x_hat, bits, step), y)
    (virtual,) = torch.autograd.grad(
        cost(x, *guided(vcn, y, step, x_hat.detach(), bits.detach()), step), y
    )
    return F.cosine_similarity(straight.flatten(1), virtual.flatten(1))
    ### END SOLUTION


# %% tests agreement 2
codec, vcn = networks()
alike = agreement(codec, vcn, x, STEP)
print("cosine:", " ".join(f"{value:.2f}" for value in alike.tolist()))
assert alike.shape == (4,) and not alike.requires_grad and alike.abs().max() <= 1.0001
### BEGIN HIDDEN TESTS
part = codec.rsn(x, STEP).detach().requires_grad_()
real = codec(part, STEP)
one = torch.autograd.grad(cost(x, *real, STEP), part)[0].flatten(1)
real = [value.detach() for value in real]
two = torch.autograd.grad(cost(x, *guided(vcn, part, STEP, *real), STEP), part)[0].flatten(1)
wanted = (one * two).sum(1) / (one.norm(dim=1) * two.norm(dim=1))
assert torch.allclose(alike, wanted, atol=1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## What you have
#
# All of the training of your codec. At first IDN and VCN do little more than enlarge, and the two gradients agree. What becomes of the agreement while both learn, and why?

# %% given
optimizer = torch.optim.Adam([*codec.parameters(), *vcn.parameters()], lr=1e-3)
for count in range(61):
    if count % 20 == 0:
        print(f"{count:2} steps: mean cosine {agreement(codec, vcn, x, STEP).mean():.2f}")
    train_step(codec, vcn, optimizer, x, STEP)
