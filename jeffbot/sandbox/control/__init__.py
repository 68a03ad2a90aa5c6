"""Control over HTTP: what a test in Python does with the sandbox's objects, a test in any language does with JSON."""
