"""The flow language: text in, values out. No I/O, no plugin imported (a `Catalogue` of them is handed in).

    loading (YAML with places, caps) → reading (the whole file) → lower (tasks and triggers, all dialects → one form) → flow.Flow
      source, composer, scalars, syntax  document (common properties), declare (inputs), defaults (plugin defaults), outline, checks (the whole)

Whatever is wrong becomes a `problems.Problem` with code (`codes` explains each), place, message and hint: `mistakes` words what the classes refuse,
`syntax` what libyaml does. All mistakes of a file are found in one reading. `inputs` also reads what an execution is given; `skip` reads commit messages.
`plan` says what differs between two sets of flows.
"""
