"""VAE U-net on the Swin-Unet backbone, the exact twin of models/zoo/vae_unet.yaml with its defaults."""
import torch

from twins.parts import cross_entropy_map, dice, draws, kl_normal
from twins.swin import SwinNet

LATENTS, BETA = 3, 0.1


class Twin(SwinNet):
    def __init__(self, weights, state):
        super().__init__(weights, state, (2, 2, 2, 1))

    def head(self, tokens, i, net):
        f = tokens.transpose(1, 2).reshape(tokens.shape[0], -1, self.side(i), self.side(i))
        return self.conv(f, f"{net}/mu[{i}]"), torch.exp(0.5 * self.conv(f, f"{net}/v[{i}]"))

    def loss(self, x, y, noise):
        e = self.encoder(self.embed(x.expand(-1, 3, -1, -1), "patches"), "down", "down", noise)
        number = (y * torch.arange(y.shape[1]).view(1, -1, 1, 1)).sum(1, keepdim=True) / (y.shape[1] - 1)
        f = self.encoder(self.embed(number.expand(-1, 3, -1, -1), "patches"), "down", "down#2", noise)
        kl, z = 0, []
        for i in range(LATENTS + 1):
            net = "heads_image" if i < LATENTS else "bottom_image"
            (mq, sq), (mp, sp) = self.head(e[i], i, net), self.head(f[i], i, net)
            kl = kl + kl_normal(mq, sq, mp, sp).mean() / (LATENTS + 1)
            if i < LATENTS:
                z.append(mq + sq * noise.normal(f"{net}/z[{i}]", mq))
        deep = self.layer_norm(self.stage(e[3], 3, "deep/e", "deep/e", noise), "deep/norm")
        logits = self.decoder(e, deep, "up", noise, z)
        return 0.4 * cross_entropy_map(logits, y).mean() + 0.6 * dice(logits, y) + BETA * kl

    def sample(self, x, n, noise):
        """Logits of n draws of one image; everything in front of the latents is worked out once."""
        e = self.encoder(self.embed(x.expand(-1, 3, -1, -1), "patches"), "down", "down", noise)
        z = [draws(*self.head(e[i], i, "heads_image"), n, noise, f"heads_image/z[{i}]") for i in range(LATENTS)]
        deep = self.layer_norm(self.stage(e[3], 3, "deep/e", "deep/e", noise), "deep/norm")
        return self.decoder(e, deep, "up", noise, z)
