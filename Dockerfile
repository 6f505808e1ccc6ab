# The image: one static binary, its SBOM, certificate authorities, and nothing else. Under 40 MiB, without a shell, run as user 65532.
#
#   docker build -t anonlink:0.1.0 .
#   docker buildx build --platform linux/amd64,linux/arm64 -t anonlink:0.1.0 .
#   docker run -p 8851:8851 -v anonlink-data:/data anonlink:0.1.0
#
# The whole service in one container, its state in the volume; with DATABASE_SERVER and so on, a part of a cluster
# (deploy/compose.yaml, deploy/helm). The binary can be made outside as well, by the script that is used here:
#
#   deploy/image/build.sh amd64 && docker build --build-arg BINARY=prebuilt -t anonlink:0.1.0 .
# The binary is linked with musl, which looks up names by itself (static glibc wants the machine's modules for that), and with mimalloc,
# because musl's own allocator takes one lock for all threads. benches/builds.py compares it with a static one of glibc.
ARG BINARY=built

FROM --platform=$BUILDPLATFORM rust:1.95.0-bookworm AS built
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ARG TARGETARCH
RUN deploy/image/build.sh "$TARGETARCH" && mv "target/image/$TARGETARCH" /image

FROM scratch AS prebuilt
ARG TARGETARCH
COPY target/image/$TARGETARCH /image

FROM ${BINARY} AS binary

FROM scratch
LABEL org.opencontainers.image.title="Anonlink" \
      org.opencontainers.image.description="Privacy-preserving record linkage service" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=binary /image/root /
COPY --from=binary --chown=65532:65532 /image/state /
# Inside a container the world is beyond the loopback interface. State of the embedded service is a volume; in a cluster nothing is
# written but to /tmp. The allocator takes memory when it is needed and gives it back at once (docs/performance.md).
ENV MIMALLOC_ARENA_EAGER_COMMIT=0 \
    MIMALLOC_PURGE_DELAY=0 \
    ANONLINK_LISTEN=0.0.0.0:8851 \
    ANONLINK_DATA_DIR=/data \
    TMPDIR=/tmp
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8851
ENTRYPOINT ["/anonlink"]
CMD ["serve"]
