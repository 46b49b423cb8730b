//! `madang variants`: how hardware is equipped, and for which models.

use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde_json::json;
use service::{
    Services,
    catalog::{self, hardware},
};

use super::{Behalf, print_json, print_table, told};

/// What to do with variants.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the variants, and the hardware versions that there are.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        behalf: Behalf,
    },
    /// Adds a variant, such as `Pro`.
    Add {
        /// Its name.
        name: String,
        /// Words for a person.
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        behalf: Behalf,
    },
    /// Deletes a variant that no device and no pin rule carries.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        behalf: Behalf,
    },
}

pub(super) async fn run(services: &Services, command: Command) -> anyhow::Result<()> {
    catalog::seed(services).await.map_err(told)?;
    match command {
        Command::List { json, behalf } => {
            let actor = behalf.actor(services).await?;
            let variants = hardware::variants(services, &actor).await.map_err(told)?;
            let versions = hardware::versions(services, &actor).await.map_err(told)?;
            if json {
                return print_json(&json!({ "variants": variants, "versions": versions }));
            }
            let words = |text: Option<String>| text.unwrap_or_default();
            let row = |name, words: String| vec![name, words];
            let variants = variants
                .into_iter()
                .map(|v| row(v.name, words(v.description)));
            print_table(&["VARIANT", "DESCRIPTION"], &variants.collect::<Vec<_>>())?;
            let versions = versions.into_iter().map(|v| row(v.version, v.name));
            print_table(&["VERSION", "NAME"], &versions.collect::<Vec<_>>())
        }
        Command::Add {
            name,
            description,
            behalf,
        } => {
            let actor = behalf.actor(services).await?;
            let admin = actor.require_admin().map_err(told)?;
            let made = hardware::create_variant(services, &admin, &name, description.as_deref());
            let made = made.await.map_err(told)?;
            writeln!(std::io::stdout(), "{} is a variant now", made.name).context("standard output")
        }
        Command::Remove { name, behalf } => {
            let actor = behalf.actor(services).await?;
            let admin = actor.require_admin().map_err(told)?;
            let all = hardware::variants(services, &actor).await.map_err(told)?;
            let known = all.into_iter().find(|variant| variant.name == name);
            let known = known.ok_or_else(|| anyhow!("there is no variant {name}"))?;
            hardware::delete_variant(services, &admin, known.id)
                .await
                .map_err(told)?;
            writeln!(std::io::stdout(), "{name} is deleted").context("standard output")
        }
    }
}
