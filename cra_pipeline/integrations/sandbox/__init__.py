"""Foreign code runs here and nowhere else: bubblewrap behind a launcher and a supervisor."""
