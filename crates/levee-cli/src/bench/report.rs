//! The result of a bench: the same for producing and reading, for people and for programs.

use super::collector::Tally;
use crate::address::TopicAddress;
use crate::failure::Failure;
use crate::output::{Section, View};
use crate::units;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What was measured.
#[derive(Debug)]
pub(super) struct Report {
    /// `produce` or `consume`.
    pub(super) kind: &'static str,
    /// The topic.
    pub(super) topic: TopicAddress,
    /// What was asked for, for programs.
    pub(super) settings: Map<String, Value>,
    /// What became of the records.
    pub(super) tally: Tally,
    /// Records that the schedule has and nobody sent before its end.
    pub(super) not_sent: u64,
    /// Bytes of the values of the records that were done.
    pub(super) bytes: u64,
    /// From the start to the last record that was done.
    pub(super) elapsed: Duration,
    /// Processor time of this process, of all its threads.
    pub(super) cpu: Duration,
}

impl Report {
    /// The result, or the first failure beside it.
    ///
    /// # Errors
    /// A record failed.
    pub(super) fn finish(mut self) -> Result<View, Failure> {
        let failure = self.tally.first_failure.take();
        let view = self.view();
        match failure {
            None => Ok(view),
            Some(failure) => {
                let failed = self.tally.failed;
                Err(failure.at(format!("{failed} records failed, the first one")).after_part(view))
            }
        }
    }

    fn view(&self) -> View {
        let seconds = self.elapsed.as_secs_f64();
        let per_second = |number: f64| if seconds > 0.0 { number / seconds } else { 0.0 };
        let records_per_s = per_second(self.tally.done as f64);
        let mb_per_s = per_second(self.bytes as f64 / 1e6);
        let cpu_per_gb =
            if self.bytes > 0 { self.cpu.as_secs_f64() / (self.bytes as f64 / 1e9) } else { 0.0 };
        let latency = quantiles(&self.tally.latency);

        let mut fields = vec![
            ("Topic", self.topic.to_string()),
            ("Records", format!("{} in {seconds:.2} s", self.tally.done)),
            ("Failed", self.tally.failed.to_string()),
            ("Throughput", format!("{mb_per_s:.1} MB/s, {records_per_s:.0} records/s")),
        ];
        if self.not_sent > 0 {
            fields.push(("Not sent", format!("{} that the rate asked for", self.not_sent)));
        }
        if let Some(latency) = &latency {
            let shown = latency.map(|(name, ms)| format!("{} {ms}", name.replace('_', ".")));
            fields.push(("Latency (ms)", shown.join("  ")));
        }
        let bytes = units::show_size(self.bytes);
        fields.push((
            "Client CPU",
            format!("{cpu_per_gb:.2} s/GB ({:.2} s for {bytes})", self.cpu.as_secs_f64()),
        ));

        let json = json!({
            "kind": self.kind,
            "topic": self.topic.json(),
            "settings": self.settings,
            "records": self.tally.done,
            "errors": self.tally.failed,
            "not_sent": self.not_sent,
            "bytes": self.bytes,
            "seconds": round(seconds, 1e6),
            "records_per_s": round(records_per_s, 10.0),
            "mb_per_s": round(mb_per_s, 1e3),
            "latency_ms": latency.map(latency_json),
            "client_cpu_seconds": round(self.cpu.as_secs_f64(), 1e6),
        });
        View::of("bench", json).section(Section::Fields(fields))
    }
}

/// Latencies in milliseconds and their names for programs; none when nothing had a latency.
fn quantiles(latency: &Histogram<u64>) -> Option<[(&'static str, f64); 5]> {
    let ms = |micros: u64| micros as f64 / 1e3;
    let at = |quantile| ms(latency.value_at_quantile(quantile));
    let all = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0)];
    (!latency.is_empty()).then(|| all.map(|(name, quantile)| (name, at(quantile).min(ms(latency.max())))))
}

fn latency_json(quantiles: [(&'static str, f64); 5]) -> Map<String, Value> {
    quantiles.into_iter().map(|(name, ms)| (name.to_owned(), json!(ms))).collect()
}

fn round(number: f64, precision: f64) -> f64 {
    (number * precision).round() / precision
}

/// Processor time of this process until now.
pub(super) fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests;
