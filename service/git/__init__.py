"""Git: bare repositories, read and written without a work tree.

A Git tree is hostile data: libgit2 hands out entries named `..`, `.git` or `a/b.yml`, duplicates, links and bytes that
are no text. So trees are parsed and checked here (`trees`), names of commits are 40 hex digits and nothing else, and no
user text reaches `revparse`. What costs time or memory runs in a process of its own (`helper`, `serve`), which takes and
returns plain values: pygit2 holds the interpreter's lock, and a pack can be a bomb.

    repository   the facade `Git`: the one door for the layers above
    helper       starts the helper processes and calls them;   serve: their other end, the only place that runs pygit2
    mirror       reading;   commit: writing;   remote: fetch and push;   export: a commit's files as one tar
    trees        the checked walk;   objects: the object database;   layout: what a bare repository of ours looks like
    addresses    which URLs may be called;   wire, values: what crosses the pipe
    host         smart HTTP;   hooks: the server's end of the hook scripts;   hook: the script
"""
