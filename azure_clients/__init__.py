"""What all clients of Azure know alike: the program and its providers, the plugin, the command."""
