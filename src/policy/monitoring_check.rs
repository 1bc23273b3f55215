//! What must hold between the values of `[monitor]`.

use std::time::Duration;

use super::check::{Problem, error, warning};
use super::{Deploy, Monitor, Node, Quorum, Watch, WatchRule};

/// Every problem between the values of `monitor`.
pub(super) fn monitoring(monitor: &Monitor, deploy: Option<&Deploy>, problems: &mut Vec<Problem>) {
    if monitor.nodes.is_empty() {
        problems.push(error("monitor.node", "there is no node to ask", "add a [[monitor.node]] with a url"));
    }
    if monitor.target_sessions == 0 {
        problems.push(error(
            "monitor.target_sessions",
            "a soak of no sessions shows nothing",
            "write for example `500`",
        ));
    }
    if monitor.session_length.is_zero() {
        problems.push(error("monitor.session_length", "a session takes time", "write for example `60s`"));
    }
    if let Quorum::Nodes(nodes) = monitor.quorum
        && (nodes == 0 || nodes > monitor.nodes.len())
    {
        problems.push(error(
            "monitor.quorum",
            format!("a quorum of {nodes} cannot be had of {} nodes", monitor.nodes.len()),
            "write `\"majority\"` or a number of the nodes listed",
        ));
    }
    times(monitor, problems);
    stall(monitor, problems);
    expect(monitor, problems);
    for (position, node) in monitor.nodes.iter().enumerate() {
        one_node(position, node, &monitor.nodes[..position], deploy, problems);
    }
    for (position, watch) in monitor.watches.iter().enumerate() {
        one_watch(position, watch, &monitor.watches[..position], problems);
    }
}

fn times(monitor: &Monitor, problems: &mut Vec<Problem>) {
    for (key, value) in [
        ("unmeasured_after", Some(monitor.unmeasured_after)),
        ("unmeasured_total", monitor.unmeasured_total),
        ("max_runtime", monitor.max_runtime),
        ("ready_within", Some(monitor.ready_within)),
    ] {
        if value.is_some_and(|value| value.is_zero()) {
            let key = format!("monitor.{key}");
            problems.push(error(key, "this gives no time at all", "write for example `10m`"));
        }
    }
    if monitor.unmeasured_total.is_some_and(|total| total < monitor.unmeasured_after) {
        problems.push(error(
            "monitor.unmeasured_total",
            "this is less than `unmeasured_after`, which then means nothing",
            "make it the longer one, or leave it out",
        ));
    }
}

fn stall(monitor: &Monitor, problems: &mut Vec<Problem>) {
    let stall = &monitor.stall;
    if monitor.no_session() < monitor.session_length {
        problems.push(error(
            "monitor.stall.no_session",
            "this is shorter than one session, so every soak would fail",
            "leave it out, or make it longer than `session_length`",
        ));
    }
    for (key, value) in [("no_block", stall.no_block), ("no_finality", stall.no_finality)] {
        if value < Duration::from_secs(1) {
            problems.push(error(
                format!("monitor.stall.{key}"),
                "no chain makes blocks that fast",
                "write several times the time of a block, for example `1m`",
            ));
        }
    }
    let Some(learn) = &stall.learn else { return };
    if learn.sessions == 0 {
        problems.push(error(
            "monitor.stall.learn.sessions",
            "nothing can be learnt from no session",
            "write for example `20`",
        ));
    }
    if !learn.factor.is_finite() || learn.factor <= 1.0 {
        problems.push(error(
            "monitor.stall.learn.factor",
            "with this every other session would be too long",
            "write a number above 1, for example `4`",
        ));
    }
    if learn.floor < monitor.session_length {
        problems.push(error(
            "monitor.stall.learn.floor",
            "this is shorter than one session",
            "make it longer than `session_length`",
        ));
    }
}

fn expect(monitor: &Monitor, problems: &mut Vec<Problem>) {
    let expect = &monitor.expect;
    if let Some(text) = &expect.system_version_contains {
        let rest = text.replace("{short_sha}", "").replace("{sha}", "");
        if text.trim().is_empty() {
            problems.push(error(
                "monitor.expect.system_version_contains",
                "every version contains this",
                "write `{short_sha}`, or leave it out",
            ));
        } else if rest.contains(['{', '}']) {
            problems.push(error(
                "monitor.expect.system_version_contains",
                "this has a placeholder that there is not",
                "only `{sha}` and `{short_sha}` are filled in",
            ));
        }
    }
    if expect.runtime_code_hash.as_ref().is_some_and(|hash| hex(hash).is_none_or(|digits| digits != 64)) {
        problems.push(error(
            "monitor.expect.runtime_code_hash",
            "this is no BLAKE2b-256",
            "write `0x` and 64 hexadecimal digits, as `state_getStorageHash` of `:code` gives them",
        ));
    }
    for (key, value) in [("runtime_wasm", &expect.runtime_wasm), ("spec_name", &expect.spec_name)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            problems.push(error(
                format!("monitor.expect.{key}"),
                "this is empty",
                "name it, or leave it out",
            ));
        }
    }
}

fn one_node(
    position: usize,
    node: &Node,
    earlier: &[Node],
    deploy: Option<&Deploy>,
    problems: &mut Vec<Problem>,
) {
    let Some(address) = address(&node.url) else {
        problems.push(error(
            format!("monitor.node.{position}.url"),
            "this is no URL of a node",
            "write for example `ws://127.0.0.1:9944`; `http://` where no WebSocket can be had",
        ));
        return;
    };
    // Behind two hosts the same loopback address is two nodes.
    let the_same = |one: &Node| one.via_ssh == node.via_ssh && self::address(&one.url) == Some(address);
    if earlier.iter().any(the_same) {
        problems.push(error(
            format!("monitor.node.{position}.url"),
            "this node is listed twice, and would have two votes",
            "list each node once",
        ));
    }
    if let Some(name) = &node.name {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(legal) {
            problems.push(error(
                format!("monitor.node.{position}.name"),
                "a node's name is letters, digits, `.`, `_` and `-`",
                "write for example `alice`",
            ));
        }
        if earlier.iter().any(|earlier| earlier.name.as_ref() == Some(name)) {
            problems.push(error(
                format!("monitor.node.{position}.name"),
                format!("two nodes are called `{name}`"),
                "give each a name of its own",
            ));
        }
    }
    if let (Some(host), Some(deploy)) = (&node.via_ssh, deploy)
        && !deploy.hosts.iter().any(|known| known.name == *host)
    {
        problems.push(error(
            format!("monitor.node.{position}.via_ssh"),
            format!("there is no host `{host}`"),
            "write the name of a [[deploy.host]]",
        ));
    }
    let variable = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if node.header_env.as_deref().is_some_and(|name| !variable(name)) {
        problems.push(error(
            format!("monitor.node.{position}.header_env"),
            "this is no name of an environment variable",
            "name the variable here, and keep the header itself in it",
        ));
    }
}

fn one_watch(position: usize, watch: &Watch, earlier: &[Watch], problems: &mut Vec<Problem>) {
    let at = |key: &str| format!("monitor.watch.{position}.{key}");
    let named = |part: &Option<String>| part.as_ref().is_some_and(|part| !part.trim().is_empty());
    if watch.key.is_none() && !(named(&watch.pallet) && named(&watch.item)) {
        problems.push(error(
            at("item"),
            "this does not say what is to be read",
            "write `pallet` and `item`, or the raw `key`",
        ));
    }
    if watch.key.as_ref().is_some_and(|key| hex(key).is_none_or(|digits| digits == 0 || digits % 2 == 1)) {
        problems.push(error(
            at("key"),
            "this is no storage key",
            "write `0x` and an even number of hexadecimal digits",
        ));
    }
    match (watch.rule, watch.grows_at_most) {
        (WatchRule::GrowsAtMost, None) => problems.push(error(
            at("grows_at_most"),
            "the rule `grows-at-most` needs a limit",
            "write by how much it may grow from one session to the next",
        )),
        (WatchRule::GrowsAtMost, Some(_)) | (_, None) => {}
        (rule, Some(_)) => problems.push(warning(
            at("grows_at_most"),
            format!("the rule `{}` has no limit, so this means nothing", rule.word()),
            "leave it out",
        )),
    }
    if watch.consecutive == 0 || watch.total == Some(0) {
        let key = if watch.consecutive == 0 { "consecutive" } else { "total" };
        problems.push(error(at(key), "a rule breaks at least once", "write `1`"));
    }
    if watch.dry_run && watch.critical {
        problems.push(warning(
            at("critical"),
            "a rule that only reports keeps nothing from passing",
            "leave out `critical` or `dry_run`",
        ));
    }
    let label = watch.label();
    if earlier.iter().any(|earlier| earlier.label() == label && earlier.rule == watch.rule) {
        problems.push(error(at("name"), format!("two rules are called `{label}`"), "name them apart"));
    }
}

/// A node's address without what carries its answers, and whether TLS does.
fn address(url: &str) -> Option<(bool, &str)> {
    let (scheme, address) = url.split_once("://").filter(|(_, address)| !address.is_empty())?;
    match scheme {
        "ws" | "http" => Some((false, address)),
        "wss" | "https" => Some((true, address)),
        _ => None,
    }
}

/// How many digits follow on `0x`, where all of them are hexadecimal.
fn hex(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("0x")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits.len())
}

#[cfg(test)]
mod tests;
