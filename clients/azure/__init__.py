"""Azure as its clients see it: settings, sign-in, Resource Manager, Model Management, DNS records, blobs."""
