"""What an organisation has written about itself, as passages that can be found and cited."""
