"""The `casebook` command: one module an errand; printing apart."""

import signal
import sys

if sys.argv[0].endswith("/casebook") and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    # Until `main` catches it, nothing has begun: Ctrl-C ends the program, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
