"""The hierarchical probabilistic U-Net, the exact twin of models/zoo/hpu_net.yaml: GECO over the hardest 2 % of the pixels, drawn."""
import torch
import torch.nn.functional as F

from twins.parts import Net, cross_entropy_map, draws, kl_normal, rows

SCALES, LATENTS, BLOCKS, CONVS = 8, 4, 3, 3
PART, KAPPA, DECAY, RATE = 0.02, 0.05, 0.99, 0.01


class Twin(Net):
    def __init__(self, weights, state):
        super().__init__(weights, state)
        self.multiplier = self.state["objective/multiplier"].requires_grad_()
        self.multiplier.register_hook(lambda g: -RATE * g)
        self.average = None

    def extra_parameters(self):
        return [self.multiplier]

    def res(self, x, path):
        r = F.relu(x)
        for c in range(1, CONVS + 1):
            r = self.conv(r, f"{path}/r[{c}]")
            if c < CONVS:
                r = F.relu(r)
        skip = self.conv(x, f"{path}/skip") if f"{path}/skip/conv.w" in self.w else x
        return skip + self.conv(r, f"{path}/expand")

    def stage(self, x, path):
        for b in range(BLOCKS):
            x = self.res(x, f"{path}/stage/h[{b}]/res")
        return x

    def core(self, x, net, noise=None, z=None, n=None):
        e = [self.stage(x, f"{net}/e[0]")]
        for l in range(1, SCALES):
            e.append(self.stage(F.avg_pool2d(e[-1], 2), f"{net}/e[{l}]"))
        d, mu, sd, drawn = e[-1], [], [], []
        for i in range(LATENTS):
            if i > 0:
                d = self.stage(u, f"{net}/d[{i}]")
            m, s = self.conv(d, f"{net}/head[{i}]").chunk(2, 1)
            s = torch.exp(s)
            mu.append(m)
            sd.append(s)
            drawn.append(draws(m, s, n or m.shape[0], noise, f"{net}/z[{i}]") if z is None else z[i])
            d = F.interpolate(torch.cat((drawn[i], rows(d, drawn[i].shape[0])), 1), scale_factor=2, mode="nearest")
            u = torch.cat((d, rows(e[SCALES - 2 - i], d.shape[0])), 1)
        return e, mu, sd, drawn, u

    def decode(self, u, e):
        g = self.stage(u, "prior/last")
        for l in reversed(range(SCALES - 1 - LATENTS)):
            g = F.interpolate(g, scale_factor=2, mode="nearest")
            g = self.stage(torch.cat((g, rows(e[l], g.shape[0])), 1), f"comb/g[{l}]")
        return self.conv(g, "comb")

    def loss(self, x, y, noise):
        learning = torch.is_grad_enabled()
        _, qm, qs, z, _ = self.core(torch.cat((y, x), 1), "posterior", noise)
        e, pm, ps, _, u = self.core(x, "prior", z=z)
        xe = cross_entropy_map(self.decode(u, e), y)
        batch = x.shape[0]
        u = noise.uniform("train/rec/topk_cross_entropy", xe.shape)
        score = torch.log(xe.detach().clamp_min(1e-30)) - torch.log(-torch.log(u + 1e-20) + 1e-20)
        k = int(PART * xe.numel())
        rec = xe.flatten()[torch.topk(score.flatten(), k).indices].sum() / batch
        kl = sum(kl_normal(qm[i], qs[i], pm[i], ps[i]).sum() for i in range(LATENTS)) / batch
        with torch.no_grad():
            average = rec if self.average is None else DECAY * self.average + (1 - DECAY) * rec
            if learning:
                self.average = average
        constraint = rec + (average - rec).detach() - KAPPA * k / batch
        return F.softplus(self.multiplier) ** 2 * constraint + kl

    def sample(self, x, n, noise):
        """Logits of n draws of one image; the encoder and the first latent's parameters are worked out once."""
        e, _, _, _, u = self.core(x, "prior", noise, n=n)
        return self.decode(u, e)
