"""The README, the other pages beside it and those of docs/, as tests read them."""
