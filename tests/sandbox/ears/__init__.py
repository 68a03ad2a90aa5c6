"""What the ears of the local Discord hear, held against what was played."""
