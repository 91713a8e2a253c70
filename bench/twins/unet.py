"""The plain U-Net with batch norm and 2x2 transposed convolutions, the exact twin of models/zoo/unet.yaml in its profile base32."""
import torch
import torch.nn.functional as F

from twins.parts import Net, cross_entropy_map

PROFILE = "base32"
LEVELS = 5


class Twin(Net):
    def unit(self, x, path):
        return F.relu(self.batch_norm(self.conv(x, f"{path}/unit/h"), f"{path}/unit/h"))

    def double(self, x, path):
        return self.unit(self.unit(x, f"{path}/double/first"), f"{path}/double/second")

    def forward(self, x):
        e = [self.double(x, "m/e[0]")]
        for l in range(1, LEVELS):
            e.append(self.double(F.max_pool2d(e[-1], 2), f"m/e[{l}]"))
        h = e[-1]
        for l in reversed(range(LEVELS - 1)):
            up = self.conv_transpose(h, f"m/d[{l}]/grow/up", 2)
            h = self.double(torch.cat((e[l], up), 1), f"m/h[{l}]")
        return self.conv(h, "m/logits")

    def loss(self, x, y, noise):
        return cross_entropy_map(self(x), y).mean()
