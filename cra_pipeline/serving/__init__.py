"""What serves, and where: the rules of layout, order, canaries, health and migration."""
