import os
import subprocess


def planted(name):
    # ruleid: shell
    subprocess.run(f"tail {name}", shell=True, check=True)
    # ruleid: shell
    os.system("tail " + name)
    # ruleid: shell
    subprocess.getoutput(name)


def sound(name):
    # ok: shell
    subprocess.run(["tail", name], check=True)
