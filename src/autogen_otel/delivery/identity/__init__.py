"""Who a process is: its resource and the name of its service, and ids that disturb no program."""
