"""Git histories in, verified coding tasks, attempts and preference pairs out."""
