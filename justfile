# Thin recipes; each is a command that you can type yourself.

# List the recipes
default:
    @just --list

# The whole service on port 8851, state below ./anonlink-data
serve *flags:
    cargo run --release -- serve {{flags}}

# Everything that CI checks
test *steps:
    tests/run {{steps}}

# Criterion benchmarks
bench *names:
    cargo bench {{names}}

# Side by side with PyPI anonlink, faiss-cpu, FPSim2 and chemfp
bench-peers *flags:
    cargo build --profile dist
    benches/peers/run.sh {{flags}}

# Whole jobs over REST
bench-jobs *flags:
    cargo build --profile dist
    benches/jobs/run.sh {{flags}}

# Make the fixtures anew
fixtures:
    fixtures/make.sh

# The image, for this machine's architecture
image tag="anonlink:0.1.0":
    docker build -t {{tag}} .

# The image's binary twice, in two folders: the same bytes
reproducible *arch:
    deploy/image/reproduce.sh {{arch}}

# Every parser under libFuzzer, 10 million executions each unless told otherwise
fuzz *flags:
    tests/fuzz/libfuzzer/run {{flags}}

# The ledger beside its model for two million steps
soak-ledger:
    ANONLINK_WALK_STEPS=1000000 cargo test --release --lib the_ledger_does_what_its_model_does -- --include-ignored --nocapture

# A cluster under load and every kind of fault for 20 minutes; ANONLINK_SOAK_SEED repeats the dice of an earlier one
soak seconds="1200":
    ANONLINK_SOAK_SECONDS={{seconds}} cargo test --locked --test infra a_soaked_cluster -- --nocapture

# The service under load: requests, slow clients, a large upload, many projects, fairness
bench-load *cases:
    cargo build --profile dist
    benches/load/run.sh {{cases}}
