"""Every commit of a history with a verdict: qualified, or rejected with the reason."""
