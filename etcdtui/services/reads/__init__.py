"""Reading from etcd, bounded: levels, scans, search, census, history."""
