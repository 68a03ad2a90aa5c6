"""Commands and interactions, as people use them and applications answer."""
