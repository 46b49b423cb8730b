//! `madang users`: people and their roles.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use domain::{Email, account::UserSummary, role::SiteRole};
use serde_json::json;
use service::{
    Admin, Services,
    accounts::{self, Client, NewAccount},
};

use super::{Behalf, print_json, print_table, told};

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the people of the site.
    List {
        /// Only those whose name or address holds these words.
        #[arg(default_value = "")]
        search: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        behalf: Behalf,
    },
    /// Makes an account. The first one of a site must be a prime administrator.
    Add(Add),
    /// Gives a person another role.
    Role {
        /// Who.
        email: Email,
        /// `prime_admin`, `general_admin`, `developer` or `member`.
        #[arg(value_parser = read_role)]
        role: SiteRole,
        #[command(flatten)]
        behalf: Behalf,
    },
}

/// A new account.
#[derive(Debug, Args)]
pub struct Add {
    /// The address.
    email: Email,
    /// What to call them; the part before the @ where left out.
    #[arg(long)]
    name: Option<String>,
    /// `prime_admin`, `general_admin`, `developer` or `member`.
    #[arg(long, value_parser = read_role, default_value = "member")]
    role: SiteRole,
    /// Reads the password from standard input; otherwise one is drawn and printed.
    #[arg(long)]
    password_stdin: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    behalf: Behalf,
}

fn read_role(name: &str) -> Result<SiteRole, String> {
    SiteRole::parse(name).ok_or_else(|| {
        let known = SiteRole::ALL.map(SiteRole::as_str).join(", ");
        format!("the roles are {known}")
    })
}

pub(super) async fn run(services: &Services, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List {
            search,
            json,
            behalf,
        } => {
            let admin = behalf
                .actor(services)
                .await?
                .require_admin()
                .map_err(told)?;
            let people = everybody(services, &admin, &search).await?;
            if json {
                return print_json(&people);
            }
            let rows: Vec<_> = people.iter().map(row).collect();
            print_table(&["EMAIL", "NAME", "ROLE", "DEVICES", "ACTIVE"], &rows)
        }
        Command::Add(add) => self::add(services, add).await,
        Command::Role {
            email,
            role,
            behalf,
        } => {
            let admin = behalf
                .actor(services)
                .await?
                .require_admin()
                .map_err(told)?;
            let found = everybody(services, &admin, email.as_str()).await?;
            let person = found.into_iter().find(|person| person.email == email);
            let person = person.with_context(|| format!("{email} has no account"))?;
            accounts::set_role(services, &admin, person.id, role)
                .await
                .map_err(told)?;
            let (before, after) = (person.role.as_str(), role.as_str());
            writeln!(std::io::stdout(), "{email}: {before} → {after}").context("standard output")
        }
    }
}

async fn everybody(
    services: &Services,
    admin: &Admin,
    search: &str,
) -> anyhow::Result<Vec<UserSummary>> {
    let mut people = Vec::new();
    for page in 1.. {
        let found = accounts::list_users(services, admin, search, page)
            .await
            .map_err(told)?;
        let last = found.items.is_empty();
        people.extend(found.items);
        if last || people.len() as u64 >= found.total {
            break;
        }
    }
    Ok(people)
}

fn row(person: &UserSummary) -> Vec<String> {
    vec![
        person.email.to_string(),
        person.name.clone(),
        person.role.as_str().to_owned(),
        person.devices.to_string(),
        if person.active { "yes" } else { "no" }.to_owned(),
    ]
}

async fn add(services: &Services, add: Add) -> anyhow::Result<()> {
    let password = match add.password_stdin {
        true => {
            let mut text = String::new();
            std::io::stdin()
                .take(4_096)
                .read_to_string(&mut text)
                .context("standard input")?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        // 122 random bits, and nothing that is hard to type.
        false => domain::CommandId::random().0.simple().to_string(),
    };
    let email = add.email.to_string();
    let name = add.name.clone();
    let account = NewAccount {
        name: name.unwrap_or_else(|| email.split('@').next().unwrap_or(&email).to_owned()),
        email,
        password: password.clone(),
    };
    // The account is for somebody else: nobody is signed in by making it.
    let made = match accounts::make_setup_code(services).await.map_err(told)? {
        Some(_) if add.role != SiteRole::PrimeAdmin => bail!(
            "nobody is there yet: the first account is a prime administrator's (--role prime_admin)"
        ),
        Some(code) => accounts::set_up_another(services, &code, account, &Client::default()).await,
        None => {
            let actor = add.behalf.actor(services).await?;
            let admin = actor.require_admin().map_err(told)?;
            accounts::add_account(services, &admin, account, add.role).await
        }
    };
    let made = made.map_err(told)?;
    let shown = (!add.password_stdin).then_some(&password);
    if add.json {
        return print_json(&json!({
            "id": made.id,
            "email": made.email,
            "role": made.role,
            "password": shown,
        }));
    }
    let mut out = std::io::stdout().lock();
    let role = made.role.as_str();
    writeln!(out, "{} ({role}) was made", made.email)
        .and_then(|()| match shown {
            Some(password) => writeln!(out, "password  {password}   (shown once)"),
            None => Ok(()),
        })
        .map_err(|error| anyhow!(error).context("standard output"))
}
