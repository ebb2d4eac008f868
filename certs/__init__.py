"""Certificates, without the engine and without a network.

`certs.sources` gives a chain and key; `certs.bundle` reads them strictly and writes them canonically;
`certs.checks` says whether they are fit for a name at a time; `certs.renewal` and `certs.names` are
arithmetic on dates and names, and load no cryptography; `certs.describe` says what a person wants to see;
`certs.errors` is the tree of errors.
"""
