//! A bar chart as SVG: groups one below the other, a bar for each of the same series.

/// One series: a server.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    /// Drawn in a colour of its own.
    pub(super) ours: bool,
}

/// The bars of one case, one for each series.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: String,
    pub(super) bars: Vec<f64>,
}

/// Draws it. Bars beyond [`LONGEST`] are cut, and say how long they are.
pub(super) fn svg(title: &str, series: &[Series], groups: &[Group]) -> String {
    let group_height = GAP + series.len() * BAR;
    let height = TOP + groups.len() * group_height;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for (index, group) in groups.iter().enumerate() {
        let top = TOP + index * group_height;
        out += &text(10, top + BAR, "font-weight=\"bold\"", &group.title);
        for (row, (series, &value)) in series.iter().zip(&group.bars).enumerate() {
            let y = top + row * BAR;
            let length = (value.min(LONGEST) * PER_UNIT).round() as usize;
            let colour = if series.ours { OURS } else { OTHERS };
            out += &text(LEFT - 8, y + BAR - 4, "text-anchor=\"end\"", series.name);
            out += &format!(
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"{length}\" height=\"{}\" fill=\"{colour}\"/>\n",
                y + 1,
                BAR - 2
            );
            let more = if value > LONGEST { "… " } else { "" };
            out += &text(LEFT + length + 5, y + BAR - 4, "", &format!("{more}{value:.2}"));
        }
    }
    // Where the first of them ends, which all are measured by.
    let one = LEFT + PER_UNIT as usize;
    out += &format!(
        "<line x1=\"{one}\" x2=\"{one}\" y1=\"{TOP}\" y2=\"{height}\" stroke=\"#888\" stroke-dasharray=\"3 3\"/>\n"
    );
    out + "</svg>\n"
}

fn text(x: usize, y: usize, attributes: &str, text: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" {attributes}>{text}</text>\n")
}

const WIDTH: usize = 900;
const TOP: usize = 40;
/// A bar with the room around it.
const BAR: usize = 15;
const GAP: usize = 14;
/// Where bars begin: titles and names stand before it.
const LEFT: usize = 260;
/// What is longer says nothing more.
const LONGEST: f64 = 5.0;
const PER_UNIT: f64 = 110.0;

const OURS: &str = "#2b7a4b";
const OTHERS: &str = "#9aa5b1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_bar_is_cut_and_says_so() {
        let series = [Series { name: "a", ours: true }, Series { name: "b", ours: false }];
        let groups = [Group {
            title: "one".into(),
            bars: vec![1.0, 9.0],
        }];
        let svg = svg("title", &series, &groups);
        assert!(svg.contains("width=\"110\"") && svg.contains("width=\"550\""));
        assert!(svg.contains("… 9.00"));
        assert_eq!(svg.matches(OURS).count(), 1);
    }
}
