"""Proof of faithfulness: other Discord libraries, as they are, in environments of their own."""
