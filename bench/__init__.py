"""`make bench`: the product beside the floor that its libraries and the network set, in one run."""
