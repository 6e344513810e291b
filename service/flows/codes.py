"""What each code of a problem means (`headgate flow explain HG-0104`).

Codes are stable: one is never reused for another mistake. The first two digits group them: 00 the file, 01 YAML, 02 properties and types,
03 expressions, 04 triggers and inputs, 05 the repository around the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.flows.problems import MOST


@dataclass(frozen=True, slots=True)
class Code:
    """What one kind of problem means."""

    title: str
    explanation: str


CODES: dict[str, Code] = {
    "HG-0001": Code(
        "not a mapping", "A flow is a YAML mapping: `id:`, `namespace:` and `tasks:` at the start of their lines. An empty file, a list or a text is no flow."
    ),
    "HG-0002": Code("file too large", "A flow file may have at most 1 MB. Put long scripts and data into files of their own and name them in the flow."),
    "HG-0003": Code(
        "not UTF-8", "Flow files are UTF-8. The byte at the named place belongs to no UTF-8 character; the file was probably saved in another encoding."
    ),
    "HG-0004": Code("UTF-16 or UTF-32", "The file begins with the mark of UTF-16 or UTF-32. Save it as UTF-8 (a UTF-8 mark at the start is fine)."),
    "HG-0005": Code(
        "control character",
        'YAML takes no control characters other than tab and line breaks. In double quotes they can be written as escapes, such as "\\0" or "\\x1b".',
    ),
    "HG-0006": Code("more than one document", "One file holds one flow. A line `---` begins a second document; put it into a file of its own."),
    "HG-0007": Code("more problems", f"At most {MOST} problems of a file are shown. Mend the shown ones first: later ones often follow from them."),
    "HG-0100": Code("YAML syntax", "The text is not YAML. The message is the parser's; the place is where it gave up, so the cause may stand a line above."),
    "HG-0101": Code("too many aliases", "A file may use at most 100 aliases (`*name`), and they may stand for at most 10,000 nodes together."),
    "HG-0102": Code("nested too deeply", "Maps and lists may be nested 64 levels deep."),
    "HG-0103": Code("too many nodes", "A file may have at most 50,000 keys and values."),
    "HG-0104": Code("duplicate key", "A key may stand only once in a map. YAML readers differ in which of the two they keep, so neither is taken."),
    "HG-0105": Code("tag", "Tags (`!name`, `!!type`) are not part of the flow language. To keep a value as text, put it in quotes."),
    "HG-0106": Code("tab", "YAML is indented with spaces; a tab has no agreed width. Most editors can turn tabs into spaces."),
    "HG-0107": Code(
        "no space", "`key:value` and `-value` are texts. A map entry needs a space after the colon, a list entry one after the dash: `- key: value`."
    ),
    "HG-0108": Code(
        "text that needs quotes",
        "Text that begins with `{`, `[`, `*`, `&`, `!`, `%`, `@` or a backtick, or holds `: `, means something else in YAML. Put it in quotes.",
    ),
    "HG-0109": Code("key is not text", "Keys of maps are text. A number, true, false, null, a list or a map as a key must be quoted or was not meant as one."),
    "HG-0110": Code("number out of range", "Whole numbers have 64 bits, others are finite. Quote longer ones to keep them as text."),
    "HG-0111": Code("merge key", "`<<:` takes a map or a list of maps, most often as aliases: `<<: *base`."),
    "HG-0112": Code("unknown alias", "An alias `*name` repeats what `&name` marked further up, and can't stand within what it repeats."),
    "HG-0120": Code(
        "text cut by a comment",
        "In text without quotes, ` #` begins a comment, and the value ends there. Quote the text, or put a space after `#` if a comment was meant.",
    ),
    "HG-0130": Code(
        "YAML 1.1 reads this differently",
        "Headgate reads YAML 1.2 core values: `no`, `on` and `22:22` are text, `010` is ten. Older readers see false, true, 1342, eight. Quote it.",
    ),
    "HG-0201": Code("unknown property", "No such property here. Names are case-sensitive."),
    "HG-0202": Code("missing property", "A property that has no default is not there, or is null."),
    "HG-0203": Code("wrong kind of value", "The value is of another kind than the property takes."),
    "HG-0204": Code("value not allowed", "The value is of the right kind, but outside what the property takes."),
    "HG-0205": Code(
        "not a duration",
        "Durations are ISO-8601: `PT30S`, `PT5M`, `PT1H30M`, `P1D`. Months and years have no fixed length; use days. "
        "Where something is timed they are not negative, and a timeout is longer than nothing.",
    ),
    "HG-0206": Code(
        "not run yet",
        "The flow language has this, but this version of Headgate does not run it. The flow is taken, and no execution of it is started: a part of a flow is "
        "never silently left out. Of what is never run the message says why, and what to write instead.",
    ),
    "HG-0207": Code("ignored", "This has no effect here, and does no harm."),
    "HG-0208": Code("old spelling", "The property still works under its old name. The new name is what the documentation shows."),
    "HG-0210": Code(
        "not an id",
        "Ids of flows, tasks, triggers and inputs are ASCII letters, digits, `-` and `_`, a letter or digit first (flows and inputs: also dots).",
    ),
    "HG-0211": Code("reserved id", "The id is a word of the API's paths."),
    "HG-0212": Code(
        "not a namespace", "Namespaces are lower-case letters, digits, `.`, `-` and `_`, beginning with a letter or digit, at most 150 characters."
    ),
    "HG-0213": Code(
        "duplicate id", "Ids of tasks are unique over the whole flow, nested tasks and handlers included; ids of triggers and of inputs among themselves."
    ),
    "HG-0214": Code("too long", "A text is over its cap (descriptions: 16 KB)."),
    "HG-0215": Code("too many tasks or triggers", "A flow may have at most 1,000 tasks and 1,000 triggers. Split it, and call the parts as subflows."),
    "HG-0216": Code("not a date or time", "Dates and times are ISO-8601: `2026-01-31T06:00:00Z`, `06:30:00`, with an offset where one is meant."),
    "HG-0217": Code(
        "label",
        "Label keys are letters, digits, `.`, `_`, `-`, a lower-case letter first; values are not empty; `system.` belongs to Headgate.",
    ),
    "HG-0218": Code(
        "too many defaults", "Plugin defaults may bring at most 200,000 values to a flow, counted for every task, trigger and task runner that gets them."
    ),
    "HG-0220": Code("unknown type", "No task, trigger or task runner of this name is installed."),
    "HG-0221": Code("not a type name", "A type is a name of letters, digits and `_`, joined by dots: `io.kestra.plugin.core.log.Log`."),
    "HG-0222": Code("old type name", "The type still works under its old name."),
    "HG-0223": Code("type of another kind", "A trigger can't stand among the tasks, nor a task among the triggers."),
    "HG-0224": Code(
        "default for no type", "A plugin default is for a type, or for all types whose names begin with its own up to a dot. This one is for nothing installed."
    ),
    "HG-0225": Code("default for no property", "No installed type that the plugin default is for has a property of this name, so it changes nothing."),
    "HG-0230": Code(
        "not an image name", "Image names are `[host[:port]/]path[:tag][@digest]`, lower-case, without spaces: `python:3.13-slim`, `ghcr.io/org/tool@sha256:…`."
    ),
    "HG-0231": Code(
        "reserved environment variable",
        "The variable would change how Headgate reaches the work: PATH, LD_PRELOAD, BASH_ENV, DOCKER_HOST, HEADGATE_…. Set it inside the script.",
    ),
    "HG-0232": Code(
        "image without a digest",
        "A tag can be moved to another image, a digest can't: `python:3.13-slim@sha256:…` is the same program in every run. "
        "Looked at only where it is asked for.",
    ),
    "HG-0240": Code(
        "dangerous option",
        "The option reaches past the container. It is refused when the task starts, unless the administrator of this instance has allowed it.",
    ),
    "HG-0250": Code("dependency", "`dependsOn` names other tasks of the same Dag, each once."),
    "HG-0251": Code("dependency circle", "Tasks of a Dag that wait for each other, or for themselves, would never begin."),
    "HG-0252": Code("nothing can match", "A Switch goes one of the ways under `cases`, or that of `defaults`. Without any of them it can only fail."),
    "HG-0253": Code(
        "never reached",
        "The flow can't get here: a condition without an expression is always the same, and nothing follows a task that always ends the execution.",
    ),
    "HG-0254": Code(
        "group in a working directory",
        "The tasks of a WorkingDirectory share one folder on one runner. Tasks that only arrange other tasks have no place in it.",
    ),
    "HG-0255": Code("flow calls itself", "A flow that starts itself as a subflow has no end. Loops are LoopUntil, ForEach and Loop."),
    "HG-0301": Code("expression syntax", "The text between `{{ }}` or `{% %}` is not an expression. To keep braces as text, use {% raw %} … {% endraw %}."),
    "HG-0302": Code("unknown input", "The flow declares no input of this name."),
    "HG-0303": Code("unknown task", "The flow has no task of this id, so it has no outputs."),
    "HG-0304": Code("unknown variable", "The flow's `variables` have no such name."),
    "HG-0305": Code("hyphen read as minus", "In an expression `a-b` is a subtraction. Names with a hyphen are read with brackets: `outputs['my-task']`."),
    "HG-0306": Code(
        "outputs of a later task",
        "A task has outputs once it has ended. Tasks of a list run in their order, handlers (`errors`, `finally`) after what they handle. "
        "Where the place may be left out, or is in a loop, this is a warning.",
    ),
    "HG-0307": Code(
        "outputs that may be missing",
        "The task may not have ended when its outputs are read, or not have run at all: it stands in another branch, runs side by side with this, or is "
        "disabled. `outputs.x.value ?? 'other'` reads them where they are there.",
    ),
    "HG-0308": Code(
        "not known here",
        "`taskrun.value`, `item` and their parents exist inside loops. A trigger knows no outputs and no task run: none has begun when it fires.",
    ),
    "HG-0309": Code(
        "unknown variable of the trigger", "`trigger` has what the trigger that started the execution gives; none of the flow's triggers gives this."
    ),
    "HG-0310": Code(
        "event data in a script",
        "What somebody else wrote (the body of a call, a commit message, the name of a branch) becomes a part of the program, and may end its text and begin "
        "commands. In an environment variable it stays a value.",
    ),
    "HG-0311": Code(
        "secret where people read", "Logs, labels and outputs are masked, but a secret that was cut, encoded or joined to other text may not be found in them."
    ),
    "HG-0312": Code(
        "status never looked at",
        "An HTTP request fails at 4xx and 5xx, and the tasks after it are not run: a condition on its status sees only good ones. "
        "With `options: {allowFailed: true}` the request succeeds whatever the status, and the condition decides.",
    ),
    "HG-0313": Code(
        "unknown name",
        "An expression begins with a name that is always there (`inputs`, `outputs`, `vars`, `flow`, `execution`, `trigger`, `labels`, …), a function, or what "
        "the template has set itself. Of types that are not installed only likely misspellings are told.",
    ),
    "HG-0314": Code(
        "too many expressions",
        "A flow may have some 30,000 expressions; what aliases and plugin defaults repeat counts each time, and forty characters of text count as one.",
    ),
    "HG-0315": Code(
        "flow called where nobody waits",
        "`subflow()` starts another flow and waits for its end. It works in `defaults`, `expression` and `dependsOn` of a flow's inputs, and in variables that "
        "these render. A task that starts a flow is `io.kestra.plugin.core.flow.Subflow`.",
    ),
    "HG-0401": Code(
        "not a schedule",
        "Five fields: minute, hour, day of month, month, day of week (six with `withSeconds: true`), or @hourly, @daily, @weekly, @monthly, @yearly.",
    ),
    "HG-0402": Code(
        "unknown time zone",
        "Time zones are IANA names such as Europe/Paris or UTC: they know when the clocks change, offsets such as +02:00 and EST5EDT do not or not reliably.",
    ),
    "HG-0403": Code(
        "trigger without an input", "A trigger has nobody to ask: it must give every required input that has no default, or whose default calls a flow."
    ),
    "HG-0404": Code(
        "trigger of its own flow", "Executions never fire triggers of the flow that they belong to: a Flow trigger that waits for its own flow never fires."
    ),
    "HG-0410": Code("input definition", "An input's own properties contradict each other, or its default is not a value that it would take."),
    "HG-0411": Code("default makes it optional", "An input with a default always has a value; `required: false` changes nothing."),
    "HG-0412": Code("nested input ids clash", "`a` and `a.b` can't both be inputs: `inputs.a` would have to be a value and a map."),
    "HG-0413": Code("input dependency", "`dependsOn.inputs` names other inputs of the flow. They are settled first, so no two can wait for each other."),
    "HG-0414": Code("regular expression", "Patterns are RE2's: no look-around, no back references, and they always end in time."),
    "HG-0420": Code(
        "ref or path pattern",
        "Patterns follow GitHub Actions: `*` within one part, `**` over many, `[a-z]`, `!` first takes out; `?` and `+` belong to the character before.",
    ),
    "HG-0501": Code(
        "defined twice",
        "Two files of one repository have the same namespace and id. Neither is used; the last text that was alone with that identity stays live. "
        "Remove one of the files, or change an id.",
    ),
    "HG-0502": Code(
        "namespace of another repository",
        "A namespace belongs to the repository that first defined a flow in it. Move the file there, or give the flow a namespace of its own.",
    ),
    "HG-0503": Code(
        "not a flow file",
        "Headgate reads regular files of plain names only. Symbolic links, submodules, `..`, odd bytes in names and files over the cap are refused by name "
        "and never followed. Flows whose file or folder became one of these stay live at their last good text until that is mended.",
    ),
}
