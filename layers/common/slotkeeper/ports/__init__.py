"""What the use cases need from the world, each named for what it does.

Every method may raise `Unavailable` when its server does not answer in time. Times are aware UTC;
`now` in an answer is the database's clock, the only one that decides about holds.
"""
