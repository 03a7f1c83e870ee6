"""What the collectors of Amazon's services share: how an account is reached, and what CloudWatch counts."""
