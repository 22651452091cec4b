"""Files of /proc and /sys of made-up machines: a laptop, a Raspberry Pi and a Jetson."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CPU = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
#: Two processors: 100 s of user, 20 of system and 1 of interrupts; 1000 s idle are no work.
STAT = """\
cpu  9000 1000 2000 100000 500 40 60 700 0 0
cpu0 4500 500 1000 50000 250 20 30 350 0 0
cpu1 4500 500 1000 50000 250 20 30 350 0 0
intr 123456
"""
WORK = {
    "proc/loadavg": "1.42 0.90 0.50 3/512 4711\n",
    "proc/uptime": "600.25 1000.00\n",
    "proc/stat": STAT,
    # the name holds what the fields are told apart by
    "proc/self/stat": "4711 (a) b (c) S 1 1 1 0 -1 4194304 90 80 7 6 500 100 40 10 20 0 4 0 999\n",
}
LAPTOP = {
    **WORK,
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\ncpu MHz\t\t: 999.000\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1200000\n",
    f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "1500500\n",
    f"{CPU}/cpu0/cpufreq/scaling_min_freq": "400000\n",
    f"{CPU}/cpu0/cpufreq/scaling_max_freq": "3400000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3400000\n",
    f"{CPU}/cpu1/cpufreq/cpuinfo_max_freq": "3200000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpufreq/policy0/scaling_governor": "not a processor's\n",
    # both processors count the events of their one package
    f"{CPU}/cpu0/topology/physical_package_id": "0\n",
    f"{CPU}/cpu1/topology/physical_package_id": "0\n",
    f"{CPU}/cpu0/thermal_throttle/package_throttle_count": "12\n",
    f"{CPU}/cpu1/thermal_throttle/package_throttle_count": "11\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
    f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "4\n",
    f"{THERMAL}/thermal_zone0/type": "acpitz\n",
    f"{THERMAL}/thermal_zone0/temp": "27800\n",
    f"{THERMAL}/thermal_zone1/type": "x86_pkg_temp\n",
    f"{THERMAL}/thermal_zone1/temp": "71000\n",
    f"{THERMAL}/thermal_zone2/type": "iwlwifi_1\n",  # off: its temperature cannot be read
    f"{THERMAL}/thermal_zone3/type": "INT3400 Thermal\n",
    f"{THERMAL}/thermal_zone3/temp": "-273000\n",
    f"{THERMAL}/cooling_device0/type": "Fan\n",
    f"{THERMAL}/cooling_device0/cur_state": "1\n",
    f"{THERMAL}/cooling_device1/type": "Processor\n",
    f"{THERMAL}/cooling_device1/cur_state": "0\n",
}
PI = {
    **WORK,
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "ondemand\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "61344\n",
}
PI_WORD = "sys/devices/platform/soc/soc:firmware/get_throttled"
ORIN = {
    **WORK,
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit Super\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
    "etc/nvpmodel.conf": """\
# < POWER_MODEL ID=9 NAME=MAXN_ZERO >
< PARAM TYPE=FILE NAME=CPU_ONLINE >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
""",
    "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "729600\n",
    f"{CPU}/cpu0/cpufreq/scaling_min_freq": "729600\n",
    f"{CPU}/cpu0/cpufreq/scaling_max_freq": "1728000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1728000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/class/devfreq/15340000.vic/cur_freq": "115200000\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "918000000\n",
    "sys/class/devfreq/17000000.gpu/available_frequencies": "306000000 612000000 1020000000\n",
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "2\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "48281\n",
    f"{THERMAL}/thermal_zone1/type": "PMIC-Die\n",
    f"{THERMAL}/thermal_zone1/temp": "100000\n",
    f"{THERMAL}/cooling_device0/type": "pwm-fan\n",
    f"{THERMAL}/cooling_device0/cur_state": "3\n",
    f"{THERMAL}/cooling_device1/type": "cpu-throttle-alert\n",
    f"{THERMAL}/cooling_device1/cur_state": "0\n",
    f"{THERMAL}/cooling_device2/type": "cpufreq-cpu0\n",
    f"{THERMAL}/cooling_device2/cur_state": "0\n",
    f"{THERMAL}/cooling_device3/type": "cpufreq-cpu4\n",
    f"{THERMAL}/cooling_device3/cur_state": "0\n",
}
#: A quiet moment of each, so that only what a test changes speaks.
QUIET = {"proc/loadavg": "0.00 0.00 0.00 1/512 4711\n"}


def tree(folder: Path, *files: Mapping[str, str]) -> Path:
    """File system that holds these files, those of a later mapping over those of an earlier."""
    for part in files:
        for name, text in part.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return folder
