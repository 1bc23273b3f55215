//! The runner: takes the jobs that GitHub lets run, and executes their steps one
//! after the other.

use std::io::{self, Write as _};
use std::process::ExitStatus;

use serde_json::Value;

use super::execution::{Execution, Run};
use super::needs::{before, needs};
use super::output::annotations;
use super::process::{Ended, Processes};
use super::{Pairs, Step, Work, Workflow, expression};
use crate::rehearsal::stage::Stage;
use crate::rehearsal::staged::Staged;
use crate::rehearsal::world::{Annotation, Conclusion, Status};

/// Runs a workflow's jobs on this machine.
pub(in crate::rehearsal) struct Runner<'a> {
    run: Run<'a>,
    /// The group in which a newer run cancels this one.
    group: Option<String>,
    executions: Vec<Execution>,
    processes: Processes,
    /// The world's numbers of the jobs, in the order in which GitHub got to know them.
    submitted: Vec<u64>,
}

/// A job that ended.
#[derive(Debug)]
pub(in crate::rehearsal) struct Finished {
    pub(in crate::rehearsal) name: String,
    /// How its first process that failed ended, else its last.
    pub(in crate::rehearsal) status: Option<ExitStatus>,
}

impl<'a> Runner<'a> {
    /// Prepares a machine and a token for every job, and gives the run its title.
    ///
    /// # Errors
    ///
    /// When a directory cannot be made, or the title not be told.
    pub(in crate::rehearsal) fn new(
        workflow: &Workflow,
        stage: &'a Stage,
        staged: Staged,
    ) -> io::Result<Self> {
        let mut executions = Vec::new();
        for job in &workflow.jobs {
            staged.admit_job(stage, &job.id, &job.permissions);
            executions.push(Execution::new(job.clone(), &staged)?);
        }
        let event = serde_json::from_slice(&std::fs::read(staged.payload())?)?;
        let run = Run { stage, staged, workflow: workflow.name.clone(), event };
        let title = run.told(workflow.run_name.as_deref()).map_err(io::Error::other)?;
        let group = run.told(workflow.group.as_deref()).map_err(io::Error::other)?;
        if let Some(title) = title {
            stage.github.change(|world, _| world.run_mut(run.staged.id).map(|run| run.title = Some(title)));
        }
        Ok(Self { run, group, executions, processes: Processes::default(), submitted: Vec::new() })
    }

    /// Gives GitHub the jobs whose needs have ended, and takes those that it lets run.
    ///
    /// # Errors
    ///
    /// When an expression names what is not there.
    pub(in crate::rehearsal) fn advance(&mut self) -> io::Result<()> {
        for index in 0..self.executions.len() {
            self.notice_an_ending(index);
            self.submit(index).map_err(|error| self.wrong(index, &error))?;
        }
        for index in 0..self.executions.len() {
            let execution = &self.executions[index];
            let Some(id) = execution.id else { continue };
            let world = &self.run.stage.github;
            if world.read(|world| world.job(id).is_some_and(|job| job.status == Status::Queued)) {
                world.change(|world, now| world.begin(id, now));
                self.go_on(index).map_err(|error| self.wrong(index, &error))?;
            }
        }
        Ok(())
    }

    /// A job that a reviewer rejected ends without having begun, and one whose run is
    /// cancelled wherever it is: then its process is asked to leave.
    fn notice_an_ending(&mut self, index: usize) {
        let execution = &mut self.executions[index];
        let (Some(id), None) = (execution.id, &execution.conclusion) else { return };
        execution.conclusion = self.run.stage.github.read(|world| {
            let job = world.job(id).filter(|job| job.status == Status::Completed);
            job.and_then(|job| job.conclusion.clone())
        });
        if execution.conclusion.is_some() {
            self.processes.interrupt(index);
        }
    }

    fn submit(&mut self, index: usize) -> Result<(), String> {
        let execution = &self.executions[index];
        if execution.id.is_some() {
            return Ok(());
        }
        let Some(needs) = needs(&self.executions, index) else { return Ok(()) };
        let wanted = execution.is_wanted(&self.run, &needs, &before(&self.executions, index))?;
        let (stage, run) = (self.run.stage, self.run.staged.id);
        let (name, environment) = (execution.job.name.clone(), execution.job.environment.clone());
        let id = stage.github.change(|world, now| {
            if wanted {
                world.submit_job(run, &name, environment.as_deref(), now)
            } else {
                world.ended_job(run, &name, None, Conclusion::Skipped, now)
            }
        });
        self.submitted.push(id);
        let execution = &mut self.executions[index];
        execution.id = Some(id);
        if !wanted {
            execution.conclusion = Some(Conclusion::Skipped);
        }
        Ok(())
    }

    /// The next step of the job starts; where there is none more, the job ends.
    fn go_on(&mut self, index: usize) -> Result<Option<Finished>, String> {
        let needs = needs(&self.executions, index).unwrap_or_default();
        let github = &self.run.stage.github;
        loop {
            let execution = &mut self.executions[index];
            let id = execution.id.unwrap_or_default();
            let at = execution.step.map_or(0, |step| step + 1);
            let Some(step) = execution.job.steps.get(at).cloned() else {
                let conclusion = execution.finish(&self.run, &needs)?;
                github.change(|world, now| world.complete(id, conclusion, now));
                let Execution { job, status, .. } = execution;
                return Ok(Some(Finished { name: job.name.clone(), status: *status }));
            };
            execution.step = Some(at);
            execution.log_from = execution.machine.log_length(&self.run.staged);
            let wanted = execution.wants(&step, &self.run, &needs)?;
            github.change(|world, now| world.begin_step(id, &step.name, now));
            if wanted {
                self.start(index, at, &step, &needs)?;
                return Ok(None);
            }
            execution.record(None, &Conclusion::Skipped)?;
            github.change(|world, now| world.end_step(id, Conclusion::Skipped, now));
        }
    }

    /// Starts a step. What cannot be started has ended, with the reason in the log.
    fn start(&mut self, index: usize, at: usize, step: &Step, needs: &Value) -> Result<(), String> {
        let execution = &mut self.executions[index];
        let (env, scope) = execution.prepare(step, &self.run, needs)?;
        let told = match &step.work {
            Work::Run(script) => {
                let script = expression::render(script, &scope)?;
                match execution.spawn(at, &script, env, &self.run) {
                    Ok(child) => {
                        self.processes.follow(index, child);
                        return Ok(());
                    }
                    Err(error) => Err(format!("cannot start a shell: {error}")),
                }
            }
            Work::Uses(action, inputs) => {
                let render = |(name, value): &(String, String)| {
                    expression::render(value, &scope).map(|value| (name.clone(), value))
                };
                let inputs = inputs.iter().map(render).collect::<Result<Vec<_>, _>>()?;
                action.perform(&inputs, &mut execution.machine, &self.run)
            }
        };
        let success = told.is_ok();
        let (line, outputs) = told.unwrap_or_else(|line| (line, Pairs::new()));
        let outputs: String = outputs.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let logged = std::fs::write(execution.machine.output(at), outputs)
            .and_then(|()| execution.machine.open_log(&self.run.staged))
            .and_then(|mut log| writeln!(log, "{line}"));
        logged.map_err(|error| format!("cannot write the log: {error}"))?;
        self.processes.already_ended(index, success);
        Ok(())
    }

    /// The next step that ends; waits for ever where none runs.
    pub(in crate::rehearsal) async fn next(&mut self) -> Ended {
        self.processes.next().await
    }

    /// A step has ended: the next one starts, or the job ends.
    ///
    /// # Errors
    ///
    /// When an expression names what is not there.
    pub(in crate::rehearsal) fn step_ended(&mut self, ended: &Ended) -> io::Result<Option<Finished>> {
        let conclusion = if ended.success { Conclusion::Success } else { Conclusion::Failure };
        let execution = &mut self.executions[ended.job];
        // Cancelled meanwhile: GitHub has its ending already.
        if execution.conclusion.is_some() {
            return Ok(None);
        }
        let recorded = execution.record(ended.status, &conclusion);
        let id = execution.id.unwrap_or_default();
        let noted = annotations(&execution.machine.log_from(&self.run.staged, execution.log_from));
        self.run.stage.github.change(|world, now| {
            for Annotation { level, title, message } in noted {
                world.annotate(id, level, &title, &message, now);
            }
            world.end_step(id, conclusion, now);
        });
        recorded.and_then(|()| self.go_on(ended.job)).map_err(|error| self.wrong(ended.job, &error))
    }

    /// The jobs that GitHub knows, by the world's numbers.
    pub(in crate::rehearsal) fn submitted(&self) -> &[u64] {
        &self.submitted
    }

    /// Whether a job behind an environment has begun.
    pub(in crate::rehearsal) fn has_passed_a_gate(&self) -> bool {
        let begun = |execution: &&Execution| execution.step.is_some();
        self.executions.iter().filter(begun).any(|execution| execution.job.environment.is_some())
    }

    /// Whether a step that calls this program with this subcommand runs now.
    pub(in crate::rehearsal) fn runs(&self, call: &str) -> bool {
        self.executions.iter().any(|execution| {
            let step = execution.step.and_then(|at| execution.job.steps.get(at));
            step.is_some_and(|step| matches!(&step.work, Work::Run(script) if script.contains(call)))
        })
    }

    /// The group in which a newer run cancels this one.
    pub(in crate::rehearsal) fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The run that it runs.
    pub(in crate::rehearsal) fn staged(&self) -> &Staged {
        &self.run.staged
    }

    /// Whether the job of that id has ended, and how.
    pub(in crate::rehearsal) fn ending_of(&self, id: &str) -> Option<&Conclusion> {
        self.executions.iter().find(|execution| execution.job.id == id)?.conclusion.as_ref()
    }

    /// Whether the job of that id is at work.
    pub(in crate::rehearsal) fn is_at_work(&self, id: &str) -> bool {
        let is_it = |execution: &&Execution| execution.job.id == id;
        let found = self.executions.iter().find(is_it);
        found.is_some_and(|execution| execution.step.is_some() && execution.conclusion.is_none())
    }

    /// Whether every job has ended.
    pub(in crate::rehearsal) fn is_over(&self) -> bool {
        self.executions.iter().all(|execution| execution.conclusion.is_some())
    }

    /// Whether any job is at work.
    pub(in crate::rehearsal) fn is_busy(&self) -> bool {
        self.executions.iter().any(|execution| execution.step.is_some() && execution.conclusion.is_none())
    }

    /// The ids of the jobs that failed in one of their steps.
    pub(in crate::rehearsal) fn failed_jobs(&self) -> Vec<&str> {
        let failed = |execution: &&Execution| {
            execution.step.is_some() && execution.conclusion == Some(Conclusion::Failure)
        };
        self.executions.iter().filter(failed).map(|execution| execution.job.id.as_str()).collect()
    }

    /// Ends every process, in order, and keeps the files of this name.
    pub(in crate::rehearsal) async fn stop(&mut self, kept: &[&str]) {
        self.processes.stop().await;
        for (execution, name) in
            self.executions.iter().flat_map(|one| kept.iter().map(move |name| (one, name)))
        {
            // Most jobs write none of them.
            let _ = std::fs::copy(execution.machine.workspace().join(name), self.run.staged.path(name));
        }
    }

    fn wrong(&self, index: usize, error: &str) -> io::Error {
        io::Error::other(format!("job `{}` of the workflow: {error}", self.executions[index].job.id))
    }
}
