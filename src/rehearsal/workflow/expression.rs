//! GitHub's expressions: the part that our workflows use, with GitHub's own rules of
//! truth, equality and text. Everything else is an error.

use github_actions_expressions::call::Function;
use github_actions_expressions::context::Context;
use github_actions_expressions::literal::Literal;
use github_actions_expressions::op::BinOp;
use github_actions_expressions::{Evaluation, Expr, SpannedExpr};
use serde_json::Value;

/// The contexts that are known.
pub const CONTEXTS: [&str; 6] = ["github", "env", "secrets", "steps", "needs", "inputs"];

/// The functions that are known.
pub const FUNCTIONS: [&str; 5] = ["success()", "failure()", "cancelled()", "always()", "format()"];

/// The operators that are known.
pub const OPERATORS: [&str; 5] = ["!", "==", "!=", "&&", "||"];

/// What an expression can see.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The contexts by their names.
    pub(super) contexts: Value,
    /// Whether nothing has failed so far.
    pub(super) success: bool,
    /// Whether something has failed.
    pub(super) failure: bool,
    /// Whether the run is being cancelled.
    pub(super) cancelled: bool,
}

/// Says whether everything in the `${{ }}` of a text is understood.
pub(super) fn check(text: &str) -> Result<(), String> {
    for part in parts(text)? {
        if let Part::Expression(inside) = part {
            understood(&parse(inside)?)?;
        }
    }
    Ok(())
}

/// The same for a condition, which needs no `${{ }}`.
pub(super) fn check_condition(text: &str) -> Result<(), String> {
    understood(&parse(bare(text))?)
}

/// The text with every `${{ }}` replaced by its value.
pub(super) fn render(text: &str, scope: &Scope) -> Result<String, String> {
    let mut rendered = String::with_capacity(text.len());
    for part in parts(text)? {
        match part {
            Part::Text(text) => rendered.push_str(text),
            Part::Expression(inside) => {
                rendered.push_str(&evaluate(&parse(inside)?, scope)?.sema().to_string());
            }
        }
    }
    Ok(rendered)
}

/// Whether the condition holds. One that asks for no status holds only where nothing
/// has failed.
pub(super) fn holds(condition: Option<&str>, scope: &Scope) -> Result<bool, String> {
    let Some(condition) = condition else { return Ok(scope.success) };
    let parsed = parse(bare(condition))?;
    let value = evaluate(&parsed, scope)?.as_boolean();
    Ok(value && (asks_for_status(&parsed) || scope.success))
}

/// A piece of a text.
enum Part<'t> {
    Text(&'t str),
    Expression(&'t str),
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (inside, behind) =
            after.split_once("}}").ok_or_else(|| format!("`{text}`: a `${{{{` is not closed"))?;
        parts.push(Part::Text(before));
        parts.push(Part::Expression(inside));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// A condition without the `${{ }}` around it.
fn bare(condition: &str) -> &str {
    let trimmed = condition.trim();
    trimmed.strip_prefix("${{").and_then(|inside| inside.strip_suffix("}}")).unwrap_or(trimmed)
}

fn parse(text: &str) -> Result<SpannedExpr<'_>, String> {
    Expr::parse(text.trim()).map_err(|error| format!("`{}`: {error}", text.trim()))
}

fn understood(expression: &SpannedExpr<'_>) -> Result<(), String> {
    let unknown = |what: &str| Err(format!("`{}`: {what} is not known here", expression.origin.raw));
    match &expression.inner {
        Expr::Literal(_) => Ok(()),
        Expr::Call(call) => match call.func {
            Function::Success | Function::Failure | Function::Cancelled | Function::Always => Ok(()),
            Function::Format if !call.args.is_empty() => call.args.iter().try_for_each(understood),
            _ => unknown("the function"),
        },
        Expr::Context(context) => match path(context)?.first() {
            Some(root) if CONTEXTS.contains(&root.as_str()) => Ok(()),
            _ => unknown("the context"),
        },
        Expr::BinExpr(both) => match both.op {
            BinOp::And | BinOp::Or | BinOp::Eq | BinOp::Neq => {
                understood(&both.lhs)?;
                understood(&both.rhs)
            }
            _ => unknown("the operator"),
        },
        Expr::UnExpr { expr, .. } => understood(expr),
        _ => unknown("this kind of expression"),
    }
}

fn asks_for_status(expression: &SpannedExpr<'_>) -> bool {
    match &expression.inner {
        Expr::Call(call) => match call.func {
            Function::Format => call.args.iter().any(asks_for_status),
            _ => true,
        },
        Expr::BinExpr(both) => asks_for_status(&both.lhs) || asks_for_status(&both.rhs),
        Expr::UnExpr { expr, .. } => asks_for_status(expr),
        _ => false,
    }
}

fn evaluate(expression: &SpannedExpr<'_>, scope: &Scope) -> Result<Evaluation, String> {
    understood(expression)?;
    Ok(match &expression.inner {
        Expr::Literal(literal) => match literal {
            Literal::Number(number) => Evaluation::Number(*number),
            Literal::String(text) => Evaluation::String(text.to_string()),
            Literal::Boolean(boolean) => Evaluation::Boolean(*boolean),
            Literal::Null => Evaluation::Null,
        },
        Expr::Call(call) if call.func == Function::Format => {
            let texts = call.args.iter().map(|part| Ok(evaluate(part, scope)?.sema().to_string()));
            Evaluation::String(format(&texts.collect::<Result<Vec<_>, String>>()?)?)
        }
        Expr::Call(call) => Evaluation::Boolean(match call.func {
            Function::Always => true,
            Function::Success => scope.success,
            Function::Failure => scope.failure,
            Function::Cancelled => scope.cancelled,
            _ => false,
        }),
        Expr::Context(context) => look_up(&path(context)?, &scope.contexts)?,
        Expr::BinExpr(both) => {
            let left = evaluate(&both.lhs, scope)?;
            match both.op {
                BinOp::And if !left.as_boolean() => left,
                BinOp::Or if left.as_boolean() => left,
                BinOp::And | BinOp::Or => evaluate(&both.rhs, scope)?,
                _ => {
                    let equal = left.sema() == evaluate(&both.rhs, scope)?.sema();
                    Evaluation::Boolean(equal == (both.op == BinOp::Eq))
                }
            }
        }
        Expr::UnExpr { expr, .. } => Evaluation::Boolean(!evaluate(expr, scope)?.as_boolean()),
        _ => return Err(format!("`{}` is not known here", expression.origin.raw)),
    })
}

/// GitHub's `format`: `{0}` is the first value after the text.
fn format(texts: &[String]) -> Result<String, String> {
    let [text, values @ ..] = texts else { return Err("`format` needs a text".to_owned()) };
    let mut formatted = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (number, behind) =
            after.split_once('}').ok_or_else(|| format!("`{text}`: a `{{` is not closed"))?;
        let value = number.parse().ok().and_then(|number: usize| values.get(number));
        formatted.push_str(before);
        formatted.push_str(value.ok_or_else(|| format!("`{text}`: there is no value `{{{number}}}`"))?);
        rest = behind;
    }
    formatted.push_str(rest);
    Ok(formatted)
}

/// The names of a context: `needs['null'].result` is `needs`, `null`, `result`.
fn path(context: &Context<'_>) -> Result<Vec<String>, String> {
    let name = |part: &SpannedExpr<'_>| match &part.inner {
        Expr::Identifier(name) => Ok(name.as_str().to_owned()),
        Expr::Index(index) => match &index.inner {
            Expr::Literal(Literal::String(name)) => Ok(name.to_string()),
            _ => Err(format!("`{}`: only a text is known as an index", index.origin.raw)),
        },
        _ => Err(format!("`{}` is not known in a context", part.origin.raw)),
    };
    context.parts.iter().map(name).collect()
}

/// GitHub answers with nothing where there is nothing. That hides a mistyped name,
/// so here what is named must be there, but where a name depends on something else:
/// an event's payload, the inputs of a dispatched run, the secrets of an environment,
/// a step's outputs, a variable.
fn look_up(path: &[String], contexts: &Value) -> Result<Evaluation, String> {
    let mut value = contexts;
    for (depth, name) in path.iter().enumerate() {
        match value.get(name) {
            Some(found) => value = found,
            None => {
                let open = match path[0].as_str() {
                    "github" => depth > 1 && path[1] == "event",
                    "secrets" | "env" | "inputs" => true,
                    _ => path.get(2).is_some_and(|word| word == "outputs") && depth > 2,
                };
                if open {
                    return Ok(Evaluation::Null);
                }
                return Err(format!("`{}` is not there", path[..=depth].join(".")));
            }
        }
    }
    Evaluation::try_from(value.clone()).map_err(|()| format!("`{}` has no value", path.join(".")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope(success: bool) -> Scope {
        let contexts = json!({
            "github": {"event": {"pull_request": {"number": 12}}, "workflow": "w"},
            "env": {"NAME": "value"},
            "secrets": {},
            "steps": {"one": {"outcome": "success", "outputs": {"verdict": "won"}}},
            "needs": {"null": {"result": "success", "outputs": {}}},
            "inputs": {"sha": "abc"},
        });
        Scope { contexts, success, failure: !success, cancelled: false }
    }

    #[test]
    fn a_text_is_rendered() {
        for (text, rendered) in [
            ("plain", "plain"),
            ("race-${{ github.workflow }}-${{ github.event.pull_request.number }}", "race-w-12"),
            ("${{ needs['null'].result }}", "success"),
            ("${{ steps.one.outputs.verdict }}${{ steps.one.outputs.other }}", "won"),
            ("${{ secrets.KEY }}${{ env.NAME }}", "value"),
            ("${{ github.event.issue.number || 'none' }}", "none"),
            ("${{ inputs.sha && format('{1} at {0}', inputs.sha, github.workflow) || '' }}", "w at abc"),
            ("${{ inputs.other && format('#{0}', inputs.other) || '' }}", ""),
            ("${{ 'It''s' == 'IT''S' && !failure() }}", "true"),
        ] {
            assert_eq!(render(text, &scope(true)).as_deref(), Ok(rendered), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for text in [
            "${{ matrix.os }}",
            "${{ contains('a', 'b') }}",
            "${{ 1 < 2 }}",
            "${{ github.event[github.workflow] }}",
            "${{ github.event.*.number }}",
            "${{ open",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        for text in [
            "${{ github.workflw }}",
            "${{ needs.testnet.result }}",
            "${{ steps.one.result }}",
            "${{ format('{1}', 'a') }}",
            "${{ format('{0', 'a') }}",
        ] {
            assert_eq!(check(text), Ok(()));
            assert!(render(text, &scope(true)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_condition_holds_as_on_github() {
        for (condition, after_success, after_failure) in [
            (None, true, false),
            (Some("always()"), true, true),
            (Some("failure()"), false, true),
            (Some("${{ !cancelled() }}"), true, true),
            (Some("needs['null'].result == 'success'"), true, false),
            (Some("always() && needs['null'].result != 'success'"), false, false),
        ] {
            assert_eq!(holds(condition, &scope(true)), Ok(after_success), "{condition:?}");
            assert_eq!(holds(condition, &scope(false)), Ok(after_failure), "{condition:?}");
        }
    }
}
