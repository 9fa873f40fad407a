//! The Dockerfile and the images that the laptop's stack is made of.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context, ensure};
use testkit::{
    service::workspace,
    tools::{self, Tool},
};

#[test]
fn hadolint_has_nothing_to_say_of_the_dockerfile_and_its_process_is_not_root() -> anyhow::Result<()> {
    let file = workspace().join("deploy/images/Dockerfile");
    let judged = Command::new(tools::ensure(Tool::Hadolint)?).arg("--failure-threshold=style").arg(&file).output()?;
    ensure!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    let text = fs::read_to_string(file)?;
    let user = text.lines().rev().find_map(|line| line.strip_prefix("USER ")).context("the image has a user")?;
    let number: u32 = user.split(':').next().unwrap_or_default().parse().context("the user is a number")?;
    ensure!(number > 0, "the image's user is root");
    let last_stage = text.rfind("\nFROM ").context("the Dockerfile has stages")?;
    ensure!(text[last_stage..].contains("\nUSER "), "the user stands in the stage that is shipped");
    Ok(())
}

#[test]
fn every_image_has_a_pinned_tag() -> anyhow::Result<()> {
    let dockerfile = fs::read_to_string(workspace().join("deploy/images/Dockerfile"))?;
    let compose = fs::read_to_string(workspace().join("deploy/compose/compose.yaml"))?;
    let stages: BTreeSet<_> = dockerfile.lines().filter_map(|line| line.split_once(" AS ").map(|(_, stage)| stage.trim())).collect();
    let bases = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split_whitespace().next());
    let pulled = compose.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    let images: Vec<_> =
        bases.filter(|base| !stages.contains(base)).chain(pulled.filter(|image| !image.starts_with("stateward/"))).collect();
    ensure!(images.len() >= 9, "{images:?}");
    for image in images {
        let tag = image.split_once(':').map(|(_, tag)| tag);
        ensure!(tag.is_some_and(|tag| tag.contains(|c: char| c.is_ascii_digit()) || tag == "bookworm-slim"), "{image}");
    }
    Ok(())
}
