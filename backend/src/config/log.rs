//! The filter and the format of the log. Unknown levels are rejected, because they are usually typos.

use clap::ValueEnum;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The format of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines.
    Text,
    /// A JSON object per line.
    Json,
}

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Reads a filter: parts separated by commas, each a level, or a module, `=` and a level. Without
/// a level alone, other modules log at `info`.
pub fn filter(text: &str) -> Result<Targets, String> {
    text.split(',').try_fold(
        Targets::new().with_default(LevelFilter::INFO),
        |filter, part| match part.trim().split_once('=') {
            None => Ok(filter.with_default(level(part)?)),
            Some(("", _)) => Err(refused(part)),
            Some((module, word)) => Ok(filter.with_target(module.trim(), level(word)?)),
        },
    )
}

fn level(word: &str) -> Result<LevelFilter, String> {
    let word = word.trim();
    let found = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, level)| *level).ok_or_else(|| refused(word))
}

fn refused(part: &str) -> String {
    let levels = LEVELS.map(|(name, _)| name).join(", ");
    format!("\"{part}\" is not a level ({levels}); a module needs one too, such as info,docket=debug")
}
