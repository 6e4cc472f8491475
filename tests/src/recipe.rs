//! The recipes of a document: blocks of shell under `<!-- recipe: name -->`; and its excerpts from recipes of
//! another document: blocks of any language under `<!-- of: name -->`.

/// A recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// Its lines as they stand there.
    pub script: String,
}

/// All recipes of a document, in its order, and how many blocks of shell have no name.
///
/// # Panics
/// If a name is not followed by a block of shell, or stands twice.
pub fn recipes(document: &str) -> (Vec<Recipe>, usize) {
    let (mut recipes, mut unnamed): (Vec<Recipe>, usize) = (Vec::new(), 0);
    let mut lines = document.lines();
    let mut name: Option<String> = None;
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- recipe: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(found) = comment {
            assert!(recipes.iter().all(|recipe| recipe.name != found), "recipe {found} twice");
            assert!(name.is_none(), "recipe {name:?} without a block");
            name = Some(found.to_owned());
        } else if line == "```sh" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match name.take() {
                Some(name) => recipes.push(Recipe { name, script: block.join("\n") + "\n" }),
                None => unnamed += 1,
            }
        } else if !line.is_empty() {
            assert!(name.is_none(), "recipe {name:?} without a block");
        }
    }
    assert!(name.is_none(), "recipe {name:?} without a block");
    (recipes, unnamed)
}

/// All excerpts of a document, in its order.
///
/// # Panics
/// If a name is not followed by a block at once.
pub fn excerpts(document: &str) -> Vec<Recipe> {
    let mut excerpts = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- of: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = comment else { continue };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.len() > 3 && fence.starts_with("```"), "excerpt {name:?} without a block");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        excerpts.push(Recipe { name: name.to_owned(), script: block.join("\n") + "\n" });
    }
    excerpts
}

impl Recipe {
    /// Whether all lines of the excerpt stand in this recipe, in their order, however far they are set in.
    pub fn has(&self, excerpt: &Recipe) -> bool {
        let mut own = self.script.lines().map(str::trim);
        excerpt.script.lines().map(str::trim).all(|line| own.any(|own| own == line))
    }
}
