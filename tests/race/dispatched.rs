//! What a fork's run believes of a dispatched one, and what it makes of it.

use testnet_deployer::race::dispatched::{
    Dispatched, Origin, Progress, Wanted, beside, progress_of, wants_judging,
};
use testnet_deployer::race::settle::{AttemptId, Mark, Posted};
use testnet_deployer::race::{Reason, Verdict};

use crate::build::SHA;

const FILE: &str = ".github/workflows/testnet-deployer.yml";
const PAGE: &str = "https://github.com/o/r/actions/runs";

fn wanted() -> Wanted {
    Wanted {
        runs_page: PAGE.to_owned(),
        workflow: FILE.to_owned(),
        refs: vec!["release".to_owned(), "main".to_owned()],
        pull_request: 12,
        head_sha: SHA.to_owned(),
    }
}

#[test]
fn only_a_run_of_this_repository_is_looked_at() {
    for (url, found) in [
        (format!("{PAGE}/7/attempts/2"), true),
        (format!("{PAGE}/7"), false),
        (format!("{PAGE}/7/attempts/2/"), false),
        (format!("{PAGE}/07/attempts/2"), false),
        (format!("{PAGE}/7/attempts/+2"), false),
        ("https://github.com/o/other/actions/runs/7/attempts/2".to_owned(), false),
        (format!("https://evil.example/?{PAGE}/7/attempts/2"), false),
        (String::new(), false),
    ] {
        let expected = found.then_some(AttemptId { run: 7, attempt: 2 });
        assert_eq!(wanted().attempt_behind(&url), expected, "{url}");
    }
}

#[test]
fn only_a_run_that_was_dispatched_for_this_commit_from_the_base_is_believed() {
    let true_one = || Origin {
        event: "workflow_dispatch".to_owned(),
        workflow: FILE.to_owned(),
        started_on: "main".to_owned(),
        started_at: SHA.to_owned(),
        title: format!("testnet-deployer for #12 at {SHA}"),
    };
    type Bend = fn(&mut Origin);
    let cases: [(Bend, bool); 18] = [
        (|_| {}, true),
        (|origin| origin.workflow.push_str("@main"), true),
        (|origin| origin.started_on = "release".to_owned(), true),
        (|origin| origin.title = format!("#12 at {SHA}"), true),
        (|origin| origin.title = origin.title.replace(" at 1", " at A"), false),
        (|origin| origin.event = "pull_request".to_owned(), false),
        (|origin| origin.event.clear(), false),
        (|origin| origin.workflow = ".github/workflows/other.yml".to_owned(), false),
        (|origin| origin.workflow.clear(), false),
        (|origin| origin.started_on = "evil".to_owned(), false),
        (|origin| origin.started_on.clear(), false),
        (|origin| origin.title = format!("x#12 at {SHA}"), false),
        (|origin| origin.title = format!("testnet-deployer for #112 at {SHA}"), false),
        (|origin| origin.title = format!("testnet-deployer for #12 at {}", SHA.replace('1', "2")), false),
        (|origin| origin.title.push_str(" and more"), false),
        (|origin| origin.title = format!("Mention #12 at {SHA} at last"), false),
        (|origin| origin.title = format!("testnet-deployer for #+12 at {SHA}"), false),
        (|origin| origin.title = "testnet-deployer for #12 at ".to_owned(), false),
    ];
    for (bend, believed) in cases {
        let mut origin = true_one();
        bend(&mut origin);
        assert_eq!(wanted().is(&origin), believed, "{origin:?}");
    }
    // Where we do not know what we are, nothing is like us.
    let unknown = Wanted { workflow: String::new(), ..wanted() };
    assert!(!unknown.is(&Origin { workflow: String::new(), ..true_one() }));
    assert!(!Wanted { refs: Vec::new(), ..wanted() }.is(&true_one()));
}

#[test]
fn a_status_is_only_where_to_look() {
    let posted =
        |mark| Posted { id: 1, mark, description: String::new(), target_url: format!("{PAGE}/7/attempts/1") };
    for (mark, judged, progress) in [
        (Some(Mark::Success), true, Progress::Pending),
        (Some(Mark::Pending), false, Progress::Pending),
        (None, false, Progress::Pending),
        (Some(Mark::Failure), false, Progress::Ended),
        (Some(Mark::Error), false, Progress::Ended),
    ] {
        assert_eq!(
            (wants_judging(&posted(mark)), progress_of(&posted(mark))),
            (judged, progress),
            "{mark:?}"
        );
    }
}

#[test]
fn our_own_verdict_beside_a_dispatched_run_for_every_pair() {
    let won =
        || Reason::BranchSucceeded { branch: "testnet".to_owned(), approved_by: vec!["alice".to_owned()] };
    let lost = || Reason::AllRejected { branches: Vec::new(), rejected_by: Vec::new() };
    let void = || Reason::EnvironmentOpen { branch: "null".to_owned(), environment: "null".to_owned() };
    let open = || Reason::AwaitingJobs { branches: Vec::new() };
    let judged = |reason: Reason| Progress::Judged(Box::new(Verdict::unknown(reason)));
    let there = [
        ("pending", Progress::Pending),
        ("won", judged(won())),
        ("open", judged(open())),
        ("lost", judged(lost())),
        ("void", judged(void())),
        ("cancelled", judged(Reason::Cancelled { run: true })),
        ("ended", Progress::Ended),
    ];
    let own = [
        ("won", won()),
        ("void", void()),
        ("run cancelled", Reason::Cancelled { run: true }),
        ("branches cancelled", Reason::Cancelled { run: false }),
        ("lost", lost()),
        ("open", open()),
    ];
    for (own_word, own) in &own {
        for (there_word, there) in &there {
            let keeps = ["won", "void", "run cancelled"].contains(own_word);
            let expected = match *there_word {
                _ if keeps => own.code(),
                "won" => "dispatched-won",
                "pending" | "open" => "awaiting-dispatched",
                _ => own.code(),
            };
            let dispatched = Dispatched { run: 7, url: PAGE.to_owned(), state: there.clone() };
            let verdict = beside(Verdict::unknown(own.clone()), dispatched);
            assert_eq!(verdict.reason.code(), expected, "{own_word} beside {there_word}");
            assert!(
                *own_word == "won" || verdict.reason.winner().is_none(),
                "{own_word} beside {there_word}"
            );
        }
    }
}
