"""Questions to DNS servers: to one of them, to those of a zone, and to resolvers that go on asking."""
