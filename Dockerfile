# The service, and with another command the runner: see docker-compose.yml.
FROM python:3.13-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/headgate
COPY pyproject.toml constraints.txt README.md ./
COPY .flows .flows
COPY service service
COPY runners runners
COPY webhooks webhooks
# Both names, because the second is what pip 25.3 and later ask for when they build the project itself.
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt pip install --no-cache-dir .

RUN useradd --create-home --uid 1000 headgate \
    && install -d -o headgate -g headgate -m 0700 /data
USER headgate
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=4s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]

# Bound to every address of the container, so it asks for the admin token that its first start prints.
CMD ["headgate", "up", "--host", "0.0.0.0", "--data", "/data"]
