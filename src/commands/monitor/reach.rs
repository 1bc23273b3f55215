//! How the nodes of a policy are reached: straight, with a header, or through SSH.

use std::sync::Arc;

use tokio::sync::Mutex;
use url::Url;

use super::super::deploy::{Setting, way_to};
use super::super::{Context, Failure};
use crate::chain::{Endpoint, Tunnel};
use crate::exit::Exit;
use crate::policy::{Deploy, Host, Monitor, Node};

/// The ways to the nodes, in the policy's order.
pub(super) fn endpoints(
    context: &Context,
    monitor: &Monitor,
    deploy: Option<&Deploy>,
) -> Result<Vec<Endpoint>, Failure> {
    monitor.nodes.iter().map(|node| endpoint(context, node, deploy)).collect()
}

fn endpoint(context: &Context, node: &Node, deploy: Option<&Deploy>) -> Result<Endpoint, Failure> {
    let mut endpoint = Endpoint::at(node.url.clone());
    if let Some(password) = endpoint.password() {
        context.output.mask(&password);
    }
    if let Some(name) = &node.header_env {
        let header = context.runner.secret(name).ok_or_else(|| {
            Failure::new(Exit::Refused, format!("there is no header in the variable {name}"))
                .help("the policy names it as header_env: give it `Name: value`")
        })?;
        mask(context, header.expose());
        endpoint = endpoint
            .with_header(header.expose())
            .map_err(|error| Failure::caused(Exit::Refused, &format!("the variable {name}"), &error))?;
    }
    let Some(via) = &node.via_ssh else { return Ok(endpoint) };
    let missing = || Failure::new(Exit::Invalid, format!("via_ssh: [deploy] has no host `{via}`"));
    let deploy = deploy.ok_or_else(missing)?;
    let host = deploy.hosts.iter().find(|host| host.name == *via).ok_or_else(missing)?;
    let port = Url::parse(&node.url).ok().and_then(|url| url.port_or_known_default());
    let port = port.ok_or_else(|| Failure::new(Exit::Invalid, "a node's URL names no port"))?;
    let setting = Setting::of(context, deploy)?;
    Ok(endpoint.through(tunnel(host.clone(), deploy.clone(), setting, port)))
}

/// Has Actions mask a header's value, and the token at its end.
fn mask(context: &Context, header: &str) {
    let value = header.split_once(':').map_or(header, |(_, value)| value.trim());
    context.output.mask(value);
    if let Some((_, token)) = value.rsplit_once(' ') {
        context.output.mask(token);
    }
}

/// A tunnel through a host. Whoever asks for it again has lost it, so it is made anew:
/// of a dead connection `ssh` itself knows nothing yet.
fn tunnel(host: Host, deploy: Deploy, setting: Setting, port: u16) -> Tunnel {
    let known = Arc::new((host, deploy, setting, Mutex::new(None)));
    Arc::new(move || {
        let known = known.clone();
        Box::pin(async move {
            let (host, deploy, setting, open) = &*known;
            let mut open = open.lock().await;
            *open = None;
            let connection =
                way_to(host, deploy, setting).open_to_forward().await.map_err(|error| error.to_string())?;
            let socket = connection.forward(port).await.map_err(|error| error.to_string())?;
            *open = Some(connection);
            Ok(socket)
        })
    })
}
