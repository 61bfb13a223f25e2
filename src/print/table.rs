//! Columns as wide as they need to be.

use super::style::{Colour, Style};

/// What stands between two columns.
const GAP: &str = "  ";

/// One row: its cells, and the colour of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<const N: usize> {
    /// The cells, from left to right.
    pub cells: [String; N],
    /// The colour of the last cell.
    pub colour: Colour,
}

/// A line for the header and for each row. The last column is not filled up.
pub fn text<const N: usize>(header: [&str; N], rows: &[Row<N>], style: Style) -> String {
    let mut widths = header.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(&row.cells) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut out = String::new();
    line(&mut out, &header, &widths, |last| last.to_owned());
    for row in rows {
        let cells = row.cells.each_ref().map(String::as_str);
        line(&mut out, &cells, &widths, |last| {
            style.paint(row.colour, last)
        });
    }
    out
}

fn line(out: &mut String, cells: &[&str], widths: &[usize], last: impl Fn(&str) -> String) {
    let Some((end, filled)) = cells.split_last() else {
        return;
    };
    for (cell, width) in filled.iter().zip(widths) {
        out.push_str(&format!("{cell:<width$}{GAP}"));
    }
    out.push_str(&last(end));
    out.push('\n');
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3], colour| Row {
            cells: cells.map(str::to_owned),
            colour,
        };
        let rows = [
            row(["a", "b\u{e9}b\u{e9}b", "c"], Colour::Good),
            row(["long", "b", "d"], Colour::Bad),
        ];
        let plain = text(["A", "B", "C"], &rows, Style::Plain);
        let expected = "A     B      C\na     b\u{e9}b\u{e9}b  c\nlong  b      d\n";
        assert_eq!(plain, expected);
        let coloured = text(["A", "B", "C"], &rows, Style::Coloured);
        assert!(coloured.contains("long  b      \u{1b}[1;31md\u{1b}[0m\n"));
    }
}
