//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use loadtest::dsp::Latency;

/// Open-loop load for an OpenRTB exchange. Arrivals follow a schedule that does not slow down when the server does; latency
/// counts from the intended departure; every answer is checked, and what has to be billed is known to the micro-yuan.
///
/// Scripted DSPs answer on the ports of the config. Exit code: 0 = no errors, 1 = errors, 2 = could not run.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub(crate) struct Arguments {
    /// The auction URL of a running exchange
    #[arg(long, default_value = "http://127.0.0.1:8080/openrtb2/auction", value_name = "URL")]
    pub(crate) url: String,
    /// Mean requests a second
    #[arg(long, default_value_t = 1000.0, value_name = "R")]
    pub(crate) rate: f64,
    /// Seconds of load after the warm-up
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    pub(crate) seconds: f64,
    /// Seconds of load before that, checked but not counted
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    pub(crate) warmup: f64,
    /// An iPinYou impression log to replay instead of the embedded sample
    #[arg(long, value_name = "FILE")]
    pub(crate) traffic: Option<PathBuf>,
    /// Keep the log's own timestamps, scaled to the rate, instead of Poisson arrivals
    #[arg(long)]
    pub(crate) replay: bool,
    /// Scripted DSPs to start: the first N of the config, 0 = none; the floor takes any number [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) dsps: Option<usize>,
    /// How long DSPs wait on purpose: 0, 5ms, 5-20ms (even) or ~8ms (log-normal with that median)
    #[arg(long, default_value = "0", value_name = "TIME")]
    pub(crate) dsp_latency: Latency,
    /// Have a DSP of the config misbehave: silent, reset, truncated, malformed, dribbling, oversized or error (HTTP 500); repeatable
    #[arg(long, value_name = "DSP=HOW")]
    pub(crate) misbehave: Vec<String>,
    /// Measure a bare fan-out server in the exchange's place
    #[arg(long, conflicts_with_all = ["serve", "compare"])]
    pub(crate) floor: bool,
    /// Print one JSON object as the last line on stdout, and no other text
    #[arg(long)]
    pub(crate) json: bool,
    /// Start this pmpx binary on free ports with a temporary data folder, measure and stop it
    #[arg(long, value_name = "PATH")]
    pub(crate) serve: Option<PathBuf>,
    /// The config folder
    #[arg(long, default_value = "config", value_name = "DIR")]
    pub(crate) config: PathBuf,
    /// Write an HTML page with the percentile curve and the timeline
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Seed of traffic, DSPs and notices
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Connections to the server at most
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub(crate) connections: usize,
    /// Give a request up after so many milliseconds
    #[arg(long, default_value_t = 1000, value_name = "MS")]
    pub(crate) timeout: u64,
    /// Measure floor and exchange (--serve) in turn and print the ratios
    #[arg(long, requires = "serve")]
    pub(crate) compare: bool,
    /// Find the exchange's (--serve) saturation on one processor, offer it 1, 1.5 and 3 times that from the others, and print
    /// the goodput: answers within 150 ms
    #[arg(long, requires = "serve", conflicts_with = "compare")]
    pub(crate) overload: bool,
    /// Rounds of --compare and --overload; medians are printed
    #[arg(long, default_value_t = 3, value_name = "K")]
    pub(crate) rounds: usize,
    /// Fire no billing notices
    #[arg(long)]
    pub(crate) no_notices: bool,
    /// Have the DSPs' bids ask for no notices; so it always is with --compare and --overload, as the floor sends none
    #[arg(long)]
    pub(crate) no_dsp_notices: bool,
    /// Check answers only against OpenRTB itself: for an exchange that does not know this config
    #[arg(long)]
    pub(crate) generic: bool,
    /// Another request secret of a media, as MEDIA=SECRET [default: demo-MEDIA-secret]
    #[arg(long, value_name = "MEDIA=SECRET")]
    pub(crate) secret: Vec<String>,
    /// Be the floor: ask these DSPs, print the address, end with standard input
    #[arg(long, hide = true, value_delimiter = ',', num_args = 0..)]
    pub(crate) floor_child: Option<Vec<SocketAddr>>,
    /// The floor's DSPs by placement, as TAGID=0+2
    #[arg(long, hide = true)]
    pub(crate) route: Vec<String>,
}
