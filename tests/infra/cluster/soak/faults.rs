//! Whatever may happen to a cluster, at random.

use std::time::Duration;

use super::tally::Tally;
use crate::cluster::kit::Cluster;
use crate::stack::{Fault, Proxy};

/// Does harm, one thing after the other and often two at once.
pub struct Faults<'a> {
    pub cluster: &'a mut Cluster,
    pub tally: &'a Tally,
    pub random: Box<dyn FnMut() -> u64>,
}

/// Harm that lasts until it is taken back.
enum Lasting {
    FrozenWorker(usize),
    FrozenApi(usize),
    StoreCut(Fault),
    DatabaseCut(Fault),
    ClientsCut(Fault),
    StoreDown,
    RedisMasterDown,
    RedisDown,
}

impl Faults<'_> {
    /// One round: something that lasts for a while, something sudden, or the one within the other.
    pub fn round(&mut self) {
        match self.pick(4) {
            0 => self.sudden(),
            1 => self.lasting(|_| ()),
            _ => self.lasting(Self::sudden),
        }
        self.sleep(100, 1500);
    }

    fn pick(&mut self, from: u64) -> u64 {
        ((self.random)() >> 20) % from
    }

    fn sleep(&mut self, least: u64, most: u64) {
        let more = self.pick(most - least);
        std::thread::sleep(Duration::from_millis(least + more));
    }

    /// The first of each kind lives through the whole soak, so that leaks show.
    fn later_one(&mut self, of: usize) -> usize {
        1 + self.pick(of as u64 - 1) as usize
    }

    fn sudden(&mut self) {
        let fault = match self.pick(10) {
            0..4 => {
                let worker = self.later_one(self.cluster.workers.len());
                self.cluster.kill_worker(worker);
                "worker killed"
            }
            4..6 => {
                let api = self.later_one(self.cluster.api.len());
                self.cluster.kill_api(api);
                "API process killed"
            }
            6 => {
                let port = self.cluster.redis.master_port();
                self.cluster.redis.cli(port, &["FLUSHALL"]);
                "Redis emptied"
            }
            7 => {
                self.cluster.postgres.restart_by("INT");
                "PostgreSQL restarted in order"
            }
            8 => {
                self.cluster.postgres.restart_by("QUIT");
                "PostgreSQL restarted at once, recovering from its log"
            }
            _ => {
                let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'anonlink'";
                self.cluster.sql(sql);
                "PostgreSQL connections ended"
            }
        };
        self.tally.add(format!("fault: {fault}"));
    }

    fn lasting(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let fault = match self.pick(12) {
            0..2 => Lasting::FrozenWorker(self.pick(self.cluster.workers.len() as u64) as usize),
            2 => Lasting::FrozenApi(self.pick(self.cluster.api.len() as u64) as usize),
            3..6 => Lasting::StoreCut([Fault::Cut, Fault::Busy, Fault::CutLate][self.pick(3) as usize]),
            6 => Lasting::DatabaseCut([Fault::Cut, Fault::CutLate][self.pick(2) as usize]),
            7..9 => Lasting::ClientsCut([Fault::Cut, Fault::CutLate][self.pick(2) as usize]),
            9 => Lasting::StoreDown,
            10 => Lasting::RedisMasterDown,
            _ => Lasting::RedisDown,
        };
        let (name, least, most) = self.begin(&fault);
        self.tally.add(format!("fault: {name}"));
        self.sleep(least / 2, most / 2);
        match fault {
            // A worker that is killed while it is frozen doesn't wake up: the list of workers would be another one.
            Lasting::FrozenWorker(_) | Lasting::FrozenApi(_) => {}
            _ => meanwhile(self),
        }
        self.sleep(least / 2, most / 2);
        self.end(&fault);
    }

    /// Begins; a name, and how long it is to last in milliseconds.
    fn begin(&mut self, fault: &Lasting) -> (String, u64, u64) {
        let cluster = &mut *self.cluster;
        let (name, least, most) = match fault {
            Lasting::FrozenWorker(worker) => {
                cluster.workers[*worker].signal("STOP");
                ("worker frozen", 300, 7000)
            }
            Lasting::FrozenApi(api) => {
                cluster.api[*api].signal("STOP");
                ("API process frozen", 300, 4000)
            }
            Lasting::StoreCut(how) => {
                cluster.to_minio.set(*how);
                return (format!("object store: connections {how:?}"), 500, 5000);
            }
            Lasting::DatabaseCut(how) => {
                to(&cluster.to_postgres).set(*how);
                return (format!("PostgreSQL: connections {how:?}"), 200, 3000);
            }
            Lasting::ClientsCut(how) => {
                to(&cluster.to_nginx).set(*how);
                return (format!("clients: connections {how:?}"), 200, 2000);
            }
            Lasting::StoreDown => {
                cluster.minio.daemon().kill();
                ("object store killed", 200, 5000)
            }
            Lasting::RedisMasterDown => {
                cluster.redis.kill_master();
                ("Redis master killed", 1000, 6000)
            }
            Lasting::RedisDown => {
                cluster.redis.stop_all();
                ("all of Redis killed", 500, 3000)
            }
        };
        (name.to_owned(), least, most)
    }

    fn end(&mut self, fault: &Lasting) {
        let cluster = &mut *self.cluster;
        match fault {
            Lasting::FrozenWorker(worker) => cluster.workers[*worker].signal("CONT"),
            Lasting::FrozenApi(api) => cluster.api[*api].signal("CONT"),
            Lasting::StoreCut(_) => cluster.to_minio.set(Fault::None),
            Lasting::DatabaseCut(_) => to(&cluster.to_postgres).set(Fault::None),
            Lasting::ClientsCut(_) => to(&cluster.to_nginx).set(Fault::None),
            Lasting::StoreDown => cluster.minio.restart(),
            Lasting::RedisMasterDown | Lasting::RedisDown => cluster.redis.revive(),
        }
    }
}

fn to(proxy: &Option<Proxy>) -> &Proxy {
    proxy.as_ref().expect("a cluster with proxies")
}
