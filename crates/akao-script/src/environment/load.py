# Everything is loaded by now, as for every run; this tells the memory that a run then shares.
import os
result = {"bytes": int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")}
