"""Widths that pruning chooses, and the arithmetic that they leave, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.converters.graph import analysis
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.errors import InputError
from edgeqe.quantization.pruning.coupling import coupling
from edgeqe.quantization.pruning.widths import MacCount, choose
from tests.quantization.pruned_networks import chain, with_everything


def test_arithmetic_follows_the_widths() -> None:
    graph = chain(16, 32)
    found = coupling(graph)
    arithmetic = MacCount(graph, found)
    assert arithmetic.macs(arithmetic.widths) == 9 * (16 + 16 * 32 + 32) == analysis.macs(graph)
    assert arithmetic.macs(np.array([8, 24])) == 9 * (8 + 8 * 24 + 24)


def test_arithmetic_knows_resolutions_shared_kernels_and_depthwise_ones() -> None:
    model = with_everything()
    graph = graph_of(model, 0.0)
    arithmetic = MacCount(graph, coupling(graph))
    # gates over the whole picture count nothing; a gate over places is 7x7 on two channels
    macs = 9 * 8 + 2 * 9 * 64 + 2 * 49 * 2 + 9 * 8 * 6 / 4 + 4 * 6 * 5 / 4
    macs += 9 * 13 + 13 * 7 + 9 * 7
    assert arithmetic.macs(arithmetic.widths) == macs == analysis.macs(graph)


def test_the_least_important_go_and_widths_are_multiples() -> None:
    graph = chain(32, 32)
    found = coupling(graph)
    importance = np.zeros(found.count)
    for group in found.groups:
        importance[group] = np.random.default_rng(2).permutation(32) + 1.0
    choice = choose(graph, found, importance, 0.4)
    assert choice.multiple == 8
    widths = []
    for group in found.groups:
        stays = choice.kept[group]
        widths.append(int(stays.sum()))
        assert widths[-1] % 8 == 0
        # those that stay matter more than all that go
        assert not stays.all() and importance[group[stays]].min() > importance[group[~stays]].max()
    left = 9 * (widths[0] + widths[0] * widths[1] + widths[1])
    whole = 9 * (32 + 32 * 32 + 32)
    # 24 and 24 leave 0.57, 24 and 32 leave 0.76: at least the ratio goes
    assert widths == [24, 24] and choice.macs == left and 0.4 <= 1 - left / whole <= 0.43


def test_a_finer_multiple_serves_where_the_coarse_one_misses() -> None:
    graph = chain(16)  # 18 * width: 8 of 16 are half, 12 are a quarter less
    found = coupling(graph)
    ones = np.ones(found.count)
    assert choose(graph, found, ones, 0.5).multiple == 8
    choice = choose(graph, found, ones, 0.25)
    assert choice.multiple == 4 and choice.macs == 18 * 12


def test_no_layer_loses_more_than_three_quarters() -> None:
    graph = chain(32, 32)
    found = coupling(graph)
    # a quarter of both: 9 * (8 + 64 + 8) of 9 * 1088 is left
    largest = 1 - 80 / 1088
    choice = choose(graph, found, np.ones(found.count), largest - 1e-6)
    assert [int(choice.kept[group].sum()) for group in found.groups] == [8, 8]
    with pytest.raises(InputError, match="at most 0.926"):
        choose(graph, found, np.ones(found.count), largest + 1e-3)


def test_a_group_that_nothing_ranks_keeps_its_width() -> None:
    graph = chain(32, 32)
    found = coupling(graph)
    importance = np.ones(found.count)
    importance[found.groups[0][3]] = np.nan
    choice = choose(graph, found, importance, 0.3)
    assert choice.kept[found.groups[0]].all() and not choice.kept[found.groups[1]].all()


def test_a_network_with_nothing_to_prune_is_refused() -> None:
    graph = chain(4)
    with pytest.raises(InputError, match="nothing to prune"):
        choose(graph, coupling(graph), np.ones(coupling(graph).count), 0.5)
