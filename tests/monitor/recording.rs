//! What was recorded of a real node, and what follows from it: the hash of each header,
//! the session and the time of each block.

use std::collections::{BTreeMap, HashMap};

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde_json::{Value, json};

const CURRENT_INDEX: &str = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";
const NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";

/// A frame, as it went over the wire.
pub(crate) enum Frame {
    /// What the client of that time asked.
    Out(Value),
    /// What the node sent, byte for byte, and what that says.
    In(String, Value),
    /// The node closed the connection.
    Close,
}

/// The frames of a recording in `tests/data/recorded`, without pings and without what
/// is no JSON-RPC.
pub(crate) fn frames(name: &str) -> Vec<Frame> {
    let path = format!("{}/tests/data/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let frame = |frame: &Value| {
        let raw = frame["raw"].as_str().unwrap_or_default();
        let value: Value = serde_json::from_str(raw).unwrap_or_default();
        match frame["dir"].as_str().unwrap() {
            "out" if value.is_object() => Some(Frame::Out(value)),
            "in" if value.is_object() => Some(Frame::In(raw.to_owned(), value)),
            "ws-close" => Some(Frame::Close),
            _ => None,
        }
    };
    recording["frames"].as_array().unwrap().iter().filter_map(frame).collect()
}

/// A request, and the answer to it.
pub(crate) struct Answered {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) raw: String,
    pub(crate) answer: Value,
}

/// The requests of a recording that were answered.
pub(crate) fn answered(frames: &[Frame]) -> Vec<Answered> {
    let mut asked = HashMap::new();
    let mut answers = Vec::new();
    for frame in frames {
        match frame {
            Frame::Out(request) => {
                asked.insert(request["id"].to_string(), request);
            }
            Frame::In(raw, answer) => {
                let Some(request) = asked.get(&answer["id"].to_string()) else { continue };
                let Some(method) = request["method"].as_str() else { continue };
                let (method, params) = (method.to_owned(), request["params"].clone());
                answers.push(Answered { method, params, raw: raw.clone(), answer: answer.clone() });
            }
            Frame::Close => {}
        }
    }
    answers
}

/// What recordings of one chain tell together.
#[derive(Default)]
pub(crate) struct Facts {
    /// The text of each header, by its hash.
    headers: HashMap<String, String>,
    hashes: BTreeMap<u64, String>,
    heights: HashMap<String, u64>,
    slots: BTreeMap<u64, u64>,
    /// `Session::CurrentIndex`, where it was told, and from where on.
    index: BTreeMap<u64, Value>,
    /// `Timestamp::Now`, where it was told.
    now: BTreeMap<u64, Value>,
    /// The highest block whose state was discarded.
    discarded: Option<u64>,
    /// How long a slot is, in milliseconds.
    slot_length: u64,
}

impl Facts {
    /// Of recordings of one chain, whose slots are that long.
    pub(crate) fn of(recordings: &[Vec<Frame>], slot_length: u64) -> Self {
        let mut facts = Self { slot_length, ..Self::default() };
        let mut rotations = Vec::new();
        for frame in recordings.iter().flatten() {
            let Frame::In(raw, value) = frame else { continue };
            let method = value["method"].as_str();
            let header = match method {
                Some("chain_newHead" | "chain_finalizedHead") => &value["params"]["result"],
                _ => &value["result"],
            };
            // Asked for a block that it does not know, chopsticks gives a first block with
            // a parent.
            let zero = format!("0x{}", "0".repeat(64));
            let is_real = |parent: &str| header["number"] != "0x00000000" || parent == zero;
            if header["parentHash"].as_str().is_some_and(is_real) {
                facts.take_header(raw, header, &mut rotations);
            }
        }
        let answers: Vec<Answered> = recordings.iter().flat_map(|frames| answered(frames)).collect();
        for Answered { method, params, answer, .. } in &answers {
            if let ("chain_getBlockHash", Some(number), Some(hash)) =
                (&**method, params[0].as_u64(), answer["result"].as_str())
            {
                // Asked for a block that it does not know, chopsticks has another first one
                // from then on.
                if number > 0 || facts.hash(0).is_none() {
                    facts.name(number, hash);
                }
            }
        }
        for frame in recordings.iter().flatten() {
            let Frame::In(_, value) = frame else { continue };
            if value["method"] == "state_storage" {
                facts.take_changes(&value["params"]["result"]);
            } else if value["result"][0]["changes"].is_array() {
                facts.take_changes(&value["result"][0]);
            }
        }
        for Answered { method, params, answer, .. } in &answers {
            if method == "state_getStorage" && answer["error"].is_null() {
                facts.take_changes(&json!({"block": params[1], "changes": [[params[0], answer["result"]]]}));
            }
        }
        // How far a node has discarded state is told of it alone.
        for Answered { method, params, answer, .. } in answered(&recordings[0]) {
            if method == "state_getStorage" && answer["error"].is_object() {
                let height = params[1].as_str().and_then(|hash| facts.heights.get(hash));
                facts.discarded = facts.discarded.max(height.copied());
            }
        }
        facts.take_rotations(rotations);
        facts
    }

    fn take_header(&mut self, raw: &str, header: &Value, rotations: &mut Vec<u64>) {
        let height = u64::from_str_radix(&header["number"].as_str().unwrap()[2..], 16).unwrap();
        let hash = hash(header, height);
        if self.headers.contains_key(&hash) {
            return;
        }
        let begins = raw.find("{\"parentHash\"").unwrap();
        let ends = begins + raw[begins..].find("]}}").unwrap() + 3;
        self.headers.insert(hash.clone(), raw[begins..ends].to_owned());
        self.name(height, &hash);
        if height > 0 {
            self.name(height - 1, header["parentHash"].as_str().unwrap());
        }
        let logs = header["digest"]["logs"].as_array().unwrap().iter().map(|log| log.as_str().unwrap());
        for log in logs {
            if let Some(slot) = log.strip_prefix("0x066175726120") {
                self.slots.insert(height, number(&json!(format!("0x{slot}"))));
            }
            if log.starts_with("0x0457444b47") && !rotations.contains(&height) {
                rotations.push(height);
            }
        }
    }

    /// Every rotation of the DKG's keys is the beginning of a session, only not the very
    /// first one: so they are counted from the last index that was told.
    fn take_rotations(&mut self, mut rotations: Vec<u64>) {
        rotations.sort_unstable();
        let Some((last, index)) = self.index.iter().next_back().map(|(last, told)| (*last, number(told)))
        else {
            return;
        };
        let before = rotations.partition_point(|height| *height <= last) as u64;
        for (height, place) in rotations.into_iter().zip(1..) {
            let index = index + place - before;
            let told = self.index.entry(height).or_insert_with(|| json!(hexadecimal(index, 4)));
            assert_eq!(number(told), index, "block {height}: what follows is what was recorded");
        }
    }

    fn name(&mut self, height: u64, hash: &str) {
        let known = self.hashes.entry(height).or_insert_with(|| hash.to_owned());
        assert_eq!(known, hash, "block {height}: the recordings are of one chain");
        self.heights.insert(hash.to_owned(), height);
    }

    fn take_changes(&mut self, told: &Value) {
        let Some(height) = told["block"].as_str().and_then(|hash| self.heights.get(hash)).copied() else {
            return;
        };
        for change in told["changes"].as_array().unwrap() {
            match change[0].as_str().unwrap() {
                CURRENT_INDEX => drop(self.index.insert(height, change[1].clone())),
                NOW => drop(self.now.insert(height, change[1].clone())),
                _ => {}
            }
        }
    }

    /// The header with this hash, as it was recorded.
    pub(crate) fn header(&self, hash: &str) -> Option<&str> {
        self.headers.get(hash).map(String::as_str)
    }

    pub(crate) fn hash(&self, height: u64) -> Option<&str> {
        self.hashes.get(&height).map(String::as_str)
    }

    pub(crate) fn height(&self, hash: &str) -> Option<u64> {
        self.heights.get(hash).copied()
    }

    pub(crate) fn is_discarded(&self, height: u64) -> bool {
        self.discarded.is_some_and(|discarded| height <= discarded)
    }

    /// What a key has at a block, as far as the recordings tell. Between two blocks of
    /// which the session is known it is that of the first one.
    pub(crate) fn state(&self, key: &str, height: u64) -> Option<Value> {
        match key {
            CURRENT_INDEX => {
                let told = self.index.range(..=height).next_back().or_else(|| self.index.iter().next());
                told.map(|(_, value)| value.clone())
            }
            NOW if height == 0 => Some(json!(hexadecimal(0, 8))),
            NOW => Some(json!(hexadecimal(self.time(height)?, 8))),
            _ => None,
        }
    }

    /// When a block was made, in milliseconds: as it was told, else when its slot began.
    pub(crate) fn time(&self, height: u64) -> Option<u64> {
        if let Some(now) = self.now.get(&height) {
            return Some(number(now));
        }
        let (below, first) = self.slots.range(..=height).next_back()?;
        let (above, last) = self.slots.range(height..).next()?;
        // Where no slot was left out, each block between has its own.
        (last - first == above - below).then(|| (first + height - below) * self.slot_length)
    }
}

/// A number in little-endian order. Nothing stands for 0.
fn number(value: &Value) -> u64 {
    bytes(value.as_str().unwrap_or("0x")).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn hexadecimal(number: u64, length: usize) -> String {
    let bytes = number.to_le_bytes();
    format!("0x{}", bytes[..length].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn bytes(text: &str) -> Vec<u8> {
    let digits = &text[2..];
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The hash of a header: BLAKE2b-256 of its SCALE encoding.
fn hash(header: &Value, height: u64) -> String {
    let compact = |number: u64| match number {
        0..0x40 => vec![u8::try_from(number).unwrap() << 2],
        0x40..0x4000 => u16::try_from(number << 2 | 1).unwrap().to_le_bytes().to_vec(),
        _ => u32::try_from(number << 2 | 2).unwrap().to_le_bytes().to_vec(),
    };
    let field = |name: &str| bytes(header[name].as_str().unwrap());
    let logs = header["digest"]["logs"].as_array().unwrap();
    let mut hasher = Blake2b::<U32>::new();
    hasher.update(field("parentHash"));
    hasher.update(compact(height));
    hasher.update(field("stateRoot"));
    hasher.update(field("extrinsicsRoot"));
    hasher.update(compact(logs.len() as u64));
    for log in logs {
        hasher.update(bytes(log.as_str().unwrap()));
    }
    format!("0x{}", hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
