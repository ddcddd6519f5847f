"""READER's drafter: one tree per text, merged from every source of guesses, as large as pays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from decoding.cost_model import TYPICAL, CostModel
from decoding.drafting.calibration import Calibration
from decoding.drafting.draft_tree import DraftTree, Source
from decoding.drafting.drafter import Ask, DraftState, NothingToLearn
from decoding.drafting.growth import MOST_NODES, grow
from decoding.drafting.recall import Datastore
from decoding.drafting.recycling import RecyclingMatrix
from decoding.drafting.text_state import Shared, TextState

if TYPE_CHECKING:
    from decoding.types import Request

ALL_SOURCES = frozenset(Source)
MOST_NODES_IN_ALL = 256  # of the trees of one forward pass


class TreeDrafter:
    """Drafts for all texts of one engine, after READER (arXiv 2508.09072); see `Drafter` for the contract.

    `vocabulary` is the number of logits. `calibration` and `costs` go on learning while texts are written, and may be
    saved in between. `sources` limits what is drafted from, for ablations; `only_chains` forgoes branches. Not safe
    to call from several threads at a time.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        calibration: Calibration | None = None,
        costs: CostModel | None = None,
        datastore: Datastore | None = None,
        sources: frozenset[Source] = ALL_SOURCES,
        most_nodes: int = MOST_NODES,
        only_chains: bool = False,
    ) -> None:
        self.costs = costs or CostModel(TYPICAL)
        self.most_nodes = most_nodes  # of one tree
        self.shared = Shared(
            calibration=calibration or Calibration(),
            matrix=RecyclingMatrix(vocabulary),
            datastore=datastore if Source.DATASTORE in sources else None,
            sources=sources,
            only_chains=only_chains,
        )

    @property
    def calibration(self) -> Calibration:
        return self.shared.calibration

    def begin(self, request: "Request") -> DraftState:
        """Raises `ReferencesTooLong`."""
        return TextState(self.shared, request) if request.draft else NothingToLearn()

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        """Empty trees wherever guesses are not worth their columns."""
        seeds = {
            number: ask.state.seed(ask)
            for number, ask in enumerate(asks)
            if ask.room > 0 and isinstance(ask.state, TextState)
        }
        trees = [DraftTree()] * len(asks)
        if not any(seed.forced or seed.candidates for seed in seeds.values()):
            return trees
        prices = self.costs.prices(
            num_texts=len(asks),
            context=max(ask.context for ask in asks),
            most_nodes=min(len(asks) * self.most_nodes, MOST_NODES_IN_ALL),
        )
        grown = grow(list(seeds.values()), prices=prices, most_nodes=self.most_nodes)
        for number, tree in zip(seeds, grown, strict=True):
            trees[number] = tree

        return trees

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        self.shared.throttle.observe(
            num_texts=num_rows,
            num_tokens=num_tokens,
            seconds=seconds,
            expected_plain_seconds=self.costs.plain_seconds(num_texts=num_rows, context=context),
            is_drafted=num_columns > num_rows,
        )
        self.costs.observe(
            num_texts=num_rows, num_columns=num_columns, context=context, seconds=seconds
        )
