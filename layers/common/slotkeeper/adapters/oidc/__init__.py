"""What an OpenID provider publishes: where its keys are, and the keys."""
