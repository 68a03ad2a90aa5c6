"""How the schema came to be, a module for each change, in the order of their names."""
