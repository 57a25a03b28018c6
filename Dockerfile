# The program is static and brings its CA roots and time zones: nothing else is needed. Build it first with make build.
FROM scratch
ARG BINARY=bin/operator
COPY ${BINARY} /operator
USER 65532:65532
ENTRYPOINT ["/operator"]
