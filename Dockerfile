# OTX in a container: built on Debian 12 with Swift 6.3, run on Debian 12 with nothing but the program and its libraries.
# Scripts/docker.sh builds and runs it.
ARG SWIFT=6.3
ARG DEBIAN=bookworm

FROM swift:${SWIFT}-${DEBIAN} AS builder
# --cuda instead: also the CUDA libraries (4 GB).
ARG SETUP=--cpu
ENV DEBIAN_FRONTEND=noninteractive XDG_CACHE_HOME=/cache
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git make pkg-config python3 python3-pip unzip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# What the set-up depends on comes first: a change elsewhere does not download libraries again.
COPY Scripts/bootstrap.sh Scripts/build-shims.sh Scripts/packages.txt Scripts/wheels.txt Scripts/
COPY Shims Shims
COPY Sources/CTorch/include Sources/CTorch/include
COPY Sources/COpenVINO/include Sources/COpenVINO/include
RUN Scripts/bootstrap.sh "${SETUP}"
COPY . .
RUN make install PREFIX=/opt/otx \
  && Scripts/runtime-packages.sh /opt/otx >/opt/otx/share/otx/packages.txt

FROM debian:${DEBIAN}-slim
COPY --from=builder /opt/otx /opt/otx
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive xargs -a /opt/otx/share/otx/packages.txt apt-get install -y --no-install-recommends \
  && rm -rf /var/lib/apt/lists/* \
  && ln -s /opt/otx/bin/otx /usr/local/bin/otx \
  && otx doctor
ENV LANG=C.UTF-8 HOME=/tmp XDG_CACHE_HOME=/tmp/cache
WORKDIR /data
ENTRYPOINT ["otx"]
CMD ["--help"]
