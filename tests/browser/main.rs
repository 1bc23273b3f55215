//! The review page in a real browser: reviewed by mouse, by keyboard alone, and
//! without a script. Each test keeps pictures in `target/screenshots`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod driver;
mod forms;
mod rehearsal;

use driver::{Browser, ENTER, SPACE, TAB};
use rehearsal::Rehearsal;

/// A comment that would do harm if it were anything but text.
const HOSTILE: &str =
    "</blockquote><img src=x onerror=\"window.hostile=1\"><script>window.hostile=1</script>&amp;";

/// The page's answer to the one who asks where a job stands.
fn job(name: &str) -> String {
    format!("document.querySelector('[data-job=\"{name}\"]').dataset.state")
}

fn page_of(rehearsal: &Rehearsal) -> Browser {
    let browser = Browser::open();
    browser.go_to(&rehearsal.url);
    // Lost where the page is loaded again.
    browser.run("window.loadedOnce = true;");
    browser.wait_for(&format!("{} === 'In progress'", job("testnet-deployer")));
    browser
}

#[test]
fn a_reviewer_approves_the_testnet_by_mouse() {
    let rehearsal = Rehearsal::begin("--sessions 100");
    let browser = page_of(&rehearsal);
    assert_eq!(browser.read(&job("testnet")), "Waiting");
    assert_eq!(browser.read(&job("null")), "Waiting");
    browser.picture("waiting");
    browser.click("#open-review");
    browser.click("input[name=environment]");
    browser.fill("textarea", "Changes when keys rotate: let it run.");
    browser.picture("review");
    browser.run(&format!(
        "document.addEventListener('submit', () => window.sentAt = performance.now(), true);
         new MutationObserver(() => {{ if ({} !== 'Waiting') window.seenAt ??= performance.now(); }})
           .observe(document.getElementById('graph'), {{subtree: true, childList: true}});",
        job("testnet")
    ));
    browser.click("button[value=approved]");
    browser.wait_for("document.querySelector('progress')?.value > 30");
    assert_eq!(browser.read(&job("testnet")), "In progress");
    assert_eq!(browser.read(&job("null")), "Waiting");
    browser.picture("soak");
    browser.wait_for("document.getElementById('verdict')?.textContent.includes('exit 0, won')");
    browser.wait_for("document.getElementById('connection').textContent.includes('has ended')");
    browser.picture("won");
    assert_eq!(browser.read(&job("testnet")), "Success");
    let inspect = browser.read("document.querySelector('pre').textContent");
    assert!(inspect.as_str().unwrap().contains("approved by alice"), "{inspect}");
    assert_eq!(browser.read("window.loadedOnce"), true, "the page was loaded again");
    let paint = browser.read("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    let update = browser.read("window.seenAt - window.sentAt").as_f64().unwrap();
    eprintln!("first contentful paint: {paint} ms; approval to change: {update} ms");
    assert!(update < 1000.0, "the page took {update} ms to show the approval");
    rehearsal.ends_with(0);
}

#[test]
fn a_reviewer_rejects_and_approves_by_keyboard_alone() {
    let rehearsal = Rehearsal::begin("");
    let browser = page_of(&rehearsal);
    browser.prefer("dark");
    let focused = "document.activeElement.id || document.activeElement.value || document.activeElement.name";
    browser.press(&[TAB]);
    assert_eq!(browser.read(focused), "open-review");
    assert_eq!(
        browser.read("getComputedStyle(document.activeElement).outlineStyle"),
        "solid",
        "no focus is seen"
    );
    // Enter in a box must not decide anything; only the buttons do.
    browser.press(&[ENTER, TAB, SPACE, ENTER]);
    browser.wait_for("document.querySelector('[role=alert]').textContent.includes('approve or reject')");
    assert_eq!(browser.read("document.activeElement.matches('.environment input:checked')"), true);
    browser.press(&[TAB, TAB, "O", "n", "l", "y", " ", "d", "o", "c", "s", TAB]);
    assert_eq!(browser.read(focused), "rejected");
    browser.picture("keyboard-dark");
    browser.press(&[ENTER]);
    browser.wait_for(&format!("{} === 'Rejected'", job("testnet")));
    assert_eq!(browser.read(&job("null")), "Waiting");
    let announced = browser.read("document.querySelector('[aria-live]').textContent");
    assert!(announced.as_str().unwrap().contains("testnet: Rejected"), "{announced}");
    assert_eq!(browser.read(focused), "title", "the focus is lost");
    browser.press(&[TAB, ENTER, TAB, SPACE, TAB, TAB, TAB]);
    assert_eq!(browser.read(focused), "approved");
    browser.press(&[ENTER]);
    browser.wait_for("document.getElementById('verdict')?.textContent.includes('exit 0, won')");
    assert_eq!(browser.read("document.querySelector('blockquote').textContent"), "Only docs");
    assert_eq!(browser.read("window.loadedOnce"), true, "the page was loaded again");
    browser.wait_for("document.getElementById('connection').textContent.includes('has ended')");
    browser.picture("rejected-dark");
    browser.prefer("light");
    browser.picture("rejected");
    rehearsal.ends_with(0);
}

#[test]
fn a_form_without_a_box_is_refused_and_a_hostile_comment_stays_text() {
    let rehearsal = Rehearsal::begin("");
    let browser = page_of(&rehearsal);
    browser.click("#open-review");
    browser.fill("textarea", HOSTILE);
    browser.click("button[value=approved]");
    browser.wait_for("document.querySelector('[role=alert]').textContent.includes('Select at least one')");
    assert_eq!(browser.read("document.querySelector('textarea').value"), HOSTILE);
    for _ in 0..2 {
        browser.click("#open-review");
    }
    for index in [1, 2] {
        browser.click(&format!(".environment:nth-of-type({index}) input"));
    }
    browser.click("button[value=rejected]");
    browser.wait_for("document.getElementById('verdict')?.textContent.includes('exit 11, lost')");
    browser.picture("lost");
    assert_eq!(browser.read("document.querySelector('blockquote').textContent"), HOSTILE);
    assert_eq!(browser.read("window.hostile === undefined && !document.querySelector('img')"), true);
    rehearsal.ends_with(11);
}

/// The page's own form, and its own loading again, in a browser without scripts.
#[test]
fn a_reviewer_without_scripts_rejects_both() {
    let rehearsal = Rehearsal::begin("");
    let browser = Browser::without_scripts();
    browser.go_to(&rehearsal.url);
    assert_eq!(browser.read("document.getElementById('connection')?.textContent ?? ''"), "");
    assert_eq!(browser.read("document.querySelector('noscript a') !== null"), true, "scripts are allowed");
    browser.click("#open-review");
    for index in [1, 2] {
        browser.click(&format!(".environment:nth-of-type({index}) input"));
    }
    browser.fill("textarea", "Neither.");
    browser.picture("without-scripts");
    browser.click("button[value=rejected]");
    // It stays until a browser has shown the ending, which this one asks for by itself.
    rehearsal.ends_with(11);
    let verdict = browser.read("document.getElementById('verdict').textContent");
    assert!(verdict.as_str().unwrap().contains("exit 11, lost"), "{verdict}");
    assert_eq!(browser.read("document.querySelector('blockquote').textContent"), "Neither.");
}

#[test]
fn an_interrupt_is_told_on_the_page() {
    let rehearsal = Rehearsal::begin("");
    let browser = page_of(&rehearsal);
    rehearsal.interrupt();
    browser.wait_for("document.getElementById('verdict')?.textContent.includes('SIGINT')");
    browser.wait_for("document.getElementById('connection').textContent.includes('has ended')");
    rehearsal.ends_with(130);
}
