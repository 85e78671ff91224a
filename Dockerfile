# What the release puts the binary into: no shell, no package manager, not root.
FROM gcr.io/distroless/static-debian12:nonroot
ARG TARGETPLATFORM
COPY ${TARGETPLATFORM}/sleuth /usr/local/bin/sleuth
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sleuth"]
