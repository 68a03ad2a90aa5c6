"""The main gateway, version 10."""
