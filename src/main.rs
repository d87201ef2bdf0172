//! The `relgate` program.

fn main() -> std::process::ExitCode {
    relgate::cli::main()
}
