//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The tables of the time zones hold tens of thousands of addresses. In a program that may be loaded anywhere, each
    // is put right at every start, which takes longer than all else that `relgate check` does before it reads a file.
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bin=relgate=-no-pie");
    }
}
