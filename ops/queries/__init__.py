"""The statements that go to MongoDB: what they are, and how it carries them out."""
