"""Where Footfall deliberately answers otherwise than ClickHouse: one line a family, with the conformance case that shows it.

A random test may leave out only what a line here names, and prints how often it did. A line allows nothing by itself: `allows` is given
both answers of one user, ours and ClickHouse's, and says whether this difference is one of its kind.
With `footfall.compatibility = 'clickhouse'` only the lines with `always` count."""
import collections

Difference = collections.namedtuple("Difference", "case what allows always", defaults=(False,))


def ours_is_higher(ours, theirs):
    return float(ours) > float(theirs)


def any_answer(_ours, _theirs):
    return True


def as_long(ours, theirs):
    """Two lists of times, of one length and not both empty."""
    return ours != "[]" and ours.count(",") == theirs.count(",")


DIFFERENCES = {
    # windowFunnel
    "strict_increase": Difference("wf-027", "ClickHouse keeps one chain a level and loses those that a later entry at the same time overwrites", ours_is_higher),
    "strict_order": Difference("wf-043", "ClickHouse stops at the first violation; here a later clean chain counts", ours_is_higher),
    "strict_deduplication": Difference("wf-060", "ClickHouse stops at the first repeat; here a later clean chain counts", ours_is_higher),
    # Asked only where ClickHouse itself gave several answers to the same rows in several orders.
    "arrival": Difference("wf-050", "strict_once with strict_deduplication: in ClickHouse rows of one time count in the order of arrival", any_answer, True),
    # sequenceMatch, sequenceCount, sequenceMatchEvents
    "gate_beside_gap": Difference("sm-022", "beside .* ClickHouse measures a gate to or from an event inside the gap; here from the element before to the one after", any_answer),
    "abandoned_attempt": Difference("se-006", "ClickHouse may report the times of an abandoned attempt; here those of the longest attempt", as_long),
}
