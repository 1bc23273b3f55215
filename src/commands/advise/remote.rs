//! The change of a pull request, read by the API with as few requests as will do.

use crate::cli::Advise;
use crate::config::Settings;
use crate::criteria::{
    Advised, Change, ChangedFile, Content, Manifest, Text, advise, asks_for_people, contents_wanted, wanted,
};
use crate::exit::Exit;
use crate::github::{ApiError, Client, Event, LISTED_BY_COMPARISON, ListedFile};
use crate::policy::Criteria;
use crate::report::advice::About;

use super::super::change::event_of;
use super::super::connect::{client, failed};
use super::super::{Context, Failure, policy_source};

/// How many of Cargo's files are read, each on both sides, and how many files are
/// compared by their content.
const MOST_MANIFESTS: usize = 100;
const MOST_CONTENTS: usize = 20;

/// The change that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Subject {
    pub(in super::super) pull_request: Option<u64>,
    /// Where it is to be merged: whose policy is in force.
    pub(in super::super) base_sha: String,
    pub(in super::super) head_sha: String,
    pub(in super::super) from_fork: bool,
    /// Only a part of the pull request: its own list of files says nothing of it.
    pub(in super::super) is_part: bool,
}

impl Subject {
    /// The change that an event is about, where it names both sides.
    pub(in super::super) fn of(event: &Event) -> Option<Self> {
        Some(Self {
            pull_request: event.pull_request,
            base_sha: event.base_sha.clone()?,
            head_sha: event.head_sha.clone()?,
            from_fork: event.from_fork,
            is_part: false,
        })
    }
}

/// What the arguments, or the event of this run, are about.
pub(super) async fn subject(arguments: &Advise, context: &Context) -> Result<(Client, Subject), Failure> {
    let event = if arguments.pr.is_some() { Event::default() } else { event_of(&context.runner)? };
    let Some(number) = arguments.pr.or(event.pull_request) else {
        return Err(Failure::new(Exit::Invalid, "no change is named")
            .help("pass --base REF to look at this checkout, or --pr NUMBER"));
    };
    let mut client = client(context, arguments.repo.as_deref()).await?;
    if let Some(subject) = Subject::of(&event) {
        return Ok((client, subject));
    }
    let pull = client.pull_request(number).await.map_err(|error| failed(&error))?;
    let subject = Subject {
        pull_request: Some(number),
        base_sha: pull.base_sha,
        // Of a dispatched run the commit that its input names.
        head_sha: event.head_sha.unwrap_or(pull.head_sha),
        from_fork: false,
        is_part: false,
    };
    Ok((client, subject))
}

/// The policy in force: the base's, or that of the directory that the caller vouches for.
pub(super) async fn settings(
    context: &Context,
    client: &mut Client,
    subject: &Subject,
) -> Result<Settings, Failure> {
    match &context.shared.policies {
        Some(directory) => context.settings_in(directory, &[]),
        None => Ok(policy_source::at_commit(context, client, &subject.base_sha, &[]).await?),
    }
}

/// What the criteria say of a change.
pub(in super::super) async fn advice_on(
    client: &mut Client,
    criteria: Option<&Criteria>,
    subject: &Subject,
) -> Result<(Advised, About), ApiError> {
    let mut look = Look { client, subject, merge_base: String::new() };
    let change = look.change(criteria).await?;
    let about = About {
        base_sha: look.merge_base,
        head_sha: subject.head_sha.clone(),
        pull_request: subject.pull_request,
    };
    Ok((advise(criteria, &change), about))
}

struct Look<'l> {
    client: &'l mut Client,
    subject: &'l Subject,
    merge_base: String,
}

impl Look<'_> {
    async fn change(&mut self, criteria: Option<&Criteria>) -> Result<Change, ApiError> {
        let Subject { pull_request, base_sha, head_sha, .. } = self.subject;
        let compared = self.client.compare(base_sha, head_sha).await?;
        self.merge_base = compared.merge_base;
        let (mut listed, mut cut) = (compared.files, None);
        if !compared.whole {
            match pull_request.filter(|_| !self.subject.is_part) {
                Some(number) => (listed, cut) = self.pull_files(number).await?,
                None => cut = Some(format!("a comparison lists {LISTED_BY_COMPARISON} files at most")),
            }
        }
        let mut change = Change { cut, ..Change::default() };
        if let Some(criteria) = criteria {
            if let Some(number) = pull_request.filter(|_| asks_for_people(criteria)) {
                let pull = self.client.pull_change(number).await?;
                (change.labels, change.author) = (Some(pull.labels), pull.author);
            }
            self.look_into(criteria, &mut listed).await?;
        }
        change.files = listed.into_iter().map(|listed| listed.file).collect();
        if let Some(criteria) = criteria {
            change.manifests = self.manifests(criteria, &change.files).await?;
        }
        Ok(change)
    }

    /// The pull request's own list, which is longer, and why it may not be all.
    async fn pull_files(&mut self, number: u64) -> Result<(Vec<ListedFile>, Option<String>), ApiError> {
        let (files, whole) = self.client.pull_files(number).await?;
        let pull = self.client.pull_change(number).await?;
        let cut = if !whole {
            Some(format!("GitHub lists the first {} files", files.len()))
        } else if pull.head_sha != self.subject.head_sha {
            // The list is always that of the newest head.
            Some("the pull request has moved on to another commit".to_owned())
        } else if pull.files.is_some_and(|count| count != files.len()) {
            Some(format!("{} of {} files are listed", files.len(), pull.files.unwrap_or_default()))
        } else {
            None
        };
        Ok((files, cut))
    }

    /// Looks whether the content of the files that rules ask for is another.
    async fn look_into(&mut self, criteria: &Criteria, listed: &mut [ListedFile]) -> Result<(), ApiError> {
        let blobs: std::collections::BTreeMap<String, String> = listed
            .iter()
            .filter_map(|listed| Some((listed.file.path.clone(), listed.blob.clone()?)))
            .collect();
        let files = listed.iter_mut().map(|listed| &mut listed.file);
        for file in contents_wanted(criteria, files).into_iter().take(MOST_CONTENTS) {
            let before = file.previous.as_ref().unwrap_or(&file.path);
            let before = self.client.blob_at(before, &self.merge_base).await?;
            if let (Some(before), Some(after)) = (before, blobs.get(&file.path)) {
                file.content = if before == *after { Content::Same } else { Content::Differs };
            }
        }
        Ok(())
    }

    /// Reads Cargo's files on both sides.
    async fn manifests(
        &mut self,
        criteria: &Criteria,
        files: &[ChangedFile],
    ) -> Result<Vec<Manifest>, ApiError> {
        let mut manifests = Vec::new();
        for (position, (before, after)) in wanted(criteria, files).into_iter().enumerate() {
            let mut read = async |path: &Option<String>, commit: &str| match path {
                None => Ok(Text::Absent),
                Some(_) if position >= MOST_MANIFESTS => {
                    Ok(Text::Unreadable(format!("only {MOST_MANIFESTS} are read")))
                }
                Some(path) => match self.client.file_at(path, commit).await {
                    Ok(Some(text)) => Ok(Text::Is(text)),
                    Ok(None) => Ok(Text::Unreadable("it is no file".to_owned())),
                    Err(ApiError::Malformed { message, .. }) => Ok(Text::Unreadable(message)),
                    Err(error) => Err(error),
                },
            };
            let texts = (read(&before, &self.merge_base).await?, read(&after, &self.subject.head_sha).await?);
            manifests.extend(Manifest::of(before, after, texts));
        }
        Ok(manifests)
    }
}
