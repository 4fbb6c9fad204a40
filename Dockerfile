# Two stages: Debian 12 with compilers builds; the image is an empty file system with kgw, its Lua code, the shared libraries
# it needs and the CA bundle: no shell, no package manager. Runs as any uid, with a read-only root.
FROM debian:bookworm-slim AS build
COPY scripts/packages /src/scripts/packages
RUN sh /src/scripts/packages build
COPY scripts/luajit /src/scripts/luajit
RUN sh /src/scripts/luajit || true
COPY . /src
RUN cd /src && cmake --preset release && ninja -C build kgw
RUN cd /src && sh scripts/image-root /image

FROM scratch
COPY --from=build /image/ /
ENV KONG_PREFIX=/usr/local/kong \
    KONG_NGINX_DAEMON=off \
    KONG_PROXY_ACCESS_LOG=/dev/stdout \
    KONG_PROXY_ERROR_LOG=/dev/stderr \
    KONG_ADMIN_ACCESS_LOG=/dev/stdout \
    KONG_ADMIN_ERROR_LOG=/dev/stderr \
    KONG_STATUS_ACCESS_LOG=off
USER 65532:65532
EXPOSE 8000 8443 8001 8444 8100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/bin/kgw", "health"]
ENTRYPOINT ["/usr/bin/kgw"]
CMD ["docker-start"]
