"""The files of the pages that the server shows."""
