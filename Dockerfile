# truepremia with its locked packages:
#   docker build -t truepremia .
#   docker run --rm -v "$PWD:/work" truepremia run bgn_0
FROM python:3.11-slim
COPY requirements.lock /opt/truepremia/
RUN python -m pip install --no-cache-dir --require-hashes -r /opt/truepremia/requirements.lock
COPY . /opt/truepremia/source
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation /opt/truepremia/source \
    && rm -r /opt/truepremia/source
WORKDIR /work
ENTRYPOINT ["truepremia"]
CMD ["--help"]
