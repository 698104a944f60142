"""Model servers as they are wanted: started, loaded, watched, started again, ended."""
