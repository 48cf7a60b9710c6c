//! Several processes serve from one data folder, under load, and any of them is killed with -9 at any moment: what was acknowledged at one
//! and told again at another is there once, the others go on, and a small balance is spent to the last impression and never below zero.
//!
//! `PMPX_SEED=n` draws the same moments again, `PMPX_LONG=1` kills 120 times, `PMPX_ROUNDS=n` makes any number of rounds.

use std::net::SocketAddr;
use std::path::Path;

use http_body_util::Full;
use pmpx::clock::UnixMillis;

use super::*;
use crate::harness::{auction, proved, start_node, top};

/// Rounds in the suite that always runs, and in the long one; two of the nodes are killed in each, then all.
const ROUNDS: (usize, usize) = (3, 40);
const NODES: [u16; 3] = [1, 2, 3];
/// Media that are served at once by each node.
const MEDIA: usize = 3;
/// What the buyer of `PD-2026-PAOPAO` has: a hundred impressions and some.
const BALANCE: &str = "6.23";
const PRICE: i64 = 62_000;

#[test]
fn r_prepay_processes_on_one_data_folder_survive_kill_9() {
    let seed = told("PMPX_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let usual = if std::env::var("PMPX_LONG").is_ok_and(|it| it == "1") { ROUNDS.1 } else { ROUNDS.0 };
    let rounds = told("PMPX_ROUNDS").unwrap_or(usual);
    println!("PMPX_SEED={seed} PMPX_ROUNDS={rounds}");
    let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
    valid_for_ever(config.path());
    let balance = json!({"amount": BALANCE, "reference": "small"});
    patch::apply(config.path(), &json!({"buyers.toml": {"buyer": {"account=80010003": {"opening_balance": balance}}}}));
    let dsps = start_dsps(config.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut company = Company { config: config.path(), data: data.path(), runtime, told: Arc::default() };
    let mut chance = Chance::seeded(seed);
    let mut before = 0;
    for round in 0..rounds {
        company.round(&mut chance);
        let posted = reopen::proved_after_kill(data.path(), &company.told, &NODES);
        println!("round {round}: {:?}, {posted} posted so far", company.told.count());
        assert!(posted > before, "the journal has lost rows");
        before = posted;
    }
    company.spend_the_rest();
    drop(dsps);
}

struct Company<'c> {
    config: &'c Path,
    data: &'c Path,
    runtime: Runtime,
    told: Arc<Told>,
}

/// One of the processes, and the media that it serves.
struct Member {
    node: u16,
    server: Server,
    address: SocketAddr,
    media: tokio::task::JoinSet<()>,
}

impl Company<'_> {
    /// All nodes are started at once and serve; two are killed in turn, and each is started again while the others serve; at last all are
    /// killed.
    fn round(&mut self, chance: &mut Chance) {
        let started: Vec<_> = NODES.iter().map(|node| (*node, self.spawn(*node))).collect();
        let mut members: Vec<_> =
            started.into_iter().map(|(node, (server, address))| self.serve(node, server, address)).collect();
        for _ in 0..2 {
            self.wait(Duration::from_micros(u64::from(chance.below(300_000)) + 20_000));
            let mut victim = members.remove(chance.below(members.len() as u32) as usize);
            self.kill(&mut victim);
            let acknowledged = self.told.count().acknowledged;
            self.runtime.block_on(async {
                let more = async {
                    while self.told.count().acknowledged <= acknowledged {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                };
                tokio::time::timeout(PATIENCE, more).await.expect("the others go on");
            });
            let (server, address) = self.spawn(victim.node);
            members.push(self.serve(victim.node, server, address));
        }
        self.wait(Duration::from_micros(u64::from(chance.below(100_000))));
        members.iter_mut().for_each(|member| self.kill(member));
    }

    fn spawn(&self, node: u16) -> (Server, SocketAddr) {
        let (server, address, _) = spawn_with(self.config, self.data, "error", &["--node", &node.to_string()]);
        (server, address)
    }

    /// Media come once it is ready; they first tell it what was told to any other.
    fn serve(&self, node: u16, mut server: Server, address: SocketAddr) -> Member {
        wait_until_ready(&self.runtime, &mut server, address);
        let (client, mut media) = (client_of(address), tokio::task::JoinSet::new());
        let _inside = self.runtime.enter();
        for number in 0..MEDIA {
            media.spawn_on(media::display(client.clone(), number, self.told.clone()), self.runtime.handle());
        }
        media.spawn_on(media::tell_again(client, self.told.clone()), self.runtime.handle());
        Member { node, server, address, media }
    }

    fn wait(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    fn kill(&self, member: &mut Member) {
        member.server.0.kill().unwrap();
        member.server.0.wait().unwrap();
        let media = std::mem::take(&mut member.media);
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, media.join_all()).await });
        assert!(ended.is_ok(), "the media of {} end when it is gone", member.address);
    }

    /// A day later every token of the killed processes is dead and their leases are back. Two nodes spend what is left of the small balance:
    /// to the last impression, whichever of them holds its parts.
    fn spend_the_rest(&self) {
        let clock = Clock::manual(UnixMillis(Clock::system().now().0 + 86_400_000));
        let nodes = [1, 2].map(|node| start_node(self.config, self.data, &clock, Some(node)));
        let clients = nodes.each_ref().map(|node| client_of(node.address()));
        let mut in_vain = 0;
        for turn in 0.. {
            let client = &clients[turn % 2];
            let won = self.runtime.block_on(async {
                let request = auction("citypages").body(Full::new(top().to_string().into())).unwrap();
                let answer = client.send(request).await.unwrap();
                if answer.status != 200 {
                    return false;
                }
                let body = crate::harness::parsed(&answer);
                let bid = &body["seatbid"][0]["bid"][0];
                let burl = bid["burl"].as_str().unwrap();
                let path = burl.find("/n/bill/").map(|start| &burl[start..]).unwrap();
                // Any node bills what another has won.
                assert_eq!(clients[(turn + 1) % 2].get(path).await.unwrap().status, 200);
                bid["dealid"] == "PD-2026-PAOPAO"
            });
            in_vain = if won { 0 } else { in_vain + 1 };
            if in_vain > 60 {
                break;
            }
            if !won {
                // Leases are tended five times a second, and a source that is short once a second of the node's time.
                clock.set(clock.now().plus_ms(600));
                self.wait(Duration::from_millis(40));
            }
        }
        let buyer = nodes[0].exchange().market.load().buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        for node in nodes {
            node.stop(Duration::ZERO);
        }
        proved(self.data);
        let store = pmpx::store::SqliteReader::open(self.data).unwrap();
        let rows = pmpx::event::Books::charges(&store, 0, u32::MAX).unwrap();
        let spent: i64 = rows.iter().filter(|row| row.buyer == buyer && row.is_posted()).map(|row| row.amount.0).sum();
        assert_eq!(spent, 100 * PRICE, "of ¥{BALANCE} at {PRICE} micro-yuan each, to the last impression");
    }
}
