//! Codes of mistakes in rule, param and test files, with the pages that `ieum explain` shows.

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $page:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*

        /// Every code of this module: code, title, explanation for `ieum explain`.
        pub const RULE_CODES: &[(&str, &str, &str)] = &[$(($name, $title, $page)),*];
    };
}

codes! {
    SYNTAX = "IEUM-R001", "the file is not YAML that rules can use",
        "The file could not be read as one YAML document of maps, lists and single values. Indent with spaces, close \
         brackets and quotes, and quote texts that hold `: ` or ` #`. Anchors (`&`), aliases (`*`) and merges (`<<`) are \
         refused: a rule is read from top to bottom, with nothing defined elsewhere in it.";
    UNKNOWN_KEY = "IEUM-R002", "unknown key",
        "A map has a key that means nothing there. It is an error because a misplaced or misspelt key that is silently \
         ignored changes a policy without anyone noticing. The message names the keys that are known in that place.";
    REPEATED_KEY = "IEUM-R003", "repeated key",
        "A key stands twice in one map. Only one of the two could count, and a reader cannot tell which. Keep one.";
    MISSING_KEY = "IEUM-R004", "missing key",
        "A key that has no sensible default is missing. `rules/README.md` shows each construct with its keys.";
    BAD_SHAPE = "IEUM-R005", "a value of another kind is needed",
        "A map stands where a list belongs, a text where a number, or a number lies outside its range. The label at the \
         caret says what belongs there.";
    UNKNOWN_WORD = "IEUM-R006", "unknown word",
        "A key takes one of a few words (`status: draft | shadow | live`, levels `watch | high | critical`), and this is \
         none of them.";
    LATER = "IEUM-R007", "not built yet",
        "The language has this construct, and this version of ieum does not build it: eligibility, rules per person, \
         `for`, `keep`, `active`, working days and a few more. It is refused rather than ignored, so \
         that no rule is silently read as something it does not say.";
    WRONG_PLACE = "IEUM-R008", "file and rule have different names",
        "A rule lives in `<folder>/<name>.yaml`, where its id is `<folder>.<name>`: `crisis.my-rule` in \
         `crisis/my-rule.yaml`. So a rule can be found from an alert. Rename the file or the rule.";
    DECLARED_TWICE = "IEUM-R009", "declared twice",
        "Two rules have one id, two params one name, two conditions or escalation steps of a rule one id, or two test \
         cases one name. Each must be told apart in an alert, so each needs a name of its own.";
    UNKNOWN_EVENT = "IEUM-R010", "no topic declares this event",
        "Events are declared by the contracts under `topics/` (`[events]` of a topic.toml). Nothing of this name will \
         ever come.";
    UNKNOWN_FIELD = "IEUM-R011", "no such field or fact",
        "A rule can read the fields of an event that its schema marks `keep`, and the facts of a household, written \
         `household.<fact>`. In a signal with several events the field must exist in each of them.";
    WRONG_TYPE = "IEUM-R012", "types do not fit",
        "A value is compared with a field, a count or a param of another type: a number with a text, an order asked of \
         yes and no. Such a comparison could never hold. Quotes make a text (`\"010\"`), a plain number is a number.";
    UNLISTED_VALUE = "IEUM-R013", "the field never has this value",
        "The contract lists the values that the field can take, and this is not one of them.";
    UNKNOWN_SIGNAL = "IEUM-R014", "unknown signal",
        "Conditions, `clear_when` and `unless` speak of the names under `signals:` of the same rule.";
    UNKNOWN_PARAM = "IEUM-R015", "unknown param",
        "`{param: name}` names a value in a file of `rules/params/`, and there is none of this name.";
    PARAM_WITHOUT_VALUE = "IEUM-R016", "a param has no value when the rule needs it",
        "The rule is in force on days before the param's first value. A comparison with a missing value would be \
         unknown and the rule would stay silent on those days. Give the param an earlier value, or let the rule begin \
         later.";
    NO_SOURCE = "IEUM-R017", "a param does not say where its value comes from",
        "Each param names the `law` or another `source` of its values, so that whoever reads an alert can check them.";
    WRONG_UNIT = "IEUM-R018", "units differ",
        "A param has another unit than what it is compared with: months with won, for example.";
    EMPTY_GROUP = "IEUM-R019", "empty group",
        "`all: []` would always hold, `any: []` never. Neither can be meant.";
    UNKNOWN_REASON = "IEUM-R020", "unknown reason",
        "`unknown:`, `score.add`, `only_reasons` and the expectations of tests name conditions by their `id`, and no \
         condition has this one.";
    NUMBERLESS_REASON = "IEUM-R021", "the condition finds no number",
        "`{n}` in a text and stepped points need a condition that finds a number: `count`, `distinct` or `value`.";
    TOO_MANY = "IEUM-R022", "more than 64 reasons or signals",
        "The trace of a decision is stored in words of 64 bits, one bit a reason and one a signal. Split the rule, or leave \
         conditions inside a group without an id.";
    UNREACHABLE_LEVEL = "IEUM-R023", "a level is never reached",
        "Base and all points together stay below the level's least points.";
    BASE_TOO_LOW = "IEUM-R024", "the base lies below the lowest level",
        "A rule that matches must have a level. Raise `base` to the lowest level at least, or lower that level. Negative \
         points count here too.";
    WINDOW_TOO_LONG = "IEUM-R025", "looks back further than history is kept",
        "State keeps 800 days of events. A longer window would count less than it says.";
    DISTINCT_FIELD = "IEUM-R026", "the field to count by is not in each event",
        "`distinct: {by: field}` counts different values of a field, which must exist in the schema of each event of \
         `of`. Every event has a `source`.";
    SIGNALS_ONLY = "IEUM-R027", "only signals may stand here",
        "`unless` and `clear_when` ask what happened after the alert opened, so they may name signals alone: no facts, \
         no reason ids.";
    DATES_REVERSED = "IEUM-R028", "dates are out of order",
        "A span ends before it begins, or values of a param are not listed from the earliest to the latest.";
    BAD_DURATION = "IEUM-R029", "not a duration",
        "A duration is a number and a unit: `60d` for days, `24h` for hours. Windows of an absence, of a sequence and \
         cooldowns are whole days. In tests a time is `+9d`, `+9d12h` or `+36h` from the start.";
    DAILY_SIGNAL = "IEUM-R030", "a daily event cannot be used so",
        "Events of a topic with `store = \"daily\"` are kept as days, not one by one. Of a day three things can be asked: \
         there was a reading (no `where`), there was use (`where: {use: {gt: 0}}`), there was a reading without use \
         (`where: {use: 0}`). Such a signal takes daily events alone and can stand in `count` and `absent`.";
    AREA_EVENT = "IEUM-R031", "area events and household events are mixed up",
        "An area event has no household: it can begin and end a suppression, and cannot be a signal of a \
         rule. A household's event cannot begin a suppression.";
    NO_TARGET = "IEUM-R032", "a suppression holds no rule",
        "`targets.rules` lists rule ids, or the beginning of ids followed by `*`. None of the rules of this pack is \
         meant.";
    UNUSED = "IEUM-R033", "declared and not used",
        "A signal, or a param, that nothing uses. Perhaps a name is misspelt where it was meant.";
    NOT_MONOTONE = "IEUM-R034", "more of a bad sign gives fewer points",
        "Stepped points must not fall as the number rises: 22 months can never count less than 12.";
    NOT_A_DATE = "IEUM-R035", "not a date",
        "Dates are written 2026-03-01; the start of a test 2026-03-01T09:00, in Korean time.";
    BAD_TEST = "IEUM-R036", "a test cannot be run as written",
        "A case expects nothing, `end` or `void` names an event that did not come before it, or an event has no place in \
         time.";
    NO_TEST_RULE = "IEUM-R037", "a test names no rule of the pack",
        "`<name>.test.yaml` stands beside `<name>.yaml` and names its rule.";
    NEEDS_REASON = "IEUM-R038", "a condition has no id",
        "A condition that no group with an id contains needs an `id` and a text `say`: each thing that makes a rule fire \
         must be shown to the caseworker.";
    AREA_CONDITION = "IEUM-R039", "an area cannot be asked that",
        "A rule per area (`per: building`) counts the area's households: `distinct: {of: …, by: household, within: 30d, gte: 3}`, \
         alone or inside `all`, `any` and `none`. An area is told of each household on which days it has events of which kind. \
         So it cannot be asked for fields of events (`where`), facts, counts of events, silence or a sequence, and its \
         windows are whole days. Days of use are not told to it. `clear_when` and `unless` count what was done with the alert \
         itself. `by: household` has no meaning in a rule per household.";
    RESTRICTED = "IEUM-R040", "only a restricted rule may do that, or must not",
        "A topic marks events `restricted` whose mere mention can harm: that somebody was treated after self-harm, for example. \
         Only rules in `rules/restricted/` may read them. What such a rule says leaves on `alerts.restricted` under a general rule \
         id, title and template; of the households of an area it says nothing, and nobody is asked for a fact that it lacks. So \
         it is `per: household`, and its `when` asks no facts: they may raise the level, under `also` and `score`.";
}
