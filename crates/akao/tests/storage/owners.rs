//! Who owns a data directory: a second process is a client, a silent owner is named, and one that is told to end loses
//! nothing.

use crate::Ground;
use akao_journal::{Journal, OpenError, OpenOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

fn owner(ground: &Ground) -> Pid {
    ground.place.owner().expect("there is an owner")
}

#[test]
fn a_second_process_is_no_engine_and_is_a_client() {
    let ground = Ground::new();
    let id = ground.waits("{}");
    let first = owner(&ground);
    let options = OpenOptions { created_by: "a test".into(), now_ms: 0 };
    match Journal::open(&ground.place.data(), &options) {
        Err(error @ OpenError::Locked { pid, .. }) => {
            assert_eq!(i64::from(pid), i64::from(first.as_raw_nonzero().get()));
            let told = format!("the data directory {} is in use by process {pid}", ground.place.data().display());
            assert_eq!(error.to_string(), told);
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two engines on one data directory"),
    }
    // A process that wants to be the owner has nothing to do.
    assert!(ground.place.spawn(&["owner"]).wait().expect("it ends").success());
    assert_eq!(ground.done(&["run", "hello.yaml"])["status"], "success");
    ground.signal(&id);
    ground.wait_for(&id, "success");
    assert_eq!(owner(&ground), first, "it was the same process all the time");
}

#[test]
fn an_owner_that_does_not_answer_is_named() {
    let ground = Ground::new();
    let id = ground.waits("{}");
    let pid = owner(&ground);
    kill_process(pid, Signal::STOP).expect("it stops");
    for arguments in [&["run", "hello.yaml"][..], &["executions", "signal", &id, "go"]] {
        let (code, kind, message, hint) = ground.refused(arguments);
        let number = pid.as_raw_nonzero();
        assert_eq!((code, kind.as_str()), (1, "locked"), "{message}");
        assert!(message.ends_with(&format!("is in use by process {number}, which does not answer")), "{message}");
        assert!(hint.contains(&format!("kill -CONT {number}")), "{hint}");
    }
    kill_process(pid, Signal::CONT).expect("it goes on");
    ground.signal(&id);
    ground.wait_for(&id, "success");
}

/// Starts an execution that posts to a server, which answers when it is let; returns when the request has arrived. Later
/// requests are told by the channel.
fn posts(ground: &Ground, may_answer: &Arc<AtomicBool>) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (arrived, arrives) = mpsc::channel();
    let may_answer = Arc::clone(may_answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (arrived, may_answer) = (arrived.clone(), Arc::clone(&may_answer));
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = arrived.send(());
                while !may_answer.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            });
        }
    });
    let text = format!(
        "akao: 1\nid: posts\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - {{ type: HttpRequest, id: post, \
         props: {{ method: POST, url: \"http://127.0.0.1:{port}/\" }} }}\n    - {{ type: WaitForSignal, props: {{ \
         signalName: go }} }}\n"
    );
    fs::write(ground.folder().join("posts.yaml"), text).expect("a workflow file");
    let grant = format!("network.http=127.0.0.1:{port}");
    let id = crate::id_of(&ground.done(&["run", "posts.yaml", "--detach", "--grant", &grant]));
    arrives.recv_timeout(Duration::from_secs(20)).expect("the request arrives");
    (id, arrives)
}

#[test]
fn an_owner_that_is_told_to_end_lets_running_steps_end() {
    let ground = Ground::new();
    let may_answer = Arc::default();
    let (id, again) = posts(&ground, &may_answer);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(500));
            may_answer.store(true, Ordering::SeqCst);
        });
        ground.stop();
    });
    assert!(began.elapsed() >= Duration::from_millis(500), "the step ended first: {:?}", began.elapsed());
    // Nobody runs now: what the step gave is in the journal.
    assert_eq!(ground.place.owner(), None);
    let shown = ground.done(&["executions", "show", &id]);
    let step = &shown["steps"][1];
    assert_eq!((&step["id"], &step["status"]), (&"post".into(), &"success".into()), "{shown}");
    ground.signal(&id);
    ground.wait_for(&id, "success");
    assert!(again.try_recv().is_err(), "the request came twice");
}

#[test]
fn a_step_that_outlasts_the_grace_is_not_lost_and_not_run_twice() {
    let ground = Ground::new();
    let (id, again) = posts(&ground, &Arc::default());
    let other = ground.waits("{}");
    let began = Instant::now();
    ground.stop();
    assert!(began.elapsed() < Duration::from_secs(40), "it ends after the grace: {:?}", began.elapsed());
    ground.signal(&other);
    ground.wait_for(&other, "success");
    ground.wait_for(&id, "failure");
    let shown = ground.ask(&["executions", "show", &id]).document;
    assert_eq!(shown["error"]["detail"]["reason"], "outcome_unknown", "{shown}");
    assert!(again.try_recv().is_err(), "the request came twice");
}
