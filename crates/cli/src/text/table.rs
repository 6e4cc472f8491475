//! Aligned tables. Every column is as wide as its widest cell; the last one takes what is left of 100
//! columns and wraps between words.

use crate::text::{
    WIDTH,
    paint::{Paint, Tone},
    words::{columns, wrap},
};

/// Between two columns.
const GAP: usize = 2;
/// The least room of the last column: below this a long line is better than a column of syllables.
const NARROWEST: usize = 24;

/// A cell: words and what they mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Cell {
    /// Gives the cell a tone.
    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// A number: aligned to the right.
    pub(crate) fn number(number: impl ToString) -> Self {
        Self { text: number.to_string(), right: true, ..Self::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    head: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        let head = head.map(|name| Cell::from(name).tone(Tone::Faint)).to_vec();
        Self { head, rows: Vec::new(), indent: 0 }
    }

    /// Moves the whole table to the right.
    pub(crate) fn indented(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row; cells that it lacks are empty.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        let mut cells = cells.to_vec();
        cells.resize(self.head.len(), Cell::default());
        self.rows.push(cells);
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text; every line ends with a line end and none with a blank.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let last = self.head.len().saturating_sub(1);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]);
            cells.map(|row| columns(&row[column].text)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let before = self.indent + widths[..last].iter().map(|width| width + GAP).sum::<usize>();
        let room = WIDTH.saturating_sub(before).max(NARROWEST);
        let mut out = String::new();
        for row in [&self.head].into_iter().chain(&self.rows) {
            let mut line = " ".repeat(self.indent);
            for (cell, width) in row[..last].iter().zip(&widths) {
                let fill = " ".repeat(width.saturating_sub(columns(&cell.text)));
                let words = paint.tone(cell.tone, &cell.text);
                line += &if cell.right { fill + &words } else { words + &fill };
                line += &" ".repeat(GAP);
            }
            let end = &row[last];
            let fill = if end.right { widths[last].saturating_sub(columns(&end.text)) } else { 0 };
            for (index, part) in wrap(&end.text, room).iter().enumerate() {
                if index > 0 {
                    line = " ".repeat(before);
                }
                line += &" ".repeat(fill);
                line += &paint.tone(end.tone, part);
                out += line.trim_end();
                out.push('\n');
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_one_wraps_at_a_hundred() {
        let mut table = Table::new(["NAME", "N", "WHAT"]).indented(2);
        table.row(["a".into(), Cell::number(7), "short".into()]);
        table.row(["longer".into(), Cell::number(1234), "word ".repeat(40).into()]);
        let text = table.render(Paint::none());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  NAME    N     WHAT");
        assert_eq!(lines[1], "  a          7  short");
        assert!(lines[2].starts_with("  longer  1234  word word"));
        assert!(lines[3].starts_with("                word"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH && !line.ends_with(' ')));
    }

    #[test]
    fn a_row_may_be_shorter_than_the_head() {
        let mut table = Table::new(["A", "B"]);
        table.row(["x".into()]);
        assert_eq!(table.render(Paint::none()), "A  B\nx\n");
    }
}
