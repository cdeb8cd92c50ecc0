"""The figures of the model gateway alone: bench/run ROUNDS gateway."""
from tools import *

if __name__ == "__main__":
    host = Host()
    try:
        host.start()
        print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|")
        gateway()
    finally:
        host.stop()
        shutil.rmtree(HOME, ignore_errors=True)
