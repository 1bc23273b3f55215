//! Frames of JSON-RPC 2.0: requests out, answers and notifications in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A frame from a node.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// The answer to the request of this id.
    Answer { id: u64, result: Result<Value, RpcError> },
    /// A notification of this method, and what it tells.
    Notification { method: String, result: Value },
    /// Valid JSON-RPC that we did not ask for.
    Other,
}

/// A node's own error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node answered with error {code}: {message}")]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
}

/// The text of a request.
pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    #[derive(Serialize)]
    struct Request<'r> {
        jsonrpc: &'static str,
        id: u64,
        method: &'r str,
        params: &'r Value,
    }

    let request = Request { jsonrpc: "2.0", id, method, params };
    // A struct of text and JSON is always JSON.
    serde_json::to_string(&request).unwrap_or_default()
}

/// Reads a text frame.
pub(super) fn read(text: &str) -> Result<Frame, serde_json::Error> {
    #[derive(Deserialize)]
    struct Raw<'r> {
        id: Option<Value>,
        #[serde(borrow)]
        method: Option<Cow<'r, str>>,
        // `"result": null` is an answer, and not the same as no result.
        #[serde(default, deserialize_with = "present")]
        result: Option<Value>,
        error: Option<RawError>,
        params: Option<Params>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Params {
        result: Value,
    }
    #[derive(Deserialize)]
    struct RawError {
        #[serde(default)]
        code: i64,
        #[serde(default)]
        message: String,
    }
    fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }

    let raw: Raw = serde_json::from_str(text)?;
    Ok(match (raw.id.as_ref().and_then(id), raw.method, raw.error, raw.result) {
        (Some(id), None, Some(error), _) => {
            let message = error.message.chars().take(200).collect();
            Frame::Answer { id, result: Err(RpcError { code: error.code, message }) }
        }
        (Some(id), None, None, Some(result)) => Frame::Answer { id, result: Ok(result) },
        (None, Some(method), ..) => {
            let method = method.into_owned();
            Frame::Notification { method, result: raw.params.map(|params| params.result).unwrap_or_default() }
        }
        _ => Frame::Other,
    })
}

/// The id of an answer. We send numbers; some proxies give them back as text.
fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn field_order_and_null_results_do_not_matter() {
        for text in [
            r#"{"jsonrpc":"2.0","id":3,"result":null}"#,
            r#"{"id":3,"jsonrpc":"2.0","result":null}"#,
            r#"{"result":null,"id":3}"#,
        ] {
            assert_eq!(read(text).unwrap(), Frame::Answer { id: 3, result: Ok(Value::Null) });
        }
    }

    #[test]
    fn an_id_may_come_back_as_text() {
        assert_eq!(read(r#"{"id":"3","result":1}"#).unwrap(), Frame::Answer { id: 3, result: Ok(json!(1)) });
    }

    #[test]
    fn errors_are_told_and_cut() {
        let text =
            format!(r#"{{"id":1,"error":{{"code":4003,"message":"{}","data":[1]}}}}"#, "x".repeat(999));
        let Frame::Answer { id: 1, result: Err(error) } = read(&text).unwrap() else { panic!() };
        assert_eq!((error.code, error.message.len()), (4003, 200));
    }

    #[test]
    fn what_is_no_answer_of_ours_is_no_answer() {
        let notification = r#"{"jsonrpc":"2.0","method":"chain_finalizedHead","params":{"subscription":7,"result":{"number":"0x1"}}}"#;
        assert_eq!(
            read(notification).unwrap(),
            Frame::Notification {
                method: "chain_finalizedHead".to_owned(),
                result: json!({"number": "0x1"})
            }
        );
        for text in
            [r#"{"id":null,"error":{"code":-32700}}"#, r#"{"id":"x","result":1}"#, r#"{"id":1}"#, "{}"]
        {
            assert_eq!(read(text).unwrap(), Frame::Other, "{text}");
        }
        assert!(read("[1").is_err() && read("null").is_err());
    }
}
