#!/bin/sh
# Gateways are killed under a load that comes through TLS.
SCHEME=wss ROUNDS=${ROUNDS:-48}
export SCHEME ROUNDS
exec "${top_builddir:-.}/tests/system/test_killrounds"
