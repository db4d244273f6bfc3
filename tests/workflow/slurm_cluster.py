"""A SLURM cluster of one node for a test: everything in one folder, nothing outside of it."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
PACKAGES = ("slurm-wlm", "munge")
CPUS, MEGABYTES = 2, 4000
START_SECONDS = 30

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
AccountingStorageType=accounting_storage/none
MinJobAge=86400
ReturnToService=2
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,defer_batch=0
SchedulerTimeSlice=5
KillWait=2
MpiDefault=none
SwitchType=switch/none
PlugStackConfig=/dev/null
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={megabytes} State=UNKNOWN
PartitionName=work Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class SlurmCluster:
    """A running cluster."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables by which SLURM's commands and the profile find the cluster."""
        return {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "SBATCH_PARTITION": "work",
        }

    def jobs(self) -> list[dict[str, str]]:
        """Return every job since the start: id, state, CPUs, memory, comment."""
        form = "|".join(["%i", "%T", "%C", "%m", "%k"])
        text = self.ask("squeue", "--states=all", "--noheader", f"--format={form}")
        fields = ("id", "state", "cpus", "memory", "comment")
        return [dict(zip(fields, row.split("|", 4), strict=True)) for row in text.splitlines()]

    def ask(self, *command: str) -> str:
        """Return what a command of SLURM prints."""
        environment = os.environ | self.environment
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout


def refuse(reason: str) -> None:
    """Fail in CI, where SLURM must be tried; skip on a user's machine."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def install() -> None:
    """Install Debian's SLURM unless it is there."""
    if all(map(shutil.which, PROGRAMS)):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        refuse("no SLURM here, and only root on Debian can install it")
    commands = (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES])
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        done = subprocess.run(
            ["apt-get", "-qq", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            refuse(f"cannot install SLURM: {done.stderr.strip()[-300:]}")


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[SlurmCluster]:
    """Start a cluster in ``folder`` and stop its three daemons at the end, nothing else."""
    install()
    if os.geteuid() != 0:
        refuse("SLURM's daemons run as root here")
    cluster = SlurmCluster(folder)
    _write_files(folder)
    environment = os.environ | cluster.environment
    socket_path = folder / "munge.socket"
    commands = [
        [
            *("munged", "--foreground", "--force", f"--key-file={folder}/munge.key"),
            *(f"--socket={socket_path}", f"--pid-file={folder}/munged.pid"),
            *(f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"),
        ],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D"],
    ]
    with contextlib.ExitStack() as started:
        for command in commands:
            log = started.enter_context((folder / f"{command[0]}.out").open("w"))
            daemon = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            started.callback(_stop, daemon)
            if command[0] == "munged":
                _wait(socket_path.exists, folder)
        _wait(lambda: _idle(cluster), folder)
        yield cluster


def _write_files(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format(
        host=host,
        folder=folder,
        controller_port=controller_port,
        node_port=node_port,
        cpus=CPUS,
        megabytes=MEGABYTES,
    )
    (folder / "slurm.conf").write_text(text)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


def _idle(cluster: SlurmCluster) -> bool:
    try:
        return bool(re.search("^idle", cluster.ask("sinfo", "--noheader", "--format=%T")))
    except subprocess.CalledProcessError:
        return False


def _wait(ready, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            said = "\n".join(file.read_text()[-1500:] for file in folder.glob("*.*o*"))
            refuse(f"SLURM does not start: {said}")
        time.sleep(0.1)


def _stop(daemon: subprocess.Popen) -> None:
    daemon.terminate()
    try:
        daemon.wait(10)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
