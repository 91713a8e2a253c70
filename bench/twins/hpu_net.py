"""The hierarchical probabilistic U-Net, the exact twin of models/zoo/hpu_net.yaml: GECO over the hardest 2 % of the pixels, drawn."""
import torch
import torch.nn.functional as F

from twins.parts import Net, cross_entropy_map, kl_normal

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

    def core(self, x, net, noise=None, z=None):
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
            drawn.append(m + s * noise.normal(f"{net}/z[{i}]", m) if z is None else z[i])
            u = torch.cat((F.interpolate(torch.cat((drawn[i], d), 1), scale_factor=2, mode="nearest"), e[SCALES - 2 - i]), 1)
        return e, mu, sd, drawn, u

    def loss(self, x, y, noise):
        learning = torch.is_grad_enabled()
        _, qm, qs, z, _ = self.core(torch.cat((y, x), 1), "posterior", noise)
        e, pm, ps, _, u = self.core(x, "prior", z=z)
        g = self.stage(u, "prior/last")
        for l in reversed(range(SCALES - 1 - LATENTS)):
            g = self.stage(torch.cat((F.interpolate(g, scale_factor=2, mode="nearest"), e[l]), 1), f"comb/g[{l}]")
        xe = cross_entropy_map(self.conv(g, "comb"), y)
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
