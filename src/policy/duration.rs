//! Durations as the policy writes them: `500ms`, `3s`, `5m`, `5h40m`, `4d20h`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Reads a duration as the policy writes it.
///
/// # Errors
///
/// Says what was read and what is expected, with an example.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("`{text}` is not a duration; write `500ms`, `3s`, `5m` or `5h40m`"))
}

/// Writes a duration as the policy does, without spaces.
#[must_use]
pub fn format(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace("days", "d").replace("day", "d").replace(' ', "")
}

/// Writes a duration for people, cut to whole seconds where it is at least one.
#[must_use]
pub fn rounded(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis())
    } else {
        format(Duration::from_secs(duration.as_secs()))
    }
}

/// For `#[serde(with = "duration")]`.
///
/// # Errors
///
/// Never by itself; passes on the serializer's.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For `#[serde(with = "duration")]`.
///
/// # Errors
///
/// When the text is no duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for a duration that may be left out.
pub mod option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// For `#[serde(with = "duration::option")]`.
    ///
    /// # Errors
    ///
    /// Never by itself; passes on the serializer's.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = "duration::option")]`.
    ///
    /// # Errors
    ///
    /// When the text is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

/// The time from one moment to another; none where it is the other way round.
#[must_use]
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_durations() {
        for text in ["500ms", "3s", "5m", "5h40m", "4d20h", "1d", "0s"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn says_what_is_wrong_and_what_to_write() {
        let error = parse("5 parsecs").unwrap_err();
        assert!(error.contains("`5 parsecs`") && error.contains("5h40m"), "{error}");
    }
}
