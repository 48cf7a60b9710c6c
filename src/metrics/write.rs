//! The counts as OpenMetrics text, by the metrics library; names are looked up here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::process::Figures;
use super::{DSP_OUTCOMES, DspCounts, Metrics, NOTICE_KINDS, NoticeOutcome, Outcome, Timing};
use crate::ids::{DspId, MediaId};

/// What the counts need from the market to be written.
pub trait Names: Send + Sync {
    /// A media's id on the wire.
    fn media(&self, id: MediaId) -> Option<String>;
    /// A DSP's id on the wire.
    fn dsp(&self, id: DspId) -> Option<String>;
    /// A DSP's breaker: 0 closed, 1 probing, 2 open.
    fn breaker(&self, id: DspId) -> u8;
    /// The market's generation.
    fn generation(&self) -> u64;
    /// Whether changes of config files are ignored.
    fn pinned(&self) -> bool;
    /// Whether the config folder is refused and something else is served.
    fn folder_refused(&self) -> bool;
    /// Kill switches that are thrown.
    fn suspensions(&self) -> u64;
    /// Counts of deals' stages and causes: at most 1,000 deals, then `other`.
    fn deal_events(&self) -> Vec<(String, &'static str, u64)>;
}

/// The label of requests without a known media. A media of that name is not counted by itself: a series stands once.
const STRANGERS: &str = "unknown";

/// Writes everything as OpenMetrics text.
#[must_use]
pub fn write(metrics: &Arc<Metrics>, names: Arc<dyn Names>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { metrics: metrics.clone(), names }));
    let mut text = String::with_capacity(16_384);
    // Writing to a String does not fail.
    let _ = encode(&mut text, &registry);
    text
}

struct Scrape {
    metrics: Arc<Metrics>,
    names: Arc<dyn Names>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

type Written = fmt::Result;

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Written {
        self.requests(&mut encoder)?;
        self.dsps(&mut encoder)?;
        self.notices(&mut encoder)?;
        let metrics = &*self.metrics;
        let help = "Requests answered without a bid, by reason";
        reasons(&mut encoder, "pmpx_no_bids", help, "reason", metrics.no_bids.iter())?;
        reasons(&mut encoder, "pmpx_clicks", "Clicks by how they were taken", "answer", metrics.clicks.iter())?;
        reasons(&mut encoder, "pmpx_billing_notices", "Billing notices by answer", "answer", metrics.notices.iter())?;
        reasons(&mut encoder, "pmpx_shed", "Requests refused at the door", "at", metrics.shed.iter())?;
        let help = "Creatives that DSPs bid with and nobody has reviewed, by what came of them";
        reasons(&mut encoder, "pmpx_unreviewed_bids", help, "outcome", metrics.unreviewed.iter())?;
        let help = "Requests to the partner API by how they ended";
        reasons(&mut encoder, "pmpx_partner_requests", help, "answer", metrics.partners.iter())?;
        self.landing(&mut encoder)?;
        let billed = ["PDB", "BPG", "PD"].into_iter().zip(metrics.billed_micro_yuan.iter().map(super::Counter::get));
        reasons(&mut encoder, "pmpx_billed_micro_yuan", "Billed amounts in micro-yuan", "method", billed)?;
        let reloads = ["ok", "refused"].into_iter().zip(metrics.reloads.iter().map(super::Counter::get));
        reasons(&mut encoder, "pmpx_reloads", "Reloads of the market", "result", reloads)?;
        timing(&mut encoder, "pmpx_request_seconds", "Arrival to answer", &metrics.request_seconds)?;
        let help = "Arrival to answer, less the time in which only DSPs were waited for";
        timing(&mut encoder, "pmpx_overhead_seconds", help, &metrics.overhead_seconds)?;
        let help = "Duration of one durable commit of the journal";
        timing(&mut encoder, "pmpx_journal_commit_seconds", help, &metrics.journal_commit_seconds)?;
        let names = &self.names;
        let gauges = [
            ("pmpx_market_generation", "Generation of the market", names.generation()),
            ("pmpx_market_pinned", "1 while changes of config files are ignored", names.pinned().into()),
            ("pmpx_config_refused", "1 while the config folder is refused", names.folder_refused().into()),
            ("pmpx_suspensions", "Kill switches that are thrown", names.suspensions()),
        ];
        for (name, help, value) in gauges {
            gauge(&mut encoder, name, help, Some(value))?;
        }
        let help = "How long a request would have waited for its turn on a core, measured while requests come";
        timing(&mut encoder, "pmpx_queue_delay_seconds", help, &metrics.queue_delay_seconds)?;
        let connections = metrics.connections.load(Ordering::Relaxed);
        gauge(&mut encoder, "pmpx_connections", "Open connections of media", Some(connections))?;
        gauge(&mut encoder, "pmpx_in_flight", "Requests and notices in flight", Some(metrics.health.inside()))?;
        process(&mut encoder)?;
        let mut deals = counter(&mut encoder, "pmpx_deal_events", "What happened to deals' opportunities")?;
        for (deal, stage, count) in self.names.deal_events() {
            number(&mut deals, &[("deal", deal.as_str()), ("stage", stage)], count)?;
        }
        Ok(())
    }
}

impl Scrape {
    fn requests(&self, encoder: &mut DescriptorEncoder) -> Written {
        let mut family = counter(encoder, "pmpx_requests", "Requests to the auction")?;
        for (outcome, label) in Outcome::ALL {
            for (media, counts) in self.metrics.requests.touched() {
                let count = counts[outcome as usize].get();
                if let Some(name) = self.names.media(media).filter(|name| count > 0 && name != STRANGERS) {
                    number(&mut family, &[("media", name.as_str()), ("outcome", label)], count)?;
                }
            }
            let strangers = self.metrics.strangers[outcome as usize].get();
            number(&mut family, &[("media", STRANGERS), ("outcome", label)], strangers)?;
        }
        Ok(())
    }

    fn landing(&self, encoder: &mut DescriptorEncoder) -> Written {
        let landing = &self.metrics.landing;
        let help = "What browsers saw of landing pages";
        reasons(encoder, "pmpx_landing_looks", help, "seen", landing.looks.iter())?;
        reasons(encoder, "pmpx_landing_verdicts", "Verdicts on landing pages", "verdict", landing.verdicts.iter())?;
        let help = "Looks at landing pages that could not be scanned for malware";
        number(&mut counter(encoder, "pmpx_landing_unscanned", help)?, &[], landing.unscanned.get())?;
        let help = "Looks at files that the markup of creatives names";
        reasons(encoder, "pmpx_creative_files", help, "seen", landing.files.iter())?;
        let help = "Creatives suspended because a file is not the one that was reviewed";
        number(&mut counter(encoder, "pmpx_creative_files_changed", help)?, &[], landing.files_changed.get())?;
        let help = "By how much the landing page that waits longest for its look is overdue";
        let overdue = landing.overdue_seconds.load(Ordering::Relaxed);
        gauge(encoder, "pmpx_landing_overdue_seconds", help, Some(overdue))?;
        let help = "Landing pages that are other ones, of which no verdict is taken because too many are at once";
        gauge(encoder, "pmpx_landing_held", help, Some(landing.held.load(Ordering::Relaxed)))
    }

    fn notices(&self, encoder: &mut DescriptorEncoder) -> Written {
        let named = |(id, counts)| Some((self.names.dsp(id)?, counts));
        let known: Vec<(String, &DspCounts)> = self.metrics.dsps.touched().filter_map(named).collect();
        let mut family = counter(encoder, "pmpx_dsp_notices", "Notices to DSPs, by kind and outcome")?;
        for (name, counts) in &known {
            for (kind, outcomes) in NOTICE_KINDS.iter().zip(&counts.notices) {
                for ((_, outcome), count) in NoticeOutcome::ALL.iter().zip(outcomes) {
                    let labels = [("dsp", name.as_str()), ("kind", *kind), ("outcome", *outcome)];
                    number(&mut family, &labels, count.get())?;
                }
            }
        }
        let help = "Notices to DSPs that wait to be sent, or are under way";
        let mut family = gauge_family(encoder, "pmpx_dsp_notice_queue", help)?;
        for (name, counts) in &known {
            level(&mut family, name, counts.notice_queue.get())?;
        }
        let help = "Notices to DSPs that failed: tried again, or undelivered until somebody has them sent";
        let mut family = gauge_family(encoder, "pmpx_dsp_kept_notices", help)?;
        for (state, count) in ["retrying", "undelivered"].iter().zip(&self.metrics.notices_owed) {
            let count = i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
            family.encode_family(&[("state", *state)])?.encode_gauge(&count)?;
        }
        let waiting = self.metrics.notices_waiting.load(Ordering::Relaxed);
        let help = "Won bids of which their DSPs will hear when the media tells";
        gauge(encoder, "pmpx_dsp_waiting_notices", help, Some(waiting))?;
        let monitors = self.metrics.monitors.iter();
        reasons(encoder, "pmpx_click_monitors", "Calls of click monitors", "outcome", monitors)
    }

    fn dsps(&self, encoder: &mut DescriptorEncoder) -> Written {
        let named = |(id, counts)| Some((self.names.dsp(id)?, counts, self.names.breaker(id)));
        let known: Vec<_> = self.metrics.dsps.touched().filter_map(named).collect();
        let mut family = counter(encoder, "pmpx_dsp_requests", "Questions to DSPs by outcome")?;
        for (name, counts, _) in &known {
            for (label, count) in DSP_OUTCOMES.iter().zip(&counts.asked) {
                number(&mut family, &[("dsp", name.as_str()), ("outcome", label)], count.get())?;
            }
        }
        let mut family = counter(encoder, "pmpx_bids_rejected", "Bids that did not count, by reason")?;
        for (name, counts, _) in &known {
            for (label, count) in self.metrics.rejections.iter().zip(&counts.rejected) {
                number(&mut family, &[("dsp", name.as_str()), ("reason", label)], count.get())?;
            }
        }
        let mut family = gauge_family(encoder, "pmpx_dsp_breaker", "Breakers: 0 closed, 1 probing, 2 open")?;
        for (name, _, breaker) in &known {
            level(&mut family, name, u64::from(*breaker))?;
        }
        let mut family =
            gauge_family(encoder, "pmpx_dsp_in_flight", "Questions to DSPs that are waited for, late ones too")?;
        for (name, counts, _) in &known {
            level(&mut family, name, counts.in_flight.get())?;
        }
        let mut family = gauge_family(encoder, "pmpx_dsp_connections", "Open connections to DSPs")?;
        for (name, counts, _) in &known {
            level(&mut family, name, counts.connections.get())?;
        }
        let help = "How long DSPs took to answer";
        let mut family = encoder.encode_descriptor("pmpx_dsp_seconds", help, None, MetricType::Histogram)?;
        for (name, counts, _) in &known {
            let (sum, count, buckets) = counts.seconds.read();
            let labels = [("dsp", name.as_str())];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// What the system says of this process, under the names of Prometheus' own clients.
fn process(encoder: &mut DescriptorEncoder) -> Written {
    let figures = Figures::read();
    if let Some(seconds) = figures.cpu_seconds {
        counter(encoder, "process_cpu_seconds", "User and system time of the process")?
            .encode_counter::<NoLabelSet, _, f64>(&seconds, None)?;
    }
    gauge(encoder, "process_resident_memory_bytes", "Resident memory of the process", figures.resident_bytes)?;
    gauge(encoder, "process_open_fds", "Open file descriptors", figures.open_fds)?;
    gauge(encoder, "process_max_fds", "The most file descriptors that may be open", figures.max_fds)?;
    gauge(encoder, "process_threads", "Threads of the process", figures.threads)
}

/// Nothing where the value is not known.
fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: Option<u64>) -> Written {
    let Some(value) = value else { return Ok(()) };
    encoder
        .encode_descriptor(name, help, None, MetricType::Gauge)?
        .encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
}

fn counter<'e>(encoder: &'e mut DescriptorEncoder, name: &'e str, help: &str) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Counter)
}

fn number(family: &mut MetricEncoder<'_>, labels: &[(&str, &str)], count: u64) -> Written {
    family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

fn gauge_family<'e>(
    encoder: &'e mut DescriptorEncoder,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

fn level(family: &mut MetricEncoder<'_>, dsp: &str, level: u64) -> Written {
    family.encode_family(&[("dsp", dsp)])?.encode_gauge(&i64::try_from(level).unwrap_or(i64::MAX))
}

fn reasons<'l>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &str,
    counts: impl Iterator<Item = (&'l str, u64)>,
) -> Written {
    let mut family = counter(encoder, name, help)?;
    for (value, count) in counts {
        number(&mut family, &[(label, value)], count)?;
    }
    Ok(())
}

fn timing(encoder: &mut DescriptorEncoder, name: &str, help: &str, timing: &Timing) -> Written {
    let (sum, count, buckets) = timing.read();
    encoder
        .encode_descriptor(name, help, None, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
