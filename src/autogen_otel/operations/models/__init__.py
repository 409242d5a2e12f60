"""Model calls: the logical call, its entries and attempts, the requests and the answers."""
