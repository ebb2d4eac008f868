-- What a rotation of the sign-in took the place of, as long as it opens: see `localcloud/identity/credentials.py`.
CREATE TABLE previous_sign_ins (
    secret_digest  TEXT NOT NULL,          -- SHA-256 of the client's secret, hexadecimal
    public_key     TEXT NOT NULL,          -- of the key that signed tokens, PEM
    until          INTEGER NOT NULL        -- seconds since the epoch
) STRICT;
