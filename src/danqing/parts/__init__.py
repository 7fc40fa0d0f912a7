"""Networks with weights, and the contract they serve."""
