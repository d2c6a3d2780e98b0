# The exchange in a container. It only calls scripts/install.sh, which the tests run too.
#
#     docker build -t exchange .
#     docker run --rm -v exchange:/var/lib/exchange exchange init /var/lib/exchange/training --origin exchange.example/training --training
#     docker run --rm -v exchange:/var/lib/exchange -p 127.0.0.1:8000:8000 exchange serve /var/lib/exchange/training --host 0.0.0.0 --port 8000

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN scripts/install.sh /opt/exchange

FROM python:3.13-slim
RUN useradd --system --user-group --no-create-home exchange \
    && install --directory --owner exchange --group exchange --mode 0700 /var/lib/exchange
COPY --from=build /opt/exchange /opt/exchange
USER exchange
WORKDIR /var/lib/exchange
VOLUME /var/lib/exchange
EXPOSE 8000
ENTRYPOINT ["/opt/exchange/bin/exchange"]
CMD ["--help"]
