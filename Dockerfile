# The worker. Built from the same constraints as every other set-up; the build tools are for dependencies that have no
# wheel for the machine (faust-streaming on arm64: without a compiler it builds as plain Python).
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 meter \
 && install -d -o meter /var/lib/meter
WORKDIR /app
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt setuptools setuptools-scm Cython wheel
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY meter meter
COPY tables tables
COPY agents agents
COPY docs docs
RUN pip install --no-cache-dir --constraint constraints.txt --no-build-isolation .

USER meter
# In a container the port is reached from outside it; what is published is up to whoever runs it.
ENV METER_DATA_DIR=/var/lib/meter METER_WEB_HOST=0.0.0.0
VOLUME /var/lib/meter
EXPOSE 6066 6067
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:6066/ready', timeout=2)"]
ENTRYPOINT ["meter"]
CMD ["worker"]
