"""What is wrong with entries as far as it can be told without the network."""
