//! The table on the terminal and the same as JSON.

#![forbid(unsafe_code)]

use std::{fmt::Write as _, fs};

use serde::Serialize;

use crate::{
    budget::{Budget, GAIN},
    measure::Samples,
};

/// Name of the column of hsmsim's own module.
pub const HSMSIM: &str = "hsmsim";
/// Name of the column that the budgets speak of.
pub const SOFTHSM2: &str = "SoftHSM2";
/// Name of the column of bare primitives.
pub const BARE: &str = "bare";

const CASE_WIDTH: usize = 39;
const CELL_WIDTH: usize = 23;
const OVERHEAD_WIDTH: usize = 10;

/// What one participant gave on one case.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Times.
    Samples(Samples),
    /// There is no such thing here: a mechanism that the module lacks, a case without a primitive.
    Lacking,
    /// The module refused what it should do; the reason.
    Failed(String),
}

impl Cell {
    /// The times, if it gave some.
    pub fn samples(&self) -> Option<&Samples> {
        match self {
            Self::Samples(samples) => Some(samples),
            Self::Lacking | Self::Failed(_) => None,
        }
    }
}

/// A case as so many threads ran it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the case.
    pub case: &'static str,
    /// Threads that made calls at the same time.
    pub threads: usize,
    /// What it may cost.
    pub budget: Budget,
    /// What each participant gave.
    pub cells: Vec<Cell>,
}

impl Row {
    /// The case, and the threads if there was more than one.
    pub fn name(&self) -> String {
        match self.threads {
            1 => self.case.to_owned(),
            threads => format!("{}, {threads} threads", self.case),
        }
    }
}

/// The table as it grows, row by row.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Table {
    /// A table of these participants; ratios are to the first one.
    pub fn new(columns: Vec<String>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// The line of column names, and what a cell means.
    pub fn head(&self) -> String {
        let reference = self.columns.first().map_or("", String::as_str);
        let mut head = format!(
            "µs a call ± half the distance of its quartiles (how many times {reference}'s); \
             over: µs over the bare primitive\n\n{:CASE_WIDTH$}",
            ""
        );
        for column in &self.columns {
            let _ = write!(head, "{column:<CELL_WIDTH$}");
        }
        if self.has_overhead() {
            let _ = write!(head, "{:>OVERHEAD_WIDTH$}", "over");
        }
        head.trim_end().to_owned()
    }

    /// Adds a row and gives its line.
    pub fn add(&mut self, row: Row) -> String {
        let reference = row.cells.first().and_then(Cell::samples);
        let mut line = format!("{:CASE_WIDTH$}", row.name());
        for (place, cell) in row.cells.iter().enumerate() {
            let text = written(cell, reference.filter(|_| place > 0));
            let _ = write!(line, "{text:<CELL_WIDTH$}");
        }
        if let Some((own, bare)) = self.beside_bare(&row) {
            let _ = write!(line, "{:>OVERHEAD_WIDTH$}", microseconds(own.over(bare).median_us()));
        }
        self.rows.push(row);
        line.trim_end().to_owned()
    }

    /// What a reader should not overlook: failures, and budgets that hsmsim missed.
    pub fn remarks(&self) -> Vec<String> {
        let failed = self.rows.iter().flat_map(|row| {
            let cells = self.columns.iter().zip(&row.cells);
            cells.filter_map(|(column, cell)| match cell {
                Cell::Failed(reason) => Some(format!("failed: {}, {column}: {reason}", row.name())),
                Cell::Samples(_) | Cell::Lacking => None,
            })
        });
        let missed = self.rows.iter().flat_map(|row| self.missed(row));
        failed.chain(missed).chain(self.missed_gains()).collect()
    }

    /// Cases that several threads do not make faster as they make the bare primitive faster.
    fn missed_gains(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for row in self.rows.iter().filter(|row| row.budget.scales && row.threads > 1) {
            let mut rows = self.rows.iter();
            let Some(one) = rows.find(|one| one.case == row.case && one.threads == 1) else {
                continue;
            };
            let (Some((own_one, bare_one)), Some((own, bare))) =
                (self.beside_bare(one), self.beside_bare(row))
            else {
                continue;
            };
            let (own, bare) = (own_one.ratio_to(own), bare_one.ratio_to(bare));
            if own < bare * GAIN {
                missed.push(format!(
                    "missed: {}: {}× as fast as one, the bare primitive {}×",
                    row.name(),
                    ratio(own),
                    ratio(bare)
                ));
            }
        }
        missed
    }

    fn missed(&self, row: &Row) -> Vec<String> {
        let mut missed = Vec::new();
        if self.columns.first().is_none_or(|column| column != HSMSIM) {
            return missed;
        }
        let Some(own) = row.cells.first().and_then(Cell::samples) else { return missed };
        if let Some(limit) = row.budget.within_us.filter(|limit| own.median_us() > *limit) {
            let taken = microseconds(own.median_us());
            missed.push(format!("missed: {}: {taken} µs, should take {limit} at most", row.name()));
        }
        for (column, cell) in self.columns.iter().zip(&row.cells).skip(1) {
            let Some(other) = cell.samples().filter(|_| column != BARE) else { continue };
            let least = if column == SOFTHSM2 { row.budget.softhsm2 } else { 1.0 };
            let times = other.ratio_to(own);
            if times < least {
                let times = ratio(times);
                missed.push(format!(
                    "missed: {}: {column} takes {times}×, should take {least}× at least",
                    row.name()
                ));
            }
        }
        if let (Some(limit), Some((own, bare))) = (row.budget.bare, self.beside_bare(row)) {
            let (over, times) = (own.over(bare), own.ratio_to(bare));
            if !limit.holds(over.median_us(), over.noise_us(), times) {
                missed.push(format!(
                    "missed: {}: {}× or {} µs over the bare primitive, should be at most {}",
                    row.name(),
                    ratio(times),
                    microseconds(over.median_us()),
                    limit
                ));
            }
        }
        missed
    }

    /// Whether a participant refused something it should do.
    pub fn has_failures(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| matches!(cell, Cell::Failed(_)))
    }

    /// All of it as JSON.
    ///
    /// # Errors
    /// Never in practice: the values are numbers and names.
    pub fn json(&self, settings: Settings) -> Result<String, serde_json::Error> {
        let result = |column: &String, cell: &Cell| {
            let samples = cell.samples();
            ResultJson {
                name: column.clone(),
                median_us: samples.map(Samples::median_us),
                spread: samples.map(Samples::spread),
                samples_us: samples.map(|samples| samples.us.clone()),
                failed: match cell {
                    Cell::Failed(reason) => Some(reason.clone()),
                    Cell::Samples(_) | Cell::Lacking => None,
                },
            }
        };
        let cases = self.rows.iter().map(|row| CaseJson {
            case: row.case,
            threads: row.threads,
            results: self.columns.iter().zip(&row.cells).map(|(a, b)| result(a, b)).collect(),
        });
        serde_json::to_string_pretty(&ReportJson { settings, cases: cases.collect() })
    }

    /// The participants' names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn has_overhead(&self) -> bool {
        self.columns.len() > 1 && self.columns.last().is_some_and(|column| column == BARE)
    }

    /// What the first column and the bare primitive took, if there is one.
    fn beside_bare<'a>(&self, row: &'a Row) -> Option<(&'a Samples, &'a Samples)> {
        let bare = row.cells.last().filter(|_| self.has_overhead())?;
        Some((row.cells.first()?.samples()?, bare.samples()?))
    }
}

/// Under which conditions the table came about.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Model of the processor, as the system names it.
    pub processor: String,
    /// Processors that this program may use.
    pub processors: usize,
    /// Rounds of each case.
    pub rounds: usize,
    /// Intended length of a round in milliseconds.
    pub round_ms: u128,
}

impl Settings {
    /// These settings on this machine.
    pub fn here(rounds: usize, round_ms: u128) -> Self {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find(|line| line.starts_with("model name"));
        let model =
            model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { processor: model.to_owned(), processors, rounds, round_ms }
    }

    /// One line for above the table.
    pub fn line(&self) -> String {
        format!(
            "{}, {} processors; {} rounds of {} ms",
            self.processor, self.processors, self.rounds, self.round_ms
        )
    }
}

#[derive(Serialize)]
struct ReportJson<'a> {
    settings: Settings,
    cases: Vec<CaseJson<'a>>,
}

#[derive(Serialize)]
struct CaseJson<'a> {
    case: &'a str,
    threads: usize,
    results: Vec<ResultJson>,
}

#[derive(Serialize)]
struct ResultJson {
    name: String,
    median_us: Option<f64>,
    spread: Option<f64>,
    samples_us: Option<Vec<f64>>,
    failed: Option<String>,
}

fn written(cell: &Cell, reference: Option<&Samples>) -> String {
    match cell {
        Cell::Samples(samples) => {
            let mut text = format!(
                "{:>7} ±{:<3}",
                microseconds(samples.median_us()),
                format!("{:.0}%", samples.spread() * 100.0)
            );
            if let Some(reference) = reference {
                let _ = write!(text, " ({}×)", ratio(samples.ratio_to(reference)));
            }
            text
        }
        Cell::Lacking => format!("{:>7}", "–"),
        Cell::Failed(_) => format!("{:>7}", "failed"),
    }
}

/// Three digits that count.
fn microseconds(us: f64) -> String {
    match us.abs() {
        us_abs if us_abs < 9.995 => format!("{us:.2}"),
        us_abs if us_abs < 99.95 => format!("{us:.1}"),
        _ => format!("{us:.0}"),
    }
}

fn ratio(times: f64) -> String {
    if times < 9.95 { format!("{times:.2}") } else { format!("{times:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Limit;

    const BUDGET: Budget =
        Budget { bare: Some(Limit::OverUs(1.5)), ..Budget::call(15.0).within_us(25.0) };

    fn times(us: f64) -> Cell {
        Cell::Samples(Samples { us: vec![us; 3] })
    }

    fn row(case: &'static str, cells: Vec<Cell>) -> Row {
        Row { case, threads: 1, budget: BUDGET, cells }
    }

    fn table() -> Table {
        let mut table = Table::new([HSMSIM, SOFTHSM2, BARE].map(str::to_owned).to_vec());
        table.add(row("fast", vec![times(2.0), times(30.0), times(1.25)]));
        table.add(row("slow", vec![times(26.0), times(13.0), times(24.0)]));
        table.add(row("partial", vec![times(1.0), Cell::Lacking, Cell::Lacking]));
        let broken = vec![Cell::Failed("C_Sign: CKR_X".into()), times(1.0), Cell::Lacking];
        table.add(row("broken", broken));
        table
    }

    #[test]
    fn a_row_tells_time_ratio_and_overhead() {
        let mut table = table();
        let line = table.add(row("HMAC", vec![times(2.0), times(30.0), times(1.25)]));
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(
            words,
            ["HMAC", "2.00", "±0%", "30.0", "±0%", "(15×)", "1.25", "±0%", "(0.62×)", "0.75"]
        );
        let line = table.add(row("none", vec![times(2.0), Cell::Lacking, Cell::Lacking]));
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["none", "2.00", "±0%", "–", "–"]);
    }

    #[test]
    fn failures_and_missed_budgets_are_told() {
        let table = table();
        assert_eq!(
            table.remarks(),
            [
                "failed: broken, hsmsim: C_Sign: CKR_X",
                "missed: slow: 26.0 µs, should take 25 at most",
                "missed: slow: SoftHSM2 takes 0.50×, should take 15× at least",
                "missed: slow: 1.08× or 2.00 µs over the bare primitive, should be at most \
                 1.5 µs over the bare primitive",
            ]
        );
        assert!(table.has_failures());
    }

    #[test]
    fn two_threads_have_to_gain_what_they_gain_with_the_primitive() {
        let budget = Budget::free().scaling();
        let cells = |own, bare| vec![times(own), times(bare)];
        let mut table = Table::new([HSMSIM, BARE].map(str::to_owned).to_vec());
        for (case, own) in [("good", 5.2), ("bad", 6.0)] {
            table.add(Row { case, threads: 1, budget, cells: cells(10.0, 8.0) });
            table.add(Row { case, threads: 2, budget, cells: cells(own, 4.0) });
        }
        assert_eq!(
            table.remarks(),
            ["missed: bad, 2 threads: 1.67× as fast as one, the bare primitive 2.00×"]
        );
    }

    #[test]
    fn json_holds_every_sample() {
        let text = table().json(Settings::here(3, 20)).expect("JSON");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["settings"]["rounds"], 3);
        assert_eq!(json["cases"][0]["case"], "fast");
        assert_eq!(
            json["cases"][0]["results"][1]["samples_us"],
            serde_json::json!([30.0, 30.0, 30.0])
        );
        assert_eq!(json["cases"][2]["results"][1]["median_us"], serde_json::Value::Null);
        assert_eq!(json["cases"][3]["results"][0]["failed"], "C_Sign: CKR_X");
    }
}
