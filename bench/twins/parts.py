"""What the twins share: weights by the names they have in adze, noise from a file or drawn, and the layers of the models in plain PyTorch."""
import torch
import torch.nn.functional as F


class Drawn:
    """Fresh noise, as training uses it."""

    def normal(self, site, like):
        return torch.randn_like(like)

    def uniform(self, site, shape):
        return torch.rand(shape)

    def keep(self, site, batch, rate):
        return (torch.rand(batch) >= rate).float()


class Mean:
    """No noise: every latent is its mean."""

    def normal(self, site, like):
        return torch.zeros_like(like)


class Given:
    """The noise of a file, {site: array of adze}: images come with their channels last."""

    def __init__(self, arrays):
        self.arrays = arrays

    def normal(self, site, like):
        return self.arrays[site].permute(0, 3, 1, 2)

    def uniform(self, site, shape):
        return self.arrays[site]

    def keep(self, site, batch, rate):
        return self.arrays[site].reshape(batch)


class Net(torch.nn.Module):
    """weights and state: {path in adze: tensor in PyTorch's order}. A layer is called with its path."""

    def __init__(self, weights, state):
        super().__init__()
        self.learning = True         # batch norm by the statistics of the batch, not by the running ones
        self.w = {k: torch.nn.Parameter(v.clone()) for k, v in weights.items()}
        self.state = {k: v.clone() for k, v in state.items()}
        for i, p in enumerate(self.w.values()):
            self.register_parameter(f"p{i}", p)

    def conv(self, x, path, stride=1, padding=None):
        w = self.w[f"{path}/conv.w"]
        return F.conv2d(x, w, self.w.get(f"{path}/conv.b"), stride, w.shape[2] // 2 if padding is None else padding)

    def conv_transpose(self, x, path, stride):
        return F.conv_transpose2d(x, self.w[f"{path}/conv_transpose.w"], self.w[f"{path}/conv_transpose.b"], stride)

    def batch_norm(self, x, path, eps=1e-5, momentum=0.1):
        p = f"{path}/batch_norm"
        return F.batch_norm(x, self.state[f"{p}.mean"], self.state[f"{p}.var"], self.w[f"{p}.scale"], self.w[f"{p}.shift"],
                            self.learning, momentum, eps)

    def linear(self, x, path):
        return F.linear(x, self.w[f"{path}/linear.w"], self.w.get(f"{path}/linear.b"))

    def layer_norm(self, x, path):
        p = f"{path}/layer_norm"
        return F.layer_norm(x, x.shape[-1:], self.w[f"{p}.scale"], self.w[f"{p}.shift"])


def rows(x, n):
    """The one row of x as n rows, without a copy."""
    return x.expand(n, *x.shape[1:])


def draws(mean, sd, n, noise, site):
    return mean + sd * noise.normal(site, rows(mean, n))


def cross_entropy_map(logits, y):
    """Per pixel, of one-hot targets [B,K,H,W]."""
    return F.cross_entropy(logits, y.argmax(1), reduction="none")


def dice(logits, y):
    """One minus the mean over classes of the squared-denominator Dice, summed over batch and pixels."""
    p = logits.softmax(1)
    shared, size = (p * y).sum((0, 2, 3)), (p * p + y * y).sum((0, 2, 3))
    return 1 - ((2 * shared + 1e-5) / (size + 1e-5)).mean()


def kl_normal(mq, sq, mp, sp):
    """KL(q || p) of each element."""
    return torch.log(sp / sq) + (sq * sq + (mq - mp) ** 2) / (2 * sp * sp) - 0.5
