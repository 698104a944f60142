"""Which files a change touches, by features of history and text: the honest baseline of scope."""
