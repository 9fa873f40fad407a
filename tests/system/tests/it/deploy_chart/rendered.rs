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

/// Every switch on.
fn everything() -> Value {
    json!({
        "image": {"tag": "1.2.3"}, "imagePullSecrets": [{"name": "pull"}],
        "nats": {"tlsSecret": "nats-tls", "passwordSecrets": {"gateway": "a", "state-authority": "b", "sync-worker": "c"}},
        "auth": {"allowedOrigins": ["https://play.example.org"]},
        "ingress": {"enabled": true, "host": "play.example.org", "tlsSecret": "tls"},
        "telemetry": {"otlpEndpoint": "http://collector:4318"},
        "networkPolicy": {"enabled": true}, "serviceMonitor": {"enabled": true},
        "services": {
            "gateway": {"autoscaling": {"enabled": true}, "config": {"NATS__STREAMS__REPLICAS": "3"}},
            "state-authority": {"autoscaling": {"enabled": true}, "config": {"NATS__STREAMS__REPLICAS": "3"}},
        },
    })
}

#[test]
fn helm_renders_what_kubernetes_takes_and_the_services_start_with() -> anyhow::Result<()> {
    for (values, least) in [(json!({}), 12), (everything(), 18)] {
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
        let secret = |value: &Value| if text(value).starts_with("${AUTH_SECRET") { "x7Qm".repeat(12) } else { text(value) };
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
                let content = if file.ends_with("uri") { "mongodb://mongo/?replicaSet=stateward".to_owned() } else { "x7Qm".repeat(12) };
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
