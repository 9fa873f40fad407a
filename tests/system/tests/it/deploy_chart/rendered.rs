//! What Helm's own engine makes of the chart, and what the laptop's compose file says, judged by those who would read it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use testkit::{
    scratch::Scratch,
    service::{self, workspace},
};

use super::chart;

/// Of the many that the schemas know.
const KUBERNETES: &str = "1.33.0";
const SERVICES: [&str; 3] = ["gateway", "state-authority", "sync-worker"];

/// Every switch on, and every value another than the chart's own.
fn everything() -> Value {
    let service = |number: u64| {
        json!({
            "replicas": 40 + number,
            "resources": {"requests": {"cpu": format!("11{number}m"), "memory": format!("12{number}Mi")}, "limits": {"memory": format!("13{number}Mi")}},
            "autoscaling": {"enabled": number < 2, "minReplicas": 50 + number, "maxReplicas": 60 + number, "cpuPercent": 80 + number},
            "config": {"SHUTDOWN__DEADLINE_MS": format!("700{number}")},
        })
    };
    json!({
        "image": {"repository": "registry.example.org/sw", "tag": "1.2.3", "pullPolicy": "Always"}, "imagePullSecrets": [{"name": "pull-key"}],
        "nats": {
            "servers": "tls://one:4222,tls://two:4222", "tlsSecret": "nats-tls-files",
            "passwordSecrets": {"gateway": "pw-gateway", "state-authority": "pw-authority", "sync-worker": "pw-sync"},
        },
        "mongo": {"database": "tables", "uriSecrets": {"state-authority": "uri-authority", "sync-worker": "uri-sync"}},
        "auth": {
            "algorithm": "rs256", "secret": "auth-key", "issuer": "https://id.example.org", "audience": "players",
            "allowedOrigins": ["https://play.example.org"],
        },
        "membership": {"url": "https://members.example.org/{sessionId}", "secret": "members-key"},
        "services": {"gateway": service(0), "state-authority": service(1), "sync-worker": service(2)},
        "migration": {
            "enabled": true, "command": "verify", "uriSecret": "uri-migration",
            "resources": {"requests": {"cpu": "141m", "memory": "142Mi"}, "limits": {"memory": "143Mi"}},
        },
        "terminationGracePeriodSeconds": 77,
        "ingress": {
            "enabled": true, "className": "other-ingress", "host": "host.example.org", "tlsSecret": "host-tls",
            "annotations": {"example.org/sticky": "by-cookie"},
        },
        "telemetry": {"otlpEndpoint": "http://collector:4318", "sampler": "parentbased_always_on", "samplerArg": "0.25"},
        "networkPolicy": {"enabled": true, "monitoringNamespace": "watchers"}, "serviceMonitor": {"enabled": true, "interval": "17s"},
    })
}

/// As [`everything`], with the keys of tokens from where their issuer publishes them.
fn with_published_keys() -> Value {
    let mut values = everything();
    values["auth"]["algorithm"] = json!("es256");
    values["auth"]["jwksUrl"] = json!("https://id.example.org/jwks.json");
    values
}

/// Nothing beside the published keys is read from a Secret by the gateway.
fn published_keys_alone() -> Value {
    json!({"auth": {"algorithm": "eddsa", "jwksUrl": "https://id.example.org/jwks.json"}})
}

#[test]
fn every_value_of_the_schema_reaches_a_manifest() -> anyhow::Result<()> {
    let (mut rendered, mut given) = (String::new(), BTreeMap::new());
    for values in [everything(), with_published_keys()] {
        flatten(&values, "", &mut given);
        rendered.push_str(&render(&values)?["manifests"].to_string());
    }
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    for leaf in super::leaves(&schema) {
        let places = if leaf.contains('*') { SERVICES.map(|service| leaf.replace('*', service)).to_vec() } else { vec![leaf] };
        for place in places.iter().filter(|place| *place != "global" && !place.ends_with(".enabled")) {
            let below =
                |given: &&String| *given == place || given.starts_with(&format!("{place}.")) || given.starts_with(&format!("{place}["));
            ensure!(given.keys().any(|given| below(&given)), "this test gives no {place}");
        }
    }
    // With an autoscaler there is no number of pods to give.
    let unused = ["services.gateway.replicas", "services.state-authority.replicas"];
    let unscaled = |place: &str| place.starts_with("services.sync-worker.autoscaling");
    for (place, value) in given.iter().filter(|(place, _)| !unused.contains(&place.as_str()) && !unscaled(place)) {
        ensure!(rendered.contains(value), "{place}: {value} is in no manifest");
    }
    let kinds = |kind: &str| rendered.matches(&format!("\"kind\":\"{kind}\"")).count();
    for (kind, count) in [
        ("NetworkPolicy", 6),
        ("ServiceMonitor", 6),
        ("PodDisruptionBudget", 6),
        ("HorizontalPodAutoscaler", 4),
        ("Ingress", 2),
        ("Job", 2),
    ] {
        ensure!(kinds(kind) == count, "{} of {kind}", kinds(kind));
    }
    Ok(())
}

/// Texts and numbers, by where they stand.
fn flatten(value: &Value, place: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, below) in fields {
                flatten(below, &if place.is_empty() { key.clone() } else { format!("{place}.{key}") }, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| flatten(element, &format!("{place}[]"), found)),
        Value::String(text) => drop(found.insert(place.to_owned(), text.clone())),
        Value::Number(number) => drop(found.insert(place.to_owned(), number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

#[test]
fn helm_renders_what_kubernetes_takes_and_the_services_start_with() -> anyhow::Result<()> {
    let production = json!(chart().join("values.production.yaml"));
    let all = [(json!({}), 12), (published_keys_alone(), 12), (everything(), 18), (with_published_keys(), 18), (production, 18)];
    for (values, least) in all {
        let rendered = render(&values)?;
        // One word of advice: the chart has no icon.
        let faults = rendered["lint"].as_array().context("what the linter says")?.iter().filter(|said| said["severity"].as_u64() > Some(1));
        ensure!(faults.clone().count() == 0, "{:?}", faults.collect::<Vec<_>>());
        let manifests = rendered["manifests"].as_array().context("manifests")?;
        ensure!(manifests.len() >= least, "{} manifests of {values}", manifests.len());
        for manifest in manifests {
            valid(manifest, &rendered["definitions"])?;
        }
        for service in SERVICES {
            let deployed = manifests
                .iter()
                .find(|manifest| manifest["kind"] == "Deployment" && manifest["metadata"]["name"] == format!("demo-{service}"));
            let pod = &deployed.with_context(|| format!("no deployment of {service}"))?["spec"]["template"]["spec"];
            let container = &pod["containers"][0];
            ensure!(pod["securityContext"]["runAsNonRoot"] == true && container["securityContext"]["readOnlyRootFilesystem"] == true);
            ensure!(
                ["startupProbe", "livenessProbe", "readinessProbe"].iter().all(|probe| container[probe].is_object()),
                "{service}: probes"
            );
            ensure!(container["resources"]["limits"].is_object(), "{service}: limits");
            let variables = container["env"].as_array().context("variables")?.iter();
            starts_with(service, variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect())?;
        }
    }
    Ok(())
}

#[test]
fn the_migration_is_a_job_of_its_own_that_runs_when_asked_for() -> anyhow::Result<()> {
    let job = |rendered: &Value| rendered["manifests"].as_array().and_then(|all| all.iter().find(|one| one["kind"] == "Job").cloned());
    ensure!(job(&render(&json!({}))?).is_none(), "nobody asked for a migration");
    let program = service::program_of("migration-job")?;
    for command in ["plan", "apply", "verify", "rollback"] {
        let rendered = render(&json!({"migration": {"enabled": true, "command": command}}))?;
        let pod = &job(&rendered).context("no job")?["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        ensure!(pod["securityContext"]["runAsNonRoot"] == true && pod["restartPolicy"] == "Never", "{pod}");
        ensure!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "stateward-mongo-migration", "{container}");
        let arguments = container["args"].as_array().context("arguments")?.iter().map(text);
        // The program knows the command: it goes as far as to miss its database.
        let run = Command::new(&program).args(arguments).env_clear().output()?;
        let said = String::from_utf8_lossy(&run.stderr);
        ensure!(run.status.code() == Some(64) && said.contains("--uri is missing"), "{command}: {said}");
    }
    let unknown = render(&json!({"migration": {"enabled": true, "command": "aply"}}))?;
    ensure!(text(&unknown["refused"]).contains("migration"), "{unknown}");
    Ok(())
}

#[test]
fn long_polling_stays_at_its_gateway_by_the_ingress_and_by_the_service() -> anyhow::Result<()> {
    let rendered = render(&json!({"ingress": {"enabled": true, "host": "play.example.org"}}))?;
    let manifests = rendered["manifests"].as_array().context("manifests")?;
    let named = |kind: &str| manifests.iter().find(|manifest| manifest["kind"] == kind && manifest["metadata"]["name"] == "demo-gateway");
    let annotations = &named("Ingress").context("no ingress")?["metadata"]["annotations"];
    ensure!(annotations["nginx.ingress.kubernetes.io/affinity"] == "cookie", "{annotations}");
    ensure!(named("Service").context("no service")?["spec"]["sessionAffinity"] == "ClientIP");
    Ok(())
}

#[test]
fn a_manifest_with_a_misspelt_key_and_a_value_that_the_schema_does_not_know_are_refused() -> anyhow::Result<()> {
    let refused = render(&json!({"ingres": {"enabled": true}}))?;
    ensure!(text(&refused["refused"]).contains("ingres"), "{refused}");
    let mut rendered = render(&json!({}))?;
    let definitions = rendered["definitions"].take();
    let manifest = &mut rendered["manifests"][0];
    manifest["spec"]["replica"] = json!(2);
    ensure!(valid(manifest, &definitions).is_err(), "a misspelt key was taken: {}", manifest["kind"]);
    Ok(())
}

#[test]
fn each_service_can_be_switched_off() -> anyhow::Result<()> {
    for service in SERVICES {
        let mut values = everything();
        values["services"][service]["enabled"] = json!(false);
        let rendered = render(&values)?;
        let named = |manifest: &&Value| manifest["metadata"]["name"] == format!("demo-{service}") && manifest["kind"] != "Ingress";
        ensure!(rendered["manifests"].as_array().context("manifests")?.iter().find(named).is_none(), "{service} is there all the same");
    }
    Ok(())
}

#[test]
fn the_services_start_with_what_compose_gives_them() -> anyhow::Result<()> {
    let compose = &render(&json!({}))?["compose"];
    for service in SERVICES {
        let variables = compose["services"][service]["environment"].as_object().with_context(|| format!("compose has no {service}"))?;
        let secret = |value: &Value| if text(value).starts_with("${AUTH_SECRET") { secret() } else { text(value) };
        starts_with(service, variables.iter().map(|(key, value)| (key.clone(), secret(value))).collect())?;
    }
    Ok(())
}

/// The service's own program takes these variables, and these alone. Files that they name are there.
fn starts_with(service: &str, variables: BTreeMap<String, String>) -> anyhow::Result<()> {
    let scratch = Scratch::new("chart")?;
    let mut command = Command::new(service::program_of(service)?);
    command.arg("--check-config").env_clear();
    for (name, value) in variables {
        let value = match value.strip_prefix("/run/secrets/") {
            Some(file) => {
                let path = scratch.path().join(file);
                fs::create_dir_all(path.parent().context("a file stands in a directory")?)?;
                let content = match path.file_name().and_then(|name| name.to_str()) {
                    Some("uri") => "mongodb://mongo/?replicaSet=stateward".to_owned(),
                    Some("public-key") => {
                        rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)?.public_key_pem()
                    }
                    _ => secret(),
                };
                fs::write(&path, content)?;
                path.display().to_string()
            }
            None => value,
        };
        command.env(name, value);
    }
    let checked = command.output()?;
    ensure!(checked.status.success(), "{service}: {}", String::from_utf8_lossy(&checked.stderr));
    Ok(())
}

fn valid(manifest: &Value, definitions: &Value) -> anyhow::Result<()> {
    let (version, kind) = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
    let group = match version.as_str() {
        "v1" => "core.v1".to_owned(),
        // A resource of the Prometheus operator: not Kubernetes' own.
        "monitoring.coreos.com/v1" => return Ok(()),
        other => other.replace(".k8s.io", "").replace('/', "."),
    };
    let name = format!("io.k8s.api.{group}.{kind}");
    ensure!(definitions[&name].is_object(), "Kubernetes {KUBERNETES} has no {name}");
    let schema = json!({"$ref": format!("#/$defs/{name}"), "$defs": definitions});
    let validator = jsonschema::draft202012::new(&schema)?;
    let faults: Vec<_> = validator.iter_errors(manifest).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    ensure!(faults.is_empty(), "{kind} {}: {}", manifest["metadata"]["name"], faults.join("\n"));
    Ok(())
}

fn render(values: &Value) -> anyhow::Result<Value> {
    let tools = tools()?;
    let schemas =
        fs::read_dir(&tools)?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|end| end == "whl"));
    let asked = json!({
        "chart": chart(), "compose": workspace().join("deploy/compose/compose.yaml"),
        "schemas": schemas.context("the wheel with Kubernetes' schemas")?, "kubernetes": KUBERNETES, "values": values,
    });
    let mut python = Command::new("python3")
        .arg(workspace().join("tests/system/chart.py"))
        .env("PYTHONPATH", &tools)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    python.stdin.take().context("its input")?.write_all(asked.to_string().as_bytes())?;
    let done = python.wait_with_output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// Helm as a library, a reader of YAML, and Kubernetes' schemas: fetched once, and kept beside what is built.
fn tools() -> anyhow::Result<PathBuf> {
    let kept = workspace().join("target/chart-tools");
    fs::create_dir_all(workspace().join("target"))?;
    let lock = fs::File::create(kept.with_extension("lock"))?;
    lock.lock()?;
    if kept.is_dir() {
        return Ok(kept);
    }
    let new = kept.with_extension("new");
    let _ = fs::remove_dir_all(&new);
    let common = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
    pip(&[&["install"], &common[..], &["helm-python-sdk==0.2.2", "PyYAML==6.0.3", "--target"]].concat(), &new)?;
    pip(&[&["download"], &common[..], &["kubernetes-validate==1.37.0", "--dest"]].concat(), &new)?;
    fs::rename(&new, &kept)?;
    Ok(kept)
}

fn pip(arguments: &[&str], target: &Path) -> anyhow::Result<()> {
    let done = Command::new("python3").args(["-m", "pip"]).args(arguments).arg(target).output()?;
    if !done.status.success() {
        bail!("fetching what renders the chart: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

/// One that the gateway takes.
fn secret() -> String {
    testkit::Signer::default().secret().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
