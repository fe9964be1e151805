# The static binary in an image with nothing but certificates and time zones, as
# a user without rights. The binaries come from `make build-static`:
#
#   make build-static
#   docker buildx build --platform linux/amd64,linux/arm64 -t ingest .
#   docker run --rm --read-only --tmpfs /tmp --env-file ingest.env ingest check
#
# docs/run-anywhere.md has the rest: configuration, Compose, Kubernetes.
FROM gcr.io/distroless/static-debian12:nonroot
ARG TARGETARCH
COPY --chmod=0755 dist/ingest-linux-${TARGETARCH} /usr/local/bin/ingest
USER nonroot:nonroot
WORKDIR /home/nonroot
ENTRYPOINT ["/usr/local/bin/ingest"]
