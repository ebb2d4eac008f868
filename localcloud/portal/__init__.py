"""The page of a localcloud, where the portal was: for people, in any browser, rendered here."""
