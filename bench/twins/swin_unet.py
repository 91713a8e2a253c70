"""Swin-Unet, the exact twin of models/zoo/swin_unet.yaml."""
from twins.parts import cross_entropy_map, dice
from twins.swin import SwinNet


class Twin(SwinNet):
    def __init__(self, weights, state):
        super().__init__(weights, state, (2, 2, 2, 2))

    def loss(self, x, y, noise):
        s = self.encoder(self.embed(x.expand(-1, 3, -1, -1), "m/t/embed"), "m/down/encoder", "m/down/encoder", noise)
        bottom = self.stage(s[3], 3, "m/bottom/deepest/e", "m/bottom/deepest/e", noise)
        logits = self.decoder(s, self.layer_norm(bottom, "m/bottom/deepest/norm"), "m/up/decoder", noise)
        return 0.4 * cross_entropy_map(logits, y).mean() + 0.6 * dice(logits, y)
