"""The certificate that localcloud itself shows at its HTTPS listeners, APIs and blob service alike."""
