//! GitHub's API behind a certificate of one's own CA, as on GitHub Enterprise Server.

use testnet_deployer::rehearsal::github::{GitHub, Options, Token};
use testnet_deployer::rehearsal::world::World;
use tokio::process::Command;
use url::Url;

use crate::support::{code, ended};
use crate::transport::tls;

#[tokio::test]
async fn the_api_is_trusted_by_the_ca_that_the_variable_names_and_by_no_other() {
    let world = World::new("octo-org/chain", jiff::Timestamp::now());
    let github = GitHub::start(world, Options { base_path: "/api/v3", ..Options::default() }).unwrap();
    github.admit(Token::of_person("ghp_person", "dora"));
    let (port, ca) = tls(Url::parse(github.api_url()).unwrap().port().unwrap()).await;
    let directory = tempfile::tempdir().unwrap();
    for (ca, exit, told) in
        [(ca, 4, "GitHub knows no `actions/runs/7"), (tls(1).await.1, 12, "GitHub cannot be reached: ")]
    {
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, ca).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
        command
            .args(["inspect", "7", "--repo", "octo-org/chain"])
            .env_clear()
            .env("GITHUB_API_URL", format!("https://localhost:{port}/api/v3"))
            .env("GH_TOKEN", "ghp_person")
            .env("SSL_CERT_FILE", &file)
            .current_dir(directory.path());
        let text = code(&ended(command).await, exit);
        assert!(text.contains(told), "{text}");
    }
}
