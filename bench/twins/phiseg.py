"""PHiSeg in plain PyTorch, the exact twin of models/zoo/phiseg.yaml: same weights by name, same loss."""
import torch
import torch.nn.functional as F

from twins.parts import Net, draws, rows


def upsample_asymmetric(x):
    """Factor 2 by the TensorFlow 1 rule, source = dst / 2: even outputs copy, odd ones average with the next value."""
    for axis in (2, 3):
        last = x.narrow(axis, x.shape[axis] - 1, 1)
        nxt = torch.cat((x.narrow(axis, 1, x.shape[axis] - 1), last), axis)
        x = torch.stack((x, (x + nxt) * 0.5), axis + 1).flatten(axis, axis + 1)
    return x


class Twin(Net):
    def __init__(self, weights, state, R=7, L=5):
        super().__init__(weights, state)
        self.R, self.L, self.D = R, L, R - L

    def cbr(self, x, path):
        return F.relu(self.batch_norm(self.conv(x, path), path, 1e-3, 0.01))

    def encode(self, net, x):
        pre, h = [], x
        for l in range(self.R):
            if l > 0:
                h = F.avg_pool2d(h, 2)
            for i in (1, 2, 3):
                h = self.cbr(h, f"{net}/h[{l},{i}]/cbr")
            pre.append(h)
        return pre

    def level(self, net, l, pre, coarser):
        """Mean and deviation of level l; coarser is the latent above it."""
        f = pre[l + self.D]
        if l < self.L - 1:
            u = upsample_asymmetric(coarser)
            u = self.cbr(self.cbr(u, f"{net}/u[{l}]/cbr"), f"{net}/u[{l}]/cbr#2")
            f = torch.cat((rows(f, u.shape[0]), u), 1)
            f = self.cbr(self.cbr(f, f"{net}/f[{l}]/cbr"), f"{net}/f[{l}]/cbr#2")
        return self.conv(f, f"{net}/mu[{l}]"), F.softplus(self.conv(f, f"{net}/sd[{l}]"))

    def ladder(self, net, x, noise=None, z=None):
        pre, mu, sd, out = self.encode(net, x), {}, {}, {}
        for l in reversed(range(self.L)):
            mu[l], sd[l] = self.level(net, l, pre, out.get(l + 1))
            out[l] = z[l] if z is not None else mu[l] + sd[l] * noise.normal(f"{net}/z[{l}]", mu[l])
        return mu, sd, out

    def likelihood(self, z, size):
        post, c, s = {}, {}, {}
        for l in range(self.L):
            h = self.cbr(self.cbr(z[l], f"gen/h[{l}]/cbr"), f"gen/h[{l}]/cbr#2")
            for i in range(1, self.D + 1):
                h = self.cbr(upsample_asymmetric(h), f"gen/h[{l},{i}]/cbr")
            post[l] = h
        c[self.L - 1] = post[self.L - 1]
        for l in reversed(range(self.L - 1)):
            u = self.cbr(upsample_asymmetric(c[l + 1]), f"gen/u[{l}]/cbr")
            x = torch.cat((post[l], u), 1)
            c[l] = self.cbr(self.cbr(x, f"gen/c[{l}]/cbr"), f"gen/c[{l}]/cbr#2")
        for l in range(self.L):
            s[l] = F.interpolate(self.conv(c[l], f"gen/own[{l}]"), size=size, mode="nearest")
        return s

    def loss(self, x, y, noise):
        """x [B,1,H,W]; y [B,2,H,W] one-hot."""
        qm, qs, z = self.ladder("posterior", torch.cat((x, y - 0.5), 1), noise)
        pm, ps, _ = self.ladder("prior", x, z=z)
        s = self.likelihood(z, x.shape[2:])
        batch, total, acc = x.shape[0], 0, 0
        for l in reversed(range(self.L)):
            acc = acc + s[l]
            total = total - (y * F.log_softmax(acc, 1)).sum() / batch
            vq, vp = qs[l] ** 2, ps[l] ** 2
            kl = 0.5 * ((vq + (pm[l] - qm[l]) ** 2) / (vp + 1e-10) + torch.log(vp + 1e-10) - torch.log(vq + 1e-10) - 1).sum() / batch
            total = total + 4 ** l * kl
        return total

    def sample(self, x, n, noise):
        """Logits of n draws of one image; the encoder and the first latent's parameters are worked out once."""
        pre, z = self.encode("prior", x), {}
        for l in reversed(range(self.L)):
            mu, sd = self.level("prior", l, pre, z.get(l + 1))
            z[l] = draws(mu, sd, n, noise, f"prior/z[{l}]")
        return sum(self.likelihood(z, x.shape[2:]).values())
