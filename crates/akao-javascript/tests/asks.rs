//! Questions to the host from a script: as many as it wants, and not too many at a time.

#[path = "support/mod.rs"]
mod support;

use akao_javascript::{Answer, Host, run};
use akao_node::{Failure, Level, Map, Value, json};
use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Answers every `fetch` on a thread of its own, and counts how many are under way.
#[derive(Default)]
struct Answers {
    now: Arc<AtomicUsize>,
    most: AtomicUsize,
}

impl Host for Answers {
    fn log(&self, _: Level, _: &str) {}

    fn progress(&self, _: Option<f64>, _: &str) {}

    fn is_cancelled(&self) -> bool {
        false
    }

    fn ask(&self, _: &str, params: Value, answer: Answer) -> Result<(), Failure> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let counter = Arc::clone(&self.now);
        thread::spawn(move || {
            counter.fetch_sub(1, Ordering::SeqCst);
            answer(Ok(json!({"status": 200, "headers": [], "text": params["url"], "url": params["url"]})));
        });
        Ok(())
    }
}

#[test]
fn many_fetches_at_once_wait_for_each_other() {
    let host = Rc::new(Answers::default());
    let script = "const urls = Array.from({ length: 200 }, (_, n) => `http://a.example/${n}`);
        const all = await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
        return all.every((text, n) => text === urls[n]);";
    let result = run(script, &Map::new(), support::limits(256_000_000, Duration::from_secs(20)), host.clone());
    assert_eq!(result.map_err(|failure| failure.message), Ok(json!(true)));
    assert!(host.most.load(Ordering::SeqCst) <= 8, "{:?} were under way", host.most);
}

#[test]
fn more_than_a_thousand_at_once_are_a_mistake() {
    let script = "const all = Array.from({ length: 1001 }, () => fetch('http://a.example/'));
        return Promise.allSettled(all).then((all) => all.filter((one) => one.status === 'rejected').map((one) => one.reason.message));";
    let result =
        run(script, &Map::new(), support::limits(256_000_000, Duration::from_secs(20)), Rc::new(Answers::default()));
    let told = result.map_err(|failure| failure.message).unwrap();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert!(told[0].as_str().is_some_and(|text| text.contains("more than 1000 answers")), "{told}");
}
