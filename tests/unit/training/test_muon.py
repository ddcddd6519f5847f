"""Muon's updates are near orthogonal, of one size whatever the gradient's, and meant for matrices of the layers."""

import pytest
import torch
from torch import nn

from training.config import Recipe
from training.model import build_model
from training.muon import Muon, orthogonalise, split_parameters


@pytest.mark.parametrize("shape", [(32, 32), (48, 16), (16, 48)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_an_update_keeps_its_directions_and_evens_out_their_strength(
    shape: tuple[int, int], scale: float
) -> None:
    matrix = scale * torch.randn(shape, generator=torch.Generator().manual_seed(1))
    update = orthogonalise(matrix)
    assert update.shape == matrix.shape
    assert update.dtype == matrix.dtype
    strengths = torch.linalg.svdvals(update)
    assert strengths.min() > 0.5
    assert strengths.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert (left.mT @ update @ right.mT).diagonal().min() > 0.5


def test_a_zero_gradient_moves_nothing_but_by_decay() -> None:
    weights = nn.Parameter(torch.ones(4, 4))
    weights.grad = torch.zeros(4, 4)
    Muon([weights], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weights.data, torch.full((4, 4), 0.95))


def test_a_step_goes_against_the_gradient_by_a_size_that_the_gradient_does_not_set() -> None:
    gradient = torch.randn(8, 8, generator=torch.Generator().manual_seed(2))
    steps = []
    for scale in (2.0**-6, 2.0**6):  # powers of two round alike
        weights = nn.Parameter(torch.zeros(8, 8))
        weights.grad = scale * gradient
        Muon([weights], lr=0.1).step()
        assert (weights.data * gradient).sum() < 0
        steps.append(weights.data)
    torch.testing.assert_close(*steps)


def test_parameters_without_a_gradient_stay() -> None:
    weights = nn.Parameter(torch.ones(4, 4))
    Muon([weights], lr=0.1).step()
    assert (weights == 1).all()


def test_matrices_of_the_layers_go_to_muon_and_all_else_to_adam(tiny_recipe: Recipe) -> None:
    model = build_model(tiny_recipe, vocabulary=50, meanings=None)
    matrices, others = split_parameters(model)
    names = {id(p): name for name, p in model.named_parameters()}
    assert len(matrices) + len(others) == len(names)
    assert len(matrices) == 3 * 7  # layers; query, key, value, output, gate, up and down
    assert all("layers" in names[id(p)] for p in matrices)
    assert {names[id(p)] for p in others if p.ndim == 2} == {"model.embed_tokens.weight"}
