# The agent, the console and the command line. `--build-arg EXTRAS=demo` adds the demo's traffic.
FROM python:3.11.13-slim-bookworm AS build
ARG EXTRAS=all
COPY . /src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir "/src[${EXTRAS}]"

FROM python:3.11.13-slim-bookworm
RUN useradd --uid 10001 --home-dir /var/lib/eda-monitor --create-home --shell /usr/sbin/nologin eda
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/eda-monitor
VOLUME /var/lib/eda-monitor
EXPOSE 9464 8501
ENTRYPOINT ["eda-monitor"]
CMD ["up", "--config", "/etc/eda-monitor/eda-monitor.toml"]
