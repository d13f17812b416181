"""Where Footfall deliberately answers otherwise than ClickHouse: one line a kind, with the conformance case that shows it.

A random test may leave out only what a line here names, and prints how often it did. A line allows nothing by itself: ours must be what the
definition says (definitions.py), and `allows`, given both answers of one user, says whether the two differ in the way of this kind.
With `footfall.compatibility = 'clickhouse'` every answer is ClickHouse's, and no line counts but that of the questions it gives up on."""
import collections

Difference = collections.namedtuple("Difference", "case what allows")


def ours_is_higher(ours, theirs):
    return ours > theirs


def ours_is_lower(ours, theirs):
    return ours < theirs


def either(_ours, _theirs):
    return True


def as_long(ours, theirs):
    """Two lists of times, of one length and not both empty."""
    return ours != "[]" and ours.count(",") == theirs.count(",")


DIFFERENCES = {
    # windowFunnel
    "strict_increase": Difference("wf-027", "ClickHouse keeps one chain a level and loses those that a later entry at the same time overwrites", ours_is_higher),
    "strict_order": Difference("wf-043", "ClickHouse stops at the first violation; here a later clean chain counts", ours_is_higher),
    "skip_beside_old_chain": Difference(
        "window_funnel.slt", "a0 b1 a10 c11 b12 c13 within 5: to ClickHouse c11 belongs to the old chain of a0; here it stands between a10 and b12", ours_is_lower),
    "strict_deduplication": Difference("wf-060", "ClickHouse stops at the first repeat; here a later clean chain counts", ours_is_higher),
    "arrival": Difference(
        "wf-050", "strict_once with strict_deduplication: in ClickHouse the arrival of rows of one time decides what is a repeat; here one in any order is one", ours_is_lower),
    # sequenceMatch, sequenceCount, sequenceMatchEvents
    "gate_beside_gap": Difference("sm-022", "beside .* ClickHouse measures a gate to or from an event inside the gap; here from the element before to the one after", either),
    "abandoned_attempt": Difference("se-006", "ClickHouse may report the times of an abandoned attempt; here those of the longest attempt", as_long),
    "gives_up": Difference("ClickHouse/ClickHouse#26095", "ClickHouse refuses a question that takes it more than 1,000,000 steps", either),
}
