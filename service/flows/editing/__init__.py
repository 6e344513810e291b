"""Help while a flow is being written: completion and hover, on text that is seldom whole YAML at that moment."""
