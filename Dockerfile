# Builds the sample, or your own files where a folder is mounted at /casebook/raw:
#   docker build -t casebook . && docker run -v "$PWD/raw:/casebook/raw" casebook build
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home casebook
WORKDIR /casebook
RUN chown casebook /casebook
USER casebook
COPY --chown=casebook . .
RUN make build
ENTRYPOINT ["make"]
CMD ["build"]
