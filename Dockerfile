# The program is static and brings its CA roots and time zones: nothing else is needed. Build it first with make build.
FROM scratch
ARG BINARY=bin/operator
COPY ${BINARY} /operator
# An init container of a test Job copies it: /report install DIRECTORY.
COPY bin/report /report
USER 65532:65532
ENTRYPOINT ["/operator"]
