#!/usr/bin/env bash
# The same count by several stream processors: tests/bench/peers/run.sh [--events N] [--broker HOST:PORT]
#
# Makes an environment for each peer below tests/bench/peers/.envs (ignored by git) when it is missing, starts an Apache Kafka
# of its own by deploy/kafka unless a broker is named, and prints a table. Needs `make env`, and Java and Maven for Kafka.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
python=${PYTHON:-python3}

environment() {
  local name=$1
  shift
  [[ -f $here/.envs/$name/.complete ]] && return
  echo "making the environment of $name" >&2
  "$python" -m venv "$here/.envs/$name"
  "$here/.envs/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  touch "$here/.envs/$name/.complete"
}

environment faust faust-streaming==0.15.3 cramjam  # the records are packed with zstd
environment quix quixstreams==3.28.1
environment bytewax 'bytewax[kafka]==0.21.1'
environment pathway pathway==0.33.0

cd "$root"
exec "$root/.venv/bin/python" "$here/compare.py" "$@"
