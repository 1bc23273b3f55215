//! The dev chain that is watched, in a thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use tokio::sync::oneshot;

/// A running chain.
pub(crate) struct Chain {
    pub(crate) urls: Vec<String>,
    finalized: Arc<Mutex<BTreeMap<u32, Instant>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Chain {
    /// Starts a chain of that many nodes.
    pub(crate) fn start(nodes: usize, block: Duration, blocks_per_session: u32) -> Self {
        let finalized = Arc::<Mutex<BTreeMap<u32, Instant>>>::default();
        let (started, urls) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let moments = finalized.clone();
        let options = DevChainOptions {
            session: block * blocks_per_session,
            blocks_per_session,
            nodes,
            real_hashes: true,
            ..DevChainOptions::default()
        };
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let chain = DevChain::start(options).await.unwrap();
                started.send(chain.urls().collect()).unwrap();
                let mut sessions = chain.finalized();
                let collect = async {
                    while sessions.changed().await.is_ok() {
                        let (session, moment) = *sessions.borrow_and_update();
                        moments.lock().unwrap().insert(session, moment);
                    }
                };
                tokio::select! {
                    () = collect => {}
                    _ = stopped => {}
                }
            });
        });
        Self { urls: urls.recv().unwrap(), finalized, stop: Some(stop), thread: Some(thread) }
    }

    /// The moment just before the first block of that session was finalized.
    pub(crate) fn began(&self, session: u32) -> Option<Instant> {
        self.finalized.lock().unwrap().range(session..).next().map(|(_, moment)| *moment)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
