"""Shifted-window attention in plain PyTorch, as models/zoo/swin_unet.yaml and vae_unet.yaml write it: tokens [B,L,C]."""
import torch
import torch.nn.functional as F

from twins.parts import Net, rows

E, PATCH, WINDOW, DROP = 96, 4, 7, 0.2
HEADS = (3, 6, 12, 24)


def relative_index(m):
    at = torch.stack(torch.meshgrid(torch.arange(m), torch.arange(m), indexing="ij")).flatten(1)
    d = at[:, :, None] - at[:, None, :] + m - 1
    return d[0] * (2 * m - 1) + d[1]


def shift_mask(side, m, shift):
    region = torch.zeros(side, side)
    cuts = (slice(0, -m), slice(-m, -shift), slice(-shift, None))
    for i, rows in enumerate(cuts):
        for j, columns in enumerate(cuts):
            region[rows, columns] = 3 * i + j
    w = region.view(side // m, m, side // m, m).permute(0, 2, 1, 3).reshape(-1, m * m)
    return torch.where(w[:, None, :] == w[:, :, None], 0.0, -100.0)


class SwinNet(Net):
    def __init__(self, weights, state, depths, size=224):
        super().__init__(weights, state)
        self.depths, self.size = depths, size
        self.index = relative_index(WINDOW).flatten()
        self.masks = {s: shift_mask(s, WINDOW, WINDOW // 2) for s in (self.side(i) for i in range(4)) if s > WINDOW}

    def side(self, i):
        return self.size // PATCH >> i

    def drop_path(self, x, rate, site, noise):
        if rate == 0 or not self.learning:
            return x
        return x * (noise.keep(site, x.shape[0], rate) / (1 - rate)).view(-1, 1, 1)

    def block(self, t, i, shift, rate, path, site, noise):
        b, n, c = t.shape
        s, m, heads = self.side(i), WINDOW, HEADS[i]
        g = self.layer_norm(t, f"{path}/g").view(b, s, s, c)
        if shift:
            g = torch.roll(g, (-shift, -shift), (1, 2))
        g = g.view(b, s // m, m, s // m, m, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, m * m, c)
        q, k, v = self.linear(g, f"{path}/qkv").view(-1, m * m, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
        a = (q * (c // heads) ** -0.5) @ k.transpose(-2, -1)
        table = self.w[f"{path}/bias/relative_position_bias.table"]
        a = a + table[self.index].view(m * m, m * m, heads).permute(2, 0, 1)
        if shift:
            mask = self.masks[s]
            a = (a.view(b, mask.shape[0], heads, m * m, m * m) + mask[:, None]).view(-1, heads, m * m, m * m)
        o = self.linear((a.softmax(-1) @ v).transpose(1, 2).reshape(-1, m * m, c), f"{path}/proj")
        o = o.view(b, s // m, s // m, m, m, c).permute(0, 1, 3, 2, 4, 5).reshape(b, s, s, c)
        if shift:
            o = torch.roll(o, (shift, shift), (1, 2))
        r = t + self.drop_path(o.view(b, n, c), rate, f"{site}/r/drop_path", noise)
        back = self.linear(F.gelu(self.linear(self.layer_norm(r, f"{path}/wide"), f"{path}/wide")), f"{path}/back")
        return r + self.drop_path(back, rate, f"{site}/drop_path", noise)

    def stage(self, t, i, path, site, noise):
        total, first = sum(self.depths), sum(self.depths[:i])
        for j in range(self.depths[i]):
            shift = j % 2 * (WINDOW // 2) if self.side(i) > WINDOW else 0
            t = self.block(t, i, shift, DROP * (first + j) / (total - 1), f"{path}/stage/h[{j}]/swin", f"{site}/stage/h[{j}]/swin", noise)
        return t

    def embed(self, x, path):
        t = self.conv(x, f"{path}/t", PATCH, 0).flatten(2).transpose(1, 2)
        return self.layer_norm(t, f"{path}/t")

    def merge(self, t, i, path):
        b, _, c = t.shape
        s = self.side(i)
        g = t.view(b, s, 2, s, 2, c).permute(0, 1, 3, 4, 2, 5).reshape(b, s * s, 4 * c)
        return self.linear(self.layer_norm(g, f"{path}/merge/g"), f"{path}/merge")

    def expand(self, t, i, path):
        b, s = t.shape[0], self.side(i + 1)
        g = self.linear(t, f"{path}/expand/g")
        g = g.view(b, s, s, 2, 2, -1).permute(0, 1, 3, 2, 4, 5).reshape(b, 4 * s * s, -1)
        return self.layer_norm(g, f"{path}/expand")

    def encoder(self, t, path, site, noise):
        """The skips, taken before the blocks of their scale; the fourth goes to the bottom."""
        s = [t]
        for i in range(3):
            s.append(self.merge(self.stage(s[i], i, f"{path}/e[{i}]", f"{site}/e[{i}]", noise), i + 1, f"{path}/s[{i + 1}]"))
        return s

    def decoder(self, s, bottom, path, noise, z=()):
        t = bottom
        for i in (2, 1, 0):
            u = self.expand(t, i, f"{path}/u[{i}]")
            parts = [u, s[i]] + ([z[i].flatten(2).transpose(1, 2)] if i < len(z) else [])
            n = max(p.shape[0] for p in parts)
            parts = [rows(p, n) if p.shape[0] < n else p for p in parts]
            t = self.stage(self.linear(torch.cat(parts, -1), f"{path}/c[{i}]"), i, f"{path}/d[{i}]", f"{path}/d[{i}]", noise)
        b, n = t.shape[0], self.side(0)
        fine = self.linear(self.layer_norm(t, f"{path}/top"), f"{path}/fine")
        fine = fine.view(b, n, n, PATCH, PATCH, E).permute(0, 1, 3, 2, 4, 5).reshape(b, n * PATCH, n * PATCH, E)
        return self.conv(self.layer_norm(fine, f"{path}/map").permute(0, 3, 1, 2), f"{path}/logits")
