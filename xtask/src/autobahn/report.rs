//! What came of a run, out of the report that `wstest` leaves.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// What came of one run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many cases, by their worse verdict.
    counts: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

/// A case that did not pass.
#[derive(Debug)]
struct Problem {
    case: String,
    what: String,
    expected: String,
    report: PathBuf,
}

impl Tally {
    pub(super) fn is_perfect(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases", self.counts.values().sum::<usize>())?;
        for (verdict, count) in &self.counts {
            write!(f, ", {count} {verdict}")?;
        }
        for Problem {
            case,
            what,
            expected,
            report,
        } in &self.problems
        {
            write!(
                f,
                "\n  FAILED case {case}: {what}\n    expected: {expected}\n    report: {}",
                report.display()
            )?;
        }
        Ok(())
    }
}

/// Holds the report against the cases asked for: nothing but OK and INFORMATIONAL passes.
pub(super) fn judge(asked: &[String], results: &Value, reports: &Path) -> Tally {
    let passes = |verdict: &str| matches!(verdict, "OK" | "INFORMATIONAL");
    let mut tally = Tally::default();
    for case in asked {
        let result = &results[case];
        let verdict = |key: &str| result[key].as_str().unwrap_or("MISSING").to_owned();
        let (behavior, close) = (verdict("behavior"), verdict("behaviorClose"));
        let worse = if passes(&behavior) && !passes(&close) {
            &close
        } else {
            &behavior
        };
        *tally.counts.entry(worse.clone()).or_default() += 1;
        if passes(&behavior) && passes(&close) {
            continue;
        }
        let report = reports.join(result["reportfile"].as_str().unwrap_or("index.json"));
        let details = read_json(&report).unwrap_or_default();
        tally.problems.push(Problem {
            case: case.clone(),
            what: format!("behavior {behavior}, close {close}"),
            expected: details["expectation"]
                .as_str()
                .unwrap_or("the case to be run")
                .to_owned(),
            report,
        });
    }
    tally
}

pub(super) fn read_json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(behavior: &str, close: &str) -> Tally {
        let results = json!({ "1.1.1": { "behavior": behavior, "behaviorClose": close } });
        judge(&["1.1.1".to_owned()], &results, Path::new("reports"))
    }

    #[test]
    fn only_ok_and_informational_pass() {
        for (behavior, close) in [("OK", "OK"), ("OK", "INFORMATIONAL"), ("INFORMATIONAL", "OK")] {
            assert!(judged(behavior, close).problems.is_empty(), "{behavior}, {close}");
        }
        for bad in [
            "FAILED",
            "NON-STRICT",
            "UNIMPLEMENTED",
            "WRONG CODE",
            "UNCLEAN",
            "FAILED BY CLIENT",
            "",
        ] {
            assert_eq!(judged(bad, "OK").problems.len(), 1, "behavior {bad}");
            assert_eq!(judged("OK", bad).problems.len(), 1, "close {bad}");
            assert_eq!(judged("OK", bad).counts[bad], 1, "the worse verdict counts");
        }
    }

    #[test]
    fn a_case_asked_for_and_not_reported_fails() {
        let asked = ["1.1.1".to_owned(), "1.1.2".to_owned()];
        let results = json!({ "1.1.1": { "behavior": "OK", "behaviorClose": "OK" } });
        let tally = judge(&asked, &results, Path::new("reports"));
        assert_eq!(tally.problems.len(), 1);
        assert!(
            tally.to_string().contains("FAILED case 1.1.2: behavior MISSING"),
            "{tally}"
        );
        assert_eq!(judge(&asked, &Value::Null, Path::new("reports")).problems.len(), 2);
    }
}
