//! The process as the kernel sees it: CPU, memory, descriptors, threads.
//!
//! Own code instead of the crate's `process` feature, which counts CPU in whole seconds. What
//! can't be read is left out of the page; where there is no `/proc`, that is all of it.

use std::collections::HashMap;
use std::fs;

use prometheus::Error;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// Ticks per second of the times in `/proc/self/stat`: `USER_HZ`, part of Linux's interface and
/// 100 on every machine that this program is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// A series without labels.
struct Series {
    name: &'static str,
    help: &'static str,
}

const CPU: Series = Series {
    name: "process_cpu_seconds_total",
    help: "CPU time, in user space and in the kernel, in seconds.",
};
const RESIDENT: Series =
    Series { name: "process_resident_memory_bytes", help: "Memory in use, in bytes." };
const VIRTUAL: Series =
    Series { name: "process_virtual_memory_bytes", help: "Address space in use, in bytes." };
const OPEN_FDS: Series = Series { name: "process_open_fds", help: "File descriptors open now." };
const MAX_FDS: Series =
    Series { name: "process_max_fds", help: "Most file descriptors that may be open." };
const START: Series = Series {
    name: "process_start_time_seconds",
    help: "When the process began, in seconds since 1970.",
};
const THREADS: Series = Series { name: "process_threads", help: "Threads of the process." };

const ALL: [Series; 7] = [CPU, RESIDENT, VIRTUAL, OPEN_FDS, MAX_FDS, START, THREADS];

/// Reads `/proc` whenever the page is rendered. It keeps no state between pages.
pub(super) struct ProcessCollector {
    descriptions: Vec<Desc>,
}

impl ProcessCollector {
    pub(super) fn new() -> Result<Self, Error> {
        let descriptions = ALL.into_iter().map(|series| {
            Desc::new(series.name.into(), series.help.into(), Vec::new(), HashMap::new())
        });

        Ok(Self { descriptions: descriptions.collect::<Result<_, _>>()? })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stat = read("/proc/self/stat");
        let status = read("/proc/self/status");
        let machine = read("/proc/stat");
        let readings = [
            (CPU, cpu_seconds(&stat)),
            (RESIDENT, bytes(&status, "VmRSS:")),
            (VIRTUAL, bytes(&status, "VmSize:")),
            (OPEN_FDS, open_descriptors()),
            (MAX_FDS, value(&read("/proc/self/limits"), "Max open files")),
            (START, start_seconds(&stat, &machine)),
            (THREADS, value(&status, "Threads:")),
        ];

        readings.into_iter().filter_map(|(series, value)| Some(family(&series, value?))).collect()
    }
}

/// A file of `/proc`; empty if it can't be read, so that its values are not found in it.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// `utime` and `stime`: fields 14 and 15 of `stat` (`man proc_pid_stat`).
fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

/// `starttime`, field 22 of `stat`, counts from the machine's start.
fn start_seconds(stat: &str, machine: &str) -> Option<f64> {
    Some(value(machine, "btime")? + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

/// A field of `stat`, counted from 1 as its manual does. The second, the program's name in
/// parentheses, may itself hold spaces and parentheses; so the count begins behind it.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// The first number behind `key` at the beginning of a line.
fn value(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A size that `status` gives in KiB.
fn bytes(status: &str, key: &str) -> Option<f64> {
    Some(value(status, key)? * 1024.0)
}

fn open_descriptors() -> Option<f64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the descriptor that lists them.
    u32::try_from(entries.saturating_sub(1)).ok().map(f64::from)
}

fn family(series: &Series, value: f64) -> MetricFamily {
    let mut metric = Metric::default();
    let kind = if series.name.ends_with("_total") {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
        MetricType::COUNTER
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        MetricType::GAUGE
    };

    let mut family = MetricFamily::default();
    family.set_name(series.name.into());
    family.set_help(series.help.into());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

#[cfg(test)]
mod tests {
    use super::{bytes, cpu_seconds, start_seconds, value};

    const STAT: &str = "42 (a (b) 7 c) S 1 42 42 0 -1 4194560 900 0 0 0 137 25 0 0 20 0 9 0 \
                        123456 9000 800 18446744073709551615";

    #[test]
    fn cpu_time_has_fractions_of_a_second() {
        assert_eq!(cpu_seconds(STAT), Some(1.62));
    }

    #[test]
    fn the_start_is_counted_from_the_machines_start() {
        assert_eq!(start_seconds(STAT, "cpu 1 2\nbtime 1700000000\n"), Some(1_700_001_234.56));
    }

    #[test]
    fn sizes_are_in_bytes() {
        let status = "Name:\tVmRSS: 7 kB\nVmRSS:\t    2048 kB\nThreads:\t9\n";

        assert_eq!(bytes(status, "VmRSS:"), Some(2_097_152.0));
        assert_eq!(value(status, "Threads:"), Some(9.0));
    }

    #[test]
    fn the_soft_limit_of_descriptors_is_the_one_that_counts() {
        let limits = "Max open files            1024                 524288               files \n";

        assert_eq!(value(limits, "Max open files"), Some(1024.0));
    }

    #[test]
    fn what_cannot_be_read_has_no_value() {
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(start_seconds(STAT, ""), None);
        assert_eq!(bytes("VmRSS: many kB", "VmRSS:"), None);
        assert_eq!(value("Max open files  unlimited", "Max open files"), None);
    }
}
