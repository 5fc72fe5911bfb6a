"""What is there: places, names, links and routes."""
