//! What finance asks of a data folder that an exchange serves or has served from: statements, records, proofs.

use std::path::Path;
use std::process::{Command, Output};

use pmpx::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{parsed, proved, top};
use crate::process::Process;

fn pmpx(what: &[&str], config: Option<&Path>, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.args(what).arg("--data").arg(data).args(arguments);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.env_remove("PMPX_LOG").output().unwrap()
}

fn statement(config: &Path, data: &Path, arguments: &[&str]) -> Output {
    pmpx(&["statement"], Some(config), data, arguments)
}

#[test]
fn r_statement_what_was_billed_stands_on_the_statement_in_every_format() {
    let mut process = Process::start(&json!({}), &[]);
    let month = Clock::system().now().shanghai_day().month();
    let mut request = Vec::new();
    while request.len() < 3 {
        let answer = process.auction_of("citypages", &top());
        assert_eq!(answer.status, 200);
        let bid = &parsed(&answer)["seatbid"][0]["bid"][0];
        let burl = bid["burl"].as_str().unwrap().to_owned();
        assert_eq!(process.get(&burl).status, 200);
        request.push((bid["dealid"].as_str().unwrap().to_owned(), bid["price"].clone()));
    }
    process.signal();
    assert!(process.ended().success());
    let billed = proved(&process.store()).posted_micro_yuan;

    let (config, data, month) = (process.config(), process.store(), month.to_string());
    let mut found = 0;
    for account in ["80010001", "80010002", "80010003"] {
        let of = ["--month", &month, "--buyer", account];
        let made = statement(config, &data, &[&of[..], &["--format", "json", "--lang", "en"]].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let document: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!((&document["account"], &document["status"]["state"]), (&json!(account), &json!("provisional")));
        for line in document["deals"].as_array().unwrap() {
            found += line["consumption_micro_yuan"].as_i64().unwrap();
            let delivered = request.iter().filter(|(deal, _)| line["deal"] == **deal).count();
            assert_eq!(line["delivered"], json!(delivered), "{line}");
        }
        for format in ["text", "json", "csv", "html", "xlsx"] {
            let of = [&of[..], &["--format", format]].concat();
            let once = statement(config, &data, &of);
            assert!(once.status.success() && once.stdout.len() > 500, "{format}");
            assert_eq!(once.stdout, statement(config, &data, &of).stdout, "{format}");
        }
    }
    assert_eq!(i128::from(found), i128::from(billed));

    let refused = |arguments: &[&str], says: &str| {
        let output = statement(config, &data, arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty() && told.contains(says), "{told}");
    };
    refused(&["--month", &month, "--buyer", "1"], "--buyer 1: no buyer has that ACCOUNT ID");
    refused(&["--month", "2026-13", "--buyer", "80010001"], "is no month; write it like 2026-11");
    refused(&["--month", "9999-12", "--buyer", "80010001"], "9999-12 has not begun");
}

#[test]
fn r_prepay_records_are_entered_beside_a_running_node_and_the_ledger_can_be_made_again() {
    let mut process = Process::start(&json!({}), &[]);
    let (config, data) = (process.config().to_owned(), process.store());
    let enter = |kind: &str, reference: &str, more: &[&str]| {
        let of = [&["--reference", reference, "--actor", "finance"], more].concat();
        let output = pmpx(&["enter", kind], Some(&config), &data, &of);
        let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.success(), told.concat())
    };
    let record = ["--record", r#"{"buyer":"80010003","amount":"1200.50"}"#];
    assert_eq!(enter("top-up", "bank 9", &record), (true, "top-up bank 9: entered\n".to_owned()));
    let again = "top-up bank 9: was entered before, nothing changed\n".to_owned();
    assert_eq!(enter("top-up", "bank 9", &record), (true, again));
    let other = enter("top-up", "bank 9", &["--record", r#"{"buyer":"80010003","amount":"1200.51"}"#]);
    assert!(!other.0 && other.1.contains("was entered before with other contents"), "{}", other.1);
    let table = data.join("figures.csv");
    std::fs::write(&table, "deal,from,until,impressions,monitor\nPD-1,2026-11-01,2026-11-30,x,Nobody\n").unwrap();
    let figures = [r#"{"buyer":"80010003"}"#, &format!("csv={}", table.display())];
    let wrong = enter("monitor-figures", "m 1", &["--record", figures[0], "--attach", figures[1]]);
    assert!(!wrong.0 && wrong.1.contains("R-STATS") && wrong.1.contains("line 2"), "{}", wrong.1);

    let listed = pmpx(&["records"], Some(&config), &data, &["--json", "--buyer", "80010003"]);
    let lines: Vec<Value> =
        String::from_utf8(listed.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["reference"], &lines[0]["actor"]), (&json!("bank 9"), &json!("finance")));
    let answer = parsed(&process.auction_of("citypages", &top()));
    assert_eq!(process.get(answer["seatbid"][0]["bid"][0]["burl"].as_str().unwrap()).status, 200);
    process.signal();
    assert!(process.ended().success());
    proved(&data);
    let made = pmpx(&["ledger", "rebuild"], None, &data, &["--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((&made["ok"], &made["journal"]), (&json!(true), &made["ledger"]));
}
