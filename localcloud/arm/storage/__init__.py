"""Storage accounts and their containers: `Microsoft.Storage/storageAccounts`."""
