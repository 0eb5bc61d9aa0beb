"""Networks of series: their shapes, the likelihood, and the decoder that warps a source."""

import torch

from gen_augment.modalities import DataSpec, Series
from gen_augment.modalities.series.generators import MAX_SHIFT, SeriesNoise, SeriesWarpDecoder

SPEC = DataSpec(Series(), (2, 20), 3)


def test_networks_fit_together() -> None:
    networks, rows = SPEC.networks, torch.zeros(4, *SPEC.shape)
    encoder = networks.encoder(SPEC, 4)
    assert encoder(rows).shape == (4, encoder.out_features)
    code, condition = torch.zeros(4, 3), torch.zeros(4, 5)
    for out in (
        networks.decoder(SPEC, 3, 5, 4)(code, condition),
        networks.velocity(SPEC, 5, 8)(rows, condition),
        networks.pair_decoder(SPEC, 3, 5, 4)(rows, code, condition),
        networks.noise(SPEC).draw(rows, torch.zeros(4, networks.noise_dim(SPEC))),
    ):
        assert out.shape == rows.shape


def test_the_likelihood_is_normal_with_a_scale_for_each_channel() -> None:
    generator = torch.Generator().manual_seed(0)
    x, out = torch.randn(2, 5, 2, 20, generator=generator)
    noise = SeriesNoise(2, 20)
    with torch.no_grad():
        noise.log_scale.copy_(torch.tensor([[-1.0], [0.5]]))
    assert noise.std().shape == (2, 1)
    known = torch.distributions.Normal(out, noise.std()).log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(noise.log_prob(x, out), known)
    z = torch.randn(5, 40, generator=generator)
    torch.testing.assert_close(noise.draw(out, z), out + noise.std() * z.view(5, 2, 20))
    assert torch.equal(noise.draw(out, z, strength=0.0), out)


class Constant(torch.nn.Module):
    """A decoder with the same displacement, gains and offsets at all positions."""

    def __init__(self, *fields: float) -> None:
        super().__init__()
        self.fields = torch.tensor(fields)

    def forward(self, z: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return self.fields[None, :, None].expand(len(z), -1, 8)


def warped(source: torch.Tensor, *fields: float) -> torch.Tensor:
    decoder = SeriesWarpDecoder(source.shape[1], 3, 5, 4)
    decoder.decoder = Constant(*fields)  # type: ignore[assignment]
    rows: torch.Tensor = decoder(source, torch.zeros(1, 3), torch.zeros(1, 5))
    return rows


def test_a_source_is_shifted_scaled_and_offset() -> None:
    source = torch.stack([torch.arange(20.0), torch.arange(20.0).square()])[None]
    torch.testing.assert_close(warped(source, 0, 0, 0, 0, 0), source)
    # 2 sigmoid(log 3) = 1.5
    gain = float(torch.tensor(3.0).log())
    made = warped(source, 0, gain, 0, 0, -2)
    torch.testing.assert_close(made, torch.stack([1.5 * source[:, 0], source[:, 1] - 2], dim=1))
    # The greatest displacement is a quarter of the length, and the ends stay inside the source.
    late = warped(source, 99, 0, 0, 0, 0)
    steps = (torch.arange(20.0) + MAX_SHIFT * 20).clamp(max=19)
    torch.testing.assert_close(late[0], torch.stack([steps, steps.square()]))
