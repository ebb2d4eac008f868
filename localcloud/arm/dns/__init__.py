"""DNS zones and their record sets: `Microsoft.Network/dnsZones`."""
