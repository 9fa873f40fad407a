//! `up --cluster`: what a production installation has of NATS and MongoDB, on one machine. Kill any process by its id and watch play go on;
//! it is started again.

use std::collections::BTreeMap;

use testkit::{Process, mongo::set::ReplicaSet, nats::cluster::NatsCluster};

use crate::run::say;

/// Gone on drop. The single servers that every platform starts run beside it, unused.
pub(super) struct Cluster {
    nats: NatsCluster,
    mongo: ReplicaSet,
}

impl Cluster {
    pub(super) async fn start() -> anyhow::Result<Self> {
        say("starting three nats-servers and three mongods ...");
        let (nats, mongo) = tokio::try_join!(NatsCluster::start(), ReplicaSet::start())?;
        let cluster = Self { nats, mongo };
        for (name, pid) in cluster.members() {
            say(&format!("{name:>17} | process id {pid}"));
        }
        Ok(cluster)
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.nats.nodes.iter().map(|node| node.process()).chain(self.mongo.members.iter().map(|member| &member.process))
    }

    /// Name and process id of each.
    pub(super) fn members(&self) -> BTreeMap<String, u32> {
        let nats = self.nats.nodes.iter().enumerate().map(|(index, node)| (format!("nats-{index}"), node.process()));
        let mongo = self.mongo.members.iter().enumerate().map(|(index, member)| (format!("mongod-{index}"), &member.process));
        nats.chain(mongo).filter_map(|(name, process)| Some((name, process.pid()?))).collect()
    }

    /// For all services.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        vec![("NATS__STREAMS__REPLICAS".to_owned(), "3".to_owned())]
    }

    pub(super) fn nats_url(&self) -> String {
        self.nats.urls()
    }

    pub(super) fn mongo_uri(&self) -> String {
        self.mongo.uri()
    }
}
