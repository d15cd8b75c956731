//! `levee context …`

use crate::cli::Global;
use crate::cli::context::{AddArgs, ContextCommand, RmArgs};
use crate::context::{Context, ContextFile, ContextStore, check_name};
use crate::failure::Failure;
use crate::output::{Column, Section, View};
use crate::settings::{CredentialSettings, DEFAULT_ENDPOINT, Env, Settings, check_endpoint};
use levee_types::TenantName;
use serde_json::{Value, json};
use std::path::{self, Path, PathBuf};

mod show;

pub(super) fn run(
    command: &ContextCommand,
    global: &Global,
    store: &ContextStore,
    env: Env<'_>,
) -> Result<View, Failure> {
    match command {
        ContextCommand::Add(_) => super::refuse_unused(
            global,
            &["--endpoint", "--tenant", "--token-file", "--ca-file", "--cert-file", "--key-file"],
        )?,
        // It shows what each of them does.
        ContextCommand::Show => {}
        ContextCommand::Use { .. }
        | ContextCommand::Ls
        | ContextCommand::Describe { .. }
        | ContextCommand::Rm(_) => super::refuse_unused(global, &[])?,
    }
    match command {
        ContextCommand::Add(args) => add(args, global, store),
        ContextCommand::Use { name } => make_current(name, store),
        ContextCommand::Ls => Ok(list(&store.load()?)),
        ContextCommand::Describe { name } => describe(name, store),
        ContextCommand::Show => Ok(show::show(&Settings::resolve(global, env, &store.load()?)?)),
        ContextCommand::Rm(args) => remove(args, store),
    }
}

/// Only flags count here: a context must not depend on what the environment happens to say.
fn add(args: &AddArgs, global: &Global, store: &ContextStore) -> Result<View, Failure> {
    let name = &args.name;
    check_name(name)?;
    let context = context_of(global)?;
    let mut file = store.load()?;
    let created = !file.contexts.contains_key(name);
    if !created && !args.if_not_exists {
        return Err(Failure::already_exists(format!("context {name} exists already"))
            .with_hint(format!("remove it with: levee context rm {name}")));
    }
    if created {
        file.contexts.insert(name.clone(), context);
    }
    if args.make_current || file.current.is_none() {
        file.current = Some(name.clone());
    }
    store.save(&file)?;
    let state = if created { "added" } else { "exists already" };
    let current = if file.current.as_ref() == Some(name) { ", and is the current one" } else { "" };
    Ok(described(&file, name)
        .with("created", json!(u64::from(created)))
        .line(format!("context {name} {state}{current}")))
}

/// The context that the flags describe. Files are not read: what they hold may change, or come later.
fn context_of(global: &Global) -> Result<Context, Failure> {
    let endpoint = check_endpoint(global.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
    if let Some(tenant) = &global.tenant {
        TenantName::new(tenant)?;
    }
    // A context is used from anywhere.
    let absolute = |file: &Option<PathBuf>| {
        file.as_ref()
            .map(|file| path::absolute(file).map_err(|error| Failure::file(file, &error)))
            .transpose()
    };
    let context = Context {
        tenant: global.tenant.clone(),
        token_file: absolute(&global.token_file)?,
        ca_file: absolute(&global.ca_file)?,
        cert_file: absolute(&global.cert_file)?,
        key_file: absolute(&global.key_file)?,
        endpoint,
    };
    CredentialSettings::resolve(&Global::default(), &|_| None, Some(&context), &context.endpoint)?;
    Ok(context)
}

fn make_current(name: &str, store: &ContextStore) -> Result<View, Failure> {
    let mut file = store.load()?;
    if !file.contexts.contains_key(name) {
        return Err(no_context(name));
    }
    file.current = Some(name.to_owned());
    store.save(&file)?;
    Ok(described(&file, name).line(format!("context {name} is the current one")))
}

fn remove(args: &RmArgs, store: &ContextStore) -> Result<View, Failure> {
    let name = &args.name;
    let mut file = store.load()?;
    let removed = file.contexts.remove(name).is_some();
    if !removed && !args.if_exists {
        return Err(no_context(name));
    }
    if file.current.as_ref() == Some(name) {
        file.current = None;
    }
    store.save(&file)?;
    let state = if removed { "removed" } else { "does not exist" };
    Ok(View::of("context", json!({"name": name}))
        .with("deleted", json!(u64::from(removed)))
        .named([name.clone()])
        .line(format!("context {name} {state}")))
}

fn list(file: &ContextFile) -> View {
    const COLUMNS: &[Column] = &[
        Column::text("NAME"),
        Column::text("CURRENT"),
        Column::text("ENDPOINT"),
        Column::text("TENANT"),
        Column::text("TOKEN FILE").wide(),
        Column::text("CA FILE").wide(),
        Column::text("CERT FILE").wide(),
    ];
    let is_current = |name: &String| file.current.as_ref() == Some(name);
    let rows = file.contexts.iter().map(|(name, context)| {
        let current = if is_current(name) { "*" } else { "" };
        vec![
            name.clone(),
            current.to_owned(),
            context.endpoint.clone(),
            context.tenant.clone().unwrap_or_default(),
            shown(context.token_file.as_deref()),
            shown(context.ca_file.as_deref()),
            shown(context.cert_file.as_deref()),
        ]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    let json = file.contexts.keys().map(|name| context_json(file, name)).collect();
    View::of("contexts", json).named(file.contexts.keys().cloned()).section(section)
}

fn describe(name: &str, store: &ContextStore) -> Result<View, Failure> {
    let file = store.load()?;
    let context = file.contexts.get(name).ok_or_else(|| no_context(name))?;
    let current = if file.current.as_deref() == Some(name) { "yes" } else { "no" };
    let fields = vec![
        ("Name", name.to_owned()),
        ("Current", current.to_owned()),
        ("Endpoint", context.endpoint.clone()),
        ("Tenant", context.tenant.clone().unwrap_or_default()),
        ("Token file", shown(context.token_file.as_deref())),
        ("CA file", shown(context.ca_file.as_deref())),
        ("Certificate file", shown(context.cert_file.as_deref())),
        ("Key file", shown(context.key_file.as_deref())),
    ];
    Ok(described(&file, name).section(Section::Fields(fields)))
}

fn described(file: &ContextFile, name: &str) -> View {
    View::of("context", context_json(file, name)).named([name.to_owned()])
}

fn context_json(file: &ContextFile, name: &str) -> Value {
    let context = file.contexts.get(name);
    let file_of =
        |of: fn(&Context) -> Option<&PathBuf>| context.and_then(of).map(|file| file.display().to_string());
    json!({
        "name": name,
        "current": file.current.as_deref() == Some(name),
        "endpoint": context.map(|context| &context.endpoint),
        "tenant": context.and_then(|context| context.tenant.as_ref()),
        "token_file": file_of(|context| context.token_file.as_ref()),
        "ca_file": file_of(|context| context.ca_file.as_ref()),
        "cert_file": file_of(|context| context.cert_file.as_ref()),
        "key_file": file_of(|context| context.key_file.as_ref()),
    })
}

fn shown(file: Option<&Path>) -> String {
    file.map(|file| file.display().to_string()).unwrap_or_default()
}

fn no_context(name: &str) -> Failure {
    Failure::not_found(format!("there is no context {name:?}")).with_hint("list them with: levee context ls")
}
