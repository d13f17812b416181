"""What window_funnel and the sequence functions are defined to answer, by plain search: the third witness where Footfall differs from ClickHouse.

Written from the definitions on the functions' own pages (sql/README.md), not from any engine's code: every chain and every match is tried.
An event is (time, tie, mask): bit i of the mask says that condition i + 1 is true."""
import functools
import re


def in_order(events):
    """By time, tie, lowest condition, all conditions; never by arrival."""
    return sorted(events, key=lambda e: (e[0], e[1], (e[2] & -e[2]).bit_length(), e[2]))


def window_funnel(events, steps, window, modes):
    """The level of the longest chain that the modes let count."""
    # Every event occurs once for each step it satisfies, as step 0 where it satisfies none. Place: its time, then its step.
    occurrences = sorted((ts, step, event) for event, (ts, _, mask) in enumerate(events)
                         for step in ([s + 1 for s in range(steps) if mask >> s & 1] or [0]))
    order = "strict_order" in modes
    skips = order and "allow_reentry" not in modes
    increase, once, deduplication = (m in modes for m in ("strict_increase", "strict_once", "strict_deduplication"))

    @functools.cache
    def level(start, last, taken):
        """The highest level of a chain that entered at `start` and whose newest step is occurrence `last`; `taken`: its events of that time."""
        ts, step, _ = occurrences[last]
        best = step
        later = [o for o in occurrences if o[:2] > (ts, step)]
        takes = [o for o in later if o[1] == step + 1 and not (increase and o[0] <= ts) and not (once and o[2] in taken)]
        for follower in takes:
            if follower[0] - start > window or best == steps:
                break
            place = follower[:2]
            between = [o for o in later if o[:2] < place]
            if order and any(o[1] == 0 for o in between) or skips and any(o[1] > step + 1 for o in between):
                continue
            if deduplication:
                repeats = (2 <= o[1] <= step and (ts, step) <= o[:2] <= place for i, o in enumerate(occurrences) if i != last)
                if any(repeats) or any(o[:2] < place for o in takes):
                    continue
            of_that_time = (taken if follower[0] == ts else frozenset()) | {follower[2]}
            best = max(best, level(start, occurrences.index(follower), of_that_time if once else frozenset()))
        return best

    entries = [(i, o) for i, o in enumerate(occurrences) if o[1] == 1]
    return max((level(o[0], i, frozenset([o[2]]) if once else frozenset()) for i, o in entries), default=0)


TOKEN = re.compile(r"\(\?(\d+)\)|\(\?t(<=|>=|==|<|>)(\d+)\)|(\.\*)|(\.)")
HOLDS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b}


class Matches:
    """All ways to give the elements of a pattern an event each. The pattern has no gate before its first element; one after its last element
    asks for an event to follow, so it is not one that also holds where none does."""

    def __init__(self, events, pattern):
        self.events = [e for e in in_order(events) if e[2]]
        # Per element: its condition (None: any event), whether events may lie before it, and the gate from the element before it.
        self.elements = []
        gap, gate = True, None
        for condition, operator, distance, dots, _ in TOKEN.findall(pattern):
            if operator:
                gap, gate = True, (HOLDS[operator], int(distance))
            elif dots:
                gap = True
            else:
                self.elements.append((int(condition) - 1 if condition else None, gap, gate))
                gap, gate = False, None
        # The event that a gate at the end looks at is not part of the match.
        self.looks = gate is not None
        if self.looks:
            self.elements.append((None, True, gate))

    def passes(self, element, place):
        condition = self.elements[element][0]
        return condition is None or self.events[place][2] >> condition & 1

    def follows(self, element, before, place):
        """Whether `element` may stand at `place` with the element before it at `before`."""
        _, gap, gate = self.elements[element]
        near = place > before if gap else place == before + 1
        return near and (gate is None or gate[0](self.events[place][0] - self.events[before][0], gate[1]))

    def first(self, count, begin):
        """Where the first `count` elements stand: the match that ends first, of those with the same end the one whose events come first."""
        rows = range(begin, len(self.events))
        reached = [[i for i in rows if self.passes(0, i)]]
        for element in range(1, count):
            reached.append([j for j in rows if self.passes(element, j) and any(self.follows(element, i, j) for i in reached[-1])])
        if not reached[-1]:
            return None
        # Backwards from the first end, then at each element the first event from which that end can be had.
        good = [[reached[-1][0]]]
        for element in range(count - 1, 0, -1):
            good.insert(0, [i for i in reached[element - 1] if any(self.follows(element, i, j) for j in good[0])])
        places = [good[0][0]]
        for element in range(1, count):
            places.append(next(j for j in good[element] if self.follows(element, places[-1], j)))
        return places

    def count(self):
        begin, found = 0, 0
        while places := self.first(len(self.elements), begin):
            begin, found = places[-1] + (0 if self.looks else 1), found + 1
        return found

    def times(self):
        """Of the first match, else of the longest part of the pattern that occurs and ends with an element in brackets."""
        named = [i for i, (condition, _, _) in enumerate(self.elements) if condition is not None]
        for count in [len(self.elements)] + [i + 1 for i in reversed(named)]:
            if places := self.first(count, 0):
                return [self.events[places[i]][0] for i in named if i < count]
        return []
