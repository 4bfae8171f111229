"""What comes from outside, made canonical: network files, recorded events, real transactions."""
