"""`./dev bench`: how fast, at what cost a request, how far from the physical limit. README.md says how to read it."""
