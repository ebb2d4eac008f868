"""The machines of a cluster: the files by which they know each other, and Ray on each, kept."""
