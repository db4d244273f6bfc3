"""The command that runs the workflow, what it shows, and what prepares a run."""

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_truepremia import MARK, described_event
from truepremia.commands import doctor
from truepremia.commands.cli import main
from truepremia.commands.progress import Follower
from truepremia.commands.run import INTERRUPTED, Order, run
from truepremia.errors import ConfigError, DataError
from truepremia.workflow.config import load_overlay

ROOT = Path(__file__).resolve().parents[2]
LITTLE = ("firms=60", "months=84", "burnin=24", "window=36", "results_dir=out")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_after_two_dashes_goes_to_snakemake(here, monkeypatch):
    orders = []
    monkeypatch.setattr("truepremia.commands.run.run", orders.append)
    assert main(["run", "bgn_0", "--cores", "2", "-n", "--", "--forceall", "--quiet"]) == 0
    (order,) = orders
    arguments = order.arguments()
    target = "results/bgn_0_manifest.json"
    assert arguments[-5:] == ["--dry-run", "--forceall", "--quiet", "--", target]
    assert arguments[arguments.index("--cores") + 1] == "2"


def test_settings_and_targets_after_two_dashes_join_those_before(here, monkeypatch):
    orders = []
    monkeypatch.setattr("truepremia.commands.run.run", orders.append)
    (here / "a.yaml").write_text("firms: 70\n")
    (here / "b.yaml").write_text("months: 90\n")
    before = ["run", "bgn_0", "--configfile", "a.yaml", "--config", "firms=60", "results_dir=x"]
    after = ["kp14_1", "-C", "seed=3", "--configfiles", "b.yaml", "--config=window=40", "-k"]
    assert main([*before, "--", *after, "--until", "solve_economy"]) == 0
    arguments = orders[0].arguments()
    files, config = arguments.index("--configfile"), arguments.index("--config")
    assert arguments[files + 1 : files + 3] == ["a.yaml", "b.yaml"]
    pairs = ["firms=60", "results_dir=x", "seed=3", "window=40"]
    assert arguments[config + 1 : config + 5] == pairs
    assert arguments[config + 5].startswith("--")
    assert arguments.count("--config") == arguments.count("--configfile") == 1
    at = arguments.index("-k")
    assert arguments[at : at + 3] == ["-k", "--until", "solve_economy"]
    assert arguments[at + 3 :] == ["--", "x/bgn_0_manifest.json", "x/kp14_1_manifest.json"]


def test_a_settings_file_after_two_dashes_is_looked_at_too(here, capsys):
    assert main(["run", "--", "--configfile", "nope.yaml"]) == 1
    assert "nope.yaml: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "must name a panel such as bgn_0"),
        (" ", "must name a panel such as bgn_0"),
        ("bgn_007", "such as bgn_7"),
        ("kp14_-1", "such as kp14_0"),
        ("BGN_3", "such as bgn_3"),
        ("kp14", "such as kp14_0"),
        ("gs21 ", None),
        ("lw072", "such as lw07_2"),
        ("bgn_0_fama.pkl", None),
        ("report", None),
        ("results/bgn_007", None),
    ],
)
def test_a_target_that_is_nearly_a_panel_is_told_how_panels_are_named(target, said):
    if said is None:
        assert Order([target]).arguments()[-1] == target
        return
    with pytest.raises(ConfigError, match=said):
        Order([target]).arguments()


def test_a_plan_of_which_a_few_lines_are_read_ends_without_a_word(here):
    options = "--config firms=60 months=84 burnin=24 window=36 results_dir=out"
    command = f"{sys.executable} -m truepremia run -n --cores 1 {options} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_that_fails_says_its_error_once(here, capfd):
    order = Order(["nosuch"], config=LITTLE, cores="1", dry_run=True)
    assert run(order) == 1
    assert "".join(capfd.readouterr()).count("truepremia: error") == 1


@pytest.mark.parametrize("target", ["bundle_panel", "bundle_pannel"])
def test_a_rule_of_many_panels_is_never_proposed_as_a_target(here, capfd, target):
    assert run(Order([target], config=LITTLE, cores="1")) == 1
    (said,) = [line for line in capfd.readouterr().err.splitlines() if "error" in line]
    if target == "bundle_panel":
        assert "is no target: name a file, such as out/bgn_0_manifest.json" in said
    assert "'bundle_panel'?" not in said


@pytest.mark.parametrize("command", ["report", "leaderboard"])
def test_a_step_is_a_command(command, here, monkeypatch):
    orders = []
    monkeypatch.setattr("truepremia.commands.run.run", orders.append)
    assert main([command]) == 0
    assert list(orders[0].targets) == [command]


def test_a_panel_lies_where_the_settings_put_results(here):
    (here / "mine.yaml").write_text("results_dir: out//there/\n")
    order = Order(["kp14_3", "report"], configfiles=[Path("mine.yaml")])
    assert order.arguments()[-3:] == ["--", "out/there/kp14_3_manifest.json", "report"]
    order = Order(["kp14_3"], configfiles=[Path("mine.yaml")], config=["results_dir=x"])
    assert order.arguments()[-1] == "x/kp14_3_manifest.json"


def test_jobs_start_in_warm_pythons_unless_something_else_is_asked_for():
    assert "warm" in Order().arguments()
    for chosen in (["--executor", "local"], ["--profile=profiles/slurm"], ["--sdm", "conda"]):
        assert "warm" not in Order(more=chosen).arguments()


@pytest.mark.parametrize(
    "words",
    [
        ["--configfile", "a.yaml", "bgn_0"],
        ["--config", "firms=60", "bgn_0"],
        ["--config", "firms=60", "--", "--configfile", "a.yaml", "bgn_0"],
    ],
)
def test_a_panel_among_settings_is_a_target(here, monkeypatch, words):
    orders = []
    monkeypatch.setattr("truepremia.commands.run.run", orders.append)
    (here / "a.yaml").write_text("firms: 70\n")
    assert main(["run", *words]) == 0
    assert orders[0].arguments()[-1] == "results/bgn_0_manifest.json"


def test_a_file_of_comments_says_nothing(here):
    (here / "a.yaml").write_text("# firms: 70\n")
    (here / "b.yaml").write_text("firms: 70\n")
    arguments = Order(["bgn_0"], configfiles=[Path("a.yaml"), Path("b.yaml")]).arguments()
    assert "a.yaml" not in arguments
    assert arguments[arguments.index("--configfile") + 1] == "b.yaml"
    assert "--configfile" not in Order(configfiles=[Path("a.yaml")]).arguments()


def test_true_and_false_are_said_as_snakemake_understands_them():
    given = Order(config=["keep_panels=false", "yes=true", "results_dir=false_friend"]).arguments()
    assert {"keep_panels=False", "yes=True", "results_dir=false_friend"} <= set(given)


@pytest.mark.parametrize(
    "asked",
    [
        *("-n", "-np", "-pn", "-nF", "--dry-run", "--dryrun", "--list", "-l", "--list-untracked"),
        *("--summary", "-S", "-D", "--lint", "--lint=json", "--unlock", "--dag", "--rulegraph"),
        *("--touch", "-t"),
        *("--version", "--help", "--delete-all-output", "--cleanup-metadata", "--report=x.html"),
    ],
)
def test_what_only_tells_something_tells_it_in_snakemake_s_words(asked):
    arguments = Order(more=[asked]).arguments()
    assert "--logger" not in arguments
    assert "--executor" not in arguments


@pytest.mark.parametrize("asked", ["-F", "-k", "--keep-going", "--notemp", "--nolock"])
def test_what_runs_jobs_is_followed(asked):
    arguments = Order(more=[asked]).arguments()
    assert arguments[arguments.index("--logger") + 1] == "truepremia"


@pytest.mark.parametrize(
    ("asked", "said"), [("-n", "This was a dry-run"), ("--unlock", "Unlocked working directory.")]
)
def test_a_run_that_only_tells_does_not_say_that_there_is_nothing_to_do(here, capfd, asked, said):
    assert run(Order(config=LITTLE, cores="1", more=[asked])) == 0
    output = "".join(capfd.readouterr())
    assert said in output
    assert "nothing to do" not in output
    assert not (here / "out").exists()


def test_a_run_with_nothing_to_do_says_so(here, capfd):
    target = "out/solutions/bgn.npz"
    order = Order([target], config=LITTLE, cores="1")
    assert run(order) == 0
    assert "nothing to do" not in "".join(capfd.readouterr())
    assert run(order) == 0
    assert "nothing to do: every file is there and up to date" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        ("firms: 60\n  months: [\n", "line 2"),
        ("- firms\n", "must be a mapping"),
        ("firms: 1\nfirms: 2\n", "line 2: key 'firms' appears twice"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_named_with_its_line(content, said, here, capsys):
    if content is not None:
        (here / "mine.yaml").write_text(content)
    assert main(["run", "--configfile", "mine.yaml"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("truepremia: error: ") and "mine.yaml: " in line
    assert said in line


@pytest.mark.parametrize("cores", ["0", "-1", "many", "1.5", "²", "٣"])
def test_cores_are_a_number_or_all(cores):
    with pytest.raises(ConfigError, match="--cores"):
        Order(cores=cores).arguments()


@pytest.mark.parametrize("pair", ["firms", "=3", "firms=", "1x=3", "a b=3"])
def test_single_settings_are_pairs(pair):
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        Order(config=[pair]).arguments()


@pytest.mark.parametrize("value", ["#x", " ", "# no value"])
def test_a_value_that_yaml_reads_as_nothing_is_refused(value):
    with pytest.raises(ConfigError, match="as nothing"):
        Order(config=[f"results_dir={value}"]).arguments()


def test_a_file_whose_name_looks_like_an_option_is_a_file(here):
    (here / "-x.yaml").write_text("firms: 60\n")
    assert "./-x.yaml" in Order(configfiles=[Path("-x.yaml")]).arguments()


def test_commands_without_a_run_take_nothing_after_two_dashes(capsys):
    assert main(["show", "x.pkl", "--", "--forceall"]) == 1
    assert "--forceall" in capsys.readouterr().err


# --- what a run shows ---------------------------------------------------------------------------


def event(**fields: object) -> str:
    return MARK + json.dumps(fields)


def test_without_a_terminal_every_finished_job_is_one_plain_line():
    stream = io.StringIO()
    follower = Follower(stream)
    lines = [
        "Using a profile",
        event(event="planned", rules={"simulate_panel": 1, "judge_method": 1, "total": 2}),
        event(
            event="started", job=1, rule="simulate_panel", wildcards={"model": "bgn", "index": "0"}
        ),
        "[simulate_panel bgn 0] month 5 of 100",
        "[simulate_panel bgn 0] simulated 60 firms over 84 months",
        event(event="finished", job=1),
        event(event="progress", done=1, total=2),
        event(
            event="started",
            job=2,
            rule="judge_method",
            wildcards={"model": "bgn", "index": "0", "method": "ipca"},
        ),
        event(event="failed", job=2, rule="judge_method", log=["a.log"]),
        event(event="message", text="Exiting because a job failed", level="ERROR"),
    ]
    for line in lines:
        follower.read(line)
    assert stream.getvalue().splitlines() == [
        "Using a profile",
        "[simulate_panel bgn 0] simulated 60 firms over 84 months",
        "[1 of 2] bgn_0 simulate_panel",
        "truepremia: judge_method bgn 0 ipca failed; its log is a.log",
        "Exiting because a job failed",
    ]
    assert follower.done == 1
    assert "judge_method bgn 0 ipca" in follower.cause()


TRACEBACK = """\
Traceback (most recent call last):
  File "engine.py", line 1, in <module>
    raise ValueError
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "engine.py", line 3, in <module>
FileNotFoundError: [Errno 2] No such file or directory: '/proc/x'
"""
LOGGING = """\
--- Logging error ---
Traceback (most recent call last):
  File "logging.py", line 1, in emit
UnicodeEncodeError: no such letter
Call stack:
  File "engine.py", line 1, in <module>
Message: 'x'
Arguments: ()
"""


@pytest.mark.parametrize("traceback", [TRACEBACK, LOGGING + TRACEBACK], ids=["one", "two"])
def test_a_traceback_is_kept_in_a_file_and_its_last_words_are_said(
    traceback, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stream = io.StringIO()
    follower = Follower(stream)
    for line in f"before\n{traceback}after\n".splitlines():
        follower.read(line)
    assert stream.getvalue() == "before\nafter\n"
    assert "No such file or directory: '/proc/x'" in follower.cause()
    (kept,) = tmp_path.iterdir()
    assert kept.read_text() == traceback


def test_the_engine_s_failure_is_one_line(here, monkeypatch, capfd):
    # The engine imports all plugins that it finds.
    broken = "raise FileNotFoundError(2, 'No such file or directory', 'which')\n"
    (here / "snakemake_executor_plugin_broken").mkdir()
    (here / "snakemake_executor_plugin_broken" / "__init__.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", str(here))
    with pytest.raises(DataError, match=r"No such file or directory: 'which'; all of it is in"):
        run(Order(dry_run=True))
    assert "Traceback" not in capfd.readouterr().err


def test_a_library_s_name_in_the_working_folder_is_no_library(here, capfd):
    for name in ("numpy", "random", "snakemake"):
        (here / f"{name}.py").write_text("raise ImportError('not the library')\n")
    assert run(Order(["bgn_0"], dry_run=True)) == 0
    assert "simulate_panel" in capfd.readouterr().out


def test_the_folder_must_take_the_engine_s_records(here):
    (here / "file").write_text("")
    with pytest.raises(DataError, match=r"engine keeps its records in \.snakemake there: work in"):
        run(Order(dry_run=True), here / "file")
    (here / ".snakemake").symlink_to("nowhere")
    with pytest.raises(DataError, match="is no folder; remove it"):
        run(Order(dry_run=True))


def test_a_folder_that_was_removed_is_said(here, monkeypatch, capsys):
    (here / "gone").mkdir()
    monkeypatch.chdir(here / "gone")
    (here / "gone").rmdir()
    assert main(["run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the folder that you stand in was removed" in line


def record(level: int = logging.INFO, message: str = "", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    made.__dict__.update(fields)
    return made


def test_the_logger_hands_on_what_happens_and_what_is_wrong():
    started = record(event=LogEvent.JOB_INFO, jobid=3, rule_name="solve", wildcards={"model": "x"})
    assert described_event(started) == {
        "event": "started",
        "job": 3,
        "rule": "solve",
        "wildcards": {"model": "x"},
    }
    progress = record(event=LogEvent.PROGRESS, done=1, total=4)
    assert described_event(progress) == {"event": "progress", "done": 1, "total": 4}
    assert described_event(record(message="Building DAG of jobs...")) is None
    assert described_event(record(message=NOTHING_TO_BE_DONE_MSG)) == {"event": "nothing"}
    wrong = described_event(record(logging.ERROR, "no rule makes x"))
    assert wrong is not None
    assert wrong["text"] == "no rule makes x"


# --- before a run -------------------------------------------------------------------------------


def test_the_settings_file_holds_every_default(here, capsys):
    assert main(["init"]) == 0
    written = (here / "config.yaml").read_text()
    defaults = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert yaml.safe_load(written) == {"results_dir": defaults["results_dir"]}
    assert load_overlay(yaml.safe_load(written), ROOT) == load_overlay({}, ROOT)
    keys = re.findall(r"^(?:# )?([a-z_]+):", written, re.MULTILINE)
    assert set(defaults) <= set(keys)
    assert main(["init"]) == 1
    assert "exists" in capsys.readouterr().err
    assert (here / "config.yaml").read_text() == written


@pytest.mark.parametrize("name", ["new\nline.yaml", "\x1b[31mred.yaml", "\udcff.yaml"], ids=ascii)
def test_the_settings_file_has_a_name_that_can_be_printed(here, name, capsys):
    assert main(["init", name]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "must be a name that can be printed" in line
    assert not list(here.iterdir())


def test_what_to_do_next_is_a_command_whatever_the_name(here, capsys):
    main(["init", "my settings.yaml"])
    assert "--configfile 'my settings.yaml'" in capsys.readouterr().out


def test_every_commented_default_can_be_switched_on_by_itself(here):
    main(["init"])
    lines = (here / "config.yaml").read_text().splitlines()
    assert "# firms: 1000" in lines
    changed = "\n".join(line.replace("# firms: 1000", "firms: 77") for line in lines)
    assert load_overlay(yaml.safe_load(changed), ROOT).size.firms == 77


def test_the_doctor_names_what_is_missing_and_the_remedy(here, monkeypatch, capsys):
    needed = ["numpy>=1", "no-such-package>=3", "numpy>=99", "numpy>=98; python_version < '3'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: needed)
    assert main(["doctor", "--store", "none.sqlite"]) == 1
    said = capsys.readouterr()
    faults = [line for line in said.out.splitlines() if line.startswith("FAULT")]
    assert len(faults) == 3
    assert "no-such-package is missing: pip install 'no-such-package>=3'" in faults[0]
    assert "pip install 'numpy>=99'" in faults[1]
    assert "none.sqlite" in faults[2]
    assert said.err.startswith("truepremia: error: 3 ")


def test_the_doctor_has_no_fault_to_find_where_all_is_well(here, monkeypatch, capsys):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["numpy>=1"])
    assert main(["doctor"]) == 0
    found = capsys.readouterr().out
    for what in ("Python", "packages", "workflow", "cores", "memory", "disk", "SLURM"):
        assert f"ok     {what}: " in found


def test_the_doctor_goes_on_where_a_run_could_not_start(here, monkeypatch, capsys):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["numpy>=1"])
    (here / "results").write_text("")
    monkeypatch.setenv("PATH", str(here))
    assert main(["doctor"]) == 1
    found = capsys.readouterr().out
    for fault in ("configuration: results_dir", "command: bash", "command: which"):
        assert f"FAULT  {fault}" in found
    for what in ("memory", "disk", "SLURM"):
        assert f"ok     {what}: " in found


@pytest.mark.parametrize("where", ["pipe", "folder", "nothing"])
def test_the_doctor_does_not_wait_for_a_store(here, capsys, where):
    os.mkfifo(here / "pipe")
    (here / "folder").mkdir()
    (here / "nothing").mkdir()
    os.mkfifo(here / "folder" / "crsp_monthly.parquet")
    assert main(["doctor", "--store", where]) == 1
    said = "but a folder, and it has no crsp" if where == "nothing" else "it is a named pipe"
    assert said in capsys.readouterr().out


def test_the_doctor_says_what_the_default_panels_take_of_the_disk(here, monkeypatch):
    config = load_overlay({}, ROOT)
    bytes_of_panels = 97 * config.size.firms * config.size.months * len(config.panel_ids())
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**12))
    enough = doctor._disk(config, here)
    assert not enough.fault
    most = int(enough.said.split("up to ")[1].split(" MB")[0].replace(",", ""))
    assert most * 10**6 > bytes_of_panels
    for free, fault in ((most * 10**6, False), (most * 10**6 - 1, True)):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda f, n=free: SimpleNamespace(free=n))
        assert doctor._disk(config, here).fault is fault


# --- installed ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_installed_package_runs_in_an_empty_folder_with_a_space_in_its_name(tmp_path):
    wheels, site, folder = tmp_path / "wheels", tmp_path / "site", tmp_path / "my folder"
    folder.mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    settings = {"firms": 30, "months": 30, "burnin": 13, "window": 12, "results_dir": "out"}
    (folder / "small.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "truepremia", "run", "out/panels/bgn_0/panel.parquet"]
    done = subprocess.run(
        [*command, "--cores", "1", "--configfile", "small.yaml"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "panels" / "bgn_0" / "panel.parquet").is_file()
    assert str(site) in done.stderr, "the workflow of the checkout ran"
    assert {p.name for p in folder.iterdir()} <= {"small.yaml", "out", ".snakemake"}


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_command_whose_standard_streams_are_closed_works_all_the_same(here, closed):
    command = [sys.executable, "-m", "truepremia", "init", "mine.yaml"]
    subprocess.run(["sh", "-c", f'exec "$0" "$@" {closed}', *command], check=True)
    assert (here / "mine.yaml").is_file()


def test_an_interrupted_command_says_so_in_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "truepremia: interrupted\n"


SLEEPER = """
import time


class Slow:
    def form(self, known):
        time.sleep(0.4)
        return []
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_a_signal_ends_says_that_it_was_interrupted(here, number):
    """Ctrl-C reaches the whole group of processes, a signal by kill the command alone."""
    (here / "slow.py").write_text(SLEEPER)
    own = ["slow.py:Slow", "--economies", "bgn", "--firms", "20", "--months", "14"]
    with subprocess.Popen(
        [sys.executable, "-m", "truepremia", "judge", *own, "--cores", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        # A test run in the background of a shell ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        said = []
        for line in running.stderr:
            said.append(line)
            if line.startswith("[compute_moments"):
                break
        time.sleep(1)
        if number == signal.SIGINT:
            os.killpg(running.pid, number)
        else:
            running.send_signal(number)
        said += running.stderr.readlines()
    assert running.returncode == 130
    assert said[-1] == f"truepremia: {INTERRUPTED}\n"
    assert not any("the lines above say why" in line for line in said)
