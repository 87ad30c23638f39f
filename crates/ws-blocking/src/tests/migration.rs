//! The migration page tells the truth about the tests.

use std::path::Path;

#[test]
fn the_tests_that_the_page_names_exist() {
    let page = include_str!("../migration.rs");
    let (_, table) = page.split_once("| there | test here |").unwrap();
    let mut named = 0;
    for name in table.split('`').filter(|name| name.contains("::")) {
        let (file, test) = name.split_once("::").unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
        let source = std::fs::read_to_string(path.with_extension("rs")).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}(")), "{name}");
        named += 1;
    }
    assert!(named >= 12);
}
