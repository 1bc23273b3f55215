//! A gate for a repository, from `race init` to a merge queue: what docs/tutorial.md
//! tells, done with the real binary, a real git repository, the workflow that `init`
//! wrote, and a deployment over SSH. The page's output is this test's, to the letter;
//! with `RACE_WRITE=1` it is written into the page.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may fail loudly, and shares files with others"
)]

mod elsewhere;
mod first;
#[path = "../support/openapi.rs"]
mod openapi;
mod page;
mod people;
mod story;

use openapi::Description;
use page::Page;
use story::Story;

#[test]
fn the_tutorial_tells_what_really_happens() {
    let mut story = Story::begin();
    story.bring_the_gate();
    story.set_the_repository_up();
    story.change_some_words();
    story.change_the_core();
    story.queue_it();
    let exchanges = story.workshop.github().exchanges();
    Description::load().assert_holds(&exchanges);
    Page::hold("docs/tutorial.md", &story.told);
}
