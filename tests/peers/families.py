"""The questions that random tables are asked of Footfall and of ClickHouse: function by function, many columns to a query.

A `Query` holds columns that share their conditions, so that one pass over all tables answers all of them. `feed` is the order in which
ClickHouse reads the rows: where its answer follows from the arrival of rows of one time, this is the order that Footfall documents."""
import collections
import re

from definitions import Matches, window_funnel as level

# `differences` name lines of differences.py that may explain this column; `defined` gives the answer that the definition asks for, from a user's rows.
Column = collections.namedtuple("Column", "what ours theirs differences defined", defaults=([], None))
Query = collections.namedtuple("Query", "columns feed")

NAMES = "abcdx"
MODES = ["strict_deduplication", "strict_order", "strict_increase", "strict_once"]


class Condition:
    def __init__(self, rng):
        self.names = rng.sample(NAMES, rng.choice([1, 1, 2]))
        # qty is NULL in a third of the rows: the condition is NULL where the name fits, false where it does not.
        self.bought = rng.random() < 0.25

    def sql(self):
        names = ", ".join(f"'{n}'" for n in self.names)
        return f"event in ({names})" + (" and qty > 0" if self.bought else "")

    def holds(self, row):
        """True, False or None, as SQL has it."""
        both = [row.event and row.event in self.names, row.qty and row.qty > 0] if self.bought else [row.event and row.event in self.names]
        return False if any(x is not None and not x for x in both) else None if None in both else True


class Conditions:
    """Boolean expressions that mean the same in both engines. A NULL condition is false by default; ClickHouse drops the row."""

    def __init__(self, rng, count, null_is_false):
        self.all = [Condition(rng) for _ in range(count)]
        self.ours = [c.sql() for c in self.all]
        self.theirs = self.ours
        if null_is_false:
            # A row of which nothing is known, all its conditions NULL, is no event to Footfall either.
            unknown = " and ".join(f"({c}) is null" for c in self.ours)
            self.theirs = [f"ifNull({c}, 0)" for c in self.ours]
            self.theirs[0] = f"if({unknown}, null, {self.theirs[0]})"

    def events(self, rows, tie=False):
        """The rows with a time of which something is known, as definitions.py takes them."""
        for row in rows:
            holds = [c.holds(row) for c in self.all]
            if row.sec is not None and any(h is not None for h in holds):
                yield row.sec, row.seq if tie else 0, sum(1 << i for i, h in enumerate(holds) if h)

    def feed(self):
        """Rows of one time as Footfall orders them: by the first condition they satisfy, then by all of them."""
        bits = [f"ifNull(({c}), 0)" for c in self.ours]
        first = "multiIf(" + "".join(f"{b}, {i}, " for i, b in enumerate(bits)) + f"{len(bits)})"
        mask = " + ".join(f"{b} * {1 << i}" for i, b in enumerate(bits))
        return f"sec, {first}, {mask}"


def time_of(rng):
    """A time column of Footfall and how a span of seconds is written for it; ClickHouse takes whole numbers only."""
    return rng.choice([("sec", lambda s: str(s)), ("ts", lambda s: f"interval '{s} seconds'")])


def accepted_modes():
    """Every combination that ClickHouse takes: allow_reentry goes with strict_order only."""
    for chosen in range(1 << len(MODES)):
        modes = [m for k, m in enumerate(MODES) if chosen >> k & 1]
        yield modes
        if "strict_order" in modes:
            yield modes + ["allow_reentry"]


def window_funnel(rng, null_is_false):
    """Every mode and every combination of modes, names in several steps, the same step twice, windows from 0 up."""
    conditions = Conditions(rng, rng.randint(1, 5), null_is_false)
    ts, span = time_of(rng)
    # Under strict_once with strict_deduplication rows of one time count in ClickHouse as they arrive: as the page says in its mode.
    tie, feed = ("", conditions.feed()) if null_is_false else rng.choice([("", conditions.feed()), (", {tie: seq}", "sec, seq")])
    columns = []
    for modes in accepted_modes():
        window = rng.choice([0, 1, 2, 5, 10, 60, 3600])
        quoted = "".join(f", '{m}'" for m in modes)
        differences = [m for m in modes if m in ("strict_increase", "strict_order", "strict_deduplication")] \
            + (["skip_beside_old_chain"] if "strict_order" in modes and "allow_reentry" not in modes else []) \
            + (["arrival"] if "strict_once" in modes and "strict_deduplication" in modes else [])
        call = f"window_funnel({span(window)}{quoted}, {ts}, {', '.join(conditions.ours)}{tie})"
        theirs = f"ifNull(windowFunnel({window}{quoted})(toUInt64(sec), {', '.join(conditions.theirs)}), 0)"
        columns.append(Column(call, call, theirs, differences, level_of(conditions, window, modes)))
    return Query(columns, feed)


def level_of(conditions, window, modes):
    return lambda rows: level(list(conditions.events(rows)), len(conditions.all), window, modes)


def retention(rng, null_is_false):
    columns = []
    for _ in range(10):
        conditions = Conditions(rng, rng.randint(2, 6), null_is_false)
        columns.append(Column(f"retention({', '.join(conditions.ours)})", f"retention({', '.join(conditions.ours)})",
                              f"retention({', '.join(conditions.theirs)})"))
    return Query(columns, "seq")


def pattern(rng, conditions, leading_gates):
    """Elements with gaps and gates before, between and behind them. None ends in `.*` or in a gate that holds where nothing follows:
    ClickHouse then reads past its list (ClickHouse/ClickHouse#120729). A gate before the first element is an error to Footfall by default."""
    text = rng.choice(["", "", "", "", "", ".*", ".", gate(rng) if leading_gates else ""])
    for i in range(rng.randint(1, 5)):
        if i > 0:
            text += rng.choice(["", "", "", ".*", ".*", ".", gate(rng), gate(rng), ".*" + gate(rng), gate(rng) + ".*", gate(rng) + ".*" + gate(rng) if leading_gates else "."])
        text += f"(?{rng.randint(1, conditions)})"
    return text + rng.choice(["", "", "", "", ".", ".*.", f"(?t{rng.choice(['>=', '>', '=='])}{rng.choice([1, 2, 5])})"])


def gate(rng):
    operator, distance = rng.choice(["<=", "<", ">=", ">", "=="]), rng.choice([0, 1, 2, 5, 6, 30, 3600])
    # To Footfall < 0 is an error, for it can never hold.
    return f"(?t{operator}{max(distance, 1) if operator == '<' else distance})"


def sequence(ours, theirs, defined):
    """`theirs` of ClickHouse beside `ours` of Footfall, one of the sequence functions; `defined` asks the same of Matches."""

    def family(rng, null_is_false):
        count = rng.randint(2, 5)
        conditions = Conditions(rng, count, null_is_false)
        ts, _ = time_of(rng)
        tie, feed = rng.choice([("", conditions.feed()), (", {tie: seq}", "sec, seq")])
        columns = []
        for _ in range(16):
            text = pattern(rng, count, leading_gates=not null_is_false)
            differences = (["gate_beside_gap"] if re.search(r"\.\*\(\?t|\(\?t[^)]*\)\.\*", text) else []) \
                + (["abandoned_attempt"] if ours == "sequence_match_events" else [])
            call = f"{ours}('{text}', {ts}, {', '.join(conditions.ours)}{tie})"
            answer = f"{theirs}('{text}')(toUInt64(sec), {', '.join(conditions.theirs)})"
            if ours == "sequence_match_events":
                # Times as whole seconds: a list of timestamps is cast to a list of microseconds.
                scale = 1 if ts == "sec" else 1_000_000
                column = Column(call, f"cast({call} as bigint[])", f"arrayMap(x -> x * {scale}, {answer})")
            else:
                scale, column = 1, Column(call, call, f"ifNull({answer}, 0)")
            columns.append(column._replace(differences=differences, defined=found(conditions, text, tie, scale, defined)))
        return Query(columns, feed)

    return family


def found(conditions, text, tie, scale, defined):
    return lambda rows: defined(Matches(list(conditions.events(rows, bool(tie))), text), scale)


DIRECTIONS = [("forward", "head"), ("forward", "first_match"), ("forward", "last_match"),
              ("backward", "tail"), ("backward", "first_match"), ("backward", "last_match")]


def sequence_next_node(rng, null_is_false):
    """The value is the event's name and decides every condition: rows of one time and one value are equal, so no order among them is left."""
    value = "coalesce(event, 'none')" if null_is_false else "event"
    names = lambda: ", ".join(f"'{n}'" for n in rng.sample(NAMES, rng.choice([1, 2])))
    columns = []
    for direction, base in DIRECTIONS * 2:
        ts, _ = time_of(rng)
        start = rng.choice([f"{value} in ({names()})", "true"])
        chain = [f"{value} in ({names()})" for _ in range(rng.randint(1, 3))]
        if base in ("first_match", "last_match") or rng.random() < 0.5:
            chain[0] = start if start != "true" else chain[0]
        arguments = ", ".join([value, start] + chain)
        columns.append(Column(f"sequence_next_node('{direction}', '{base}', {ts}, {arguments})",
                              f"sequence_next_node('{direction}', '{base}', {ts}, {arguments})",
                              f"sequenceNextNode('{direction}', '{base}')(toUInt64(sec), {arguments})"))
    return Query(columns, "seq")


FAMILIES = {
    "windowFunnel": window_funnel,
    "retention": retention,
    "sequenceMatch": sequence("sequence_match", "sequenceMatch", lambda matches, _: matches.count() > 0),
    "sequenceCount": sequence("sequence_count", "sequenceCount", lambda matches, _: matches.count()),
    "sequenceMatchEvents": sequence("sequence_match_events", "sequenceMatchEvents", lambda matches, scale: [ts * scale for ts in matches.times()]),
    "sequenceNextNode": sequence_next_node,
}
