"""jq programs, run in processes of their own.

jq is C code that runs what anybody may have written: a program can loop for ever, fill the memory or crash. So it never runs in the server: `programs`
starts helper processes when they are first needed and talks to them in `frames`, `serve` is what runs in them, with nothing of the world in reach.
"""
