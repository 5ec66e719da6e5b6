#!/usr/bin/env bash
# The whole chain on this machine: real manuals -> corpus -> base model -> longer context -> chat model -> endpoint -> an answer.
# Set-up is done by `make quickstart`, which calls this. TANREN_TEXT=DIR takes a directory of your own instead of the Debian packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/quickstart
state=.tanren # where the command looks by itself
tanren() { bin/tanren "$@"; }

echo "==> Raw text: manuals in Japanese and English, program code"
.venv/bin/python examples/quickstart/make_data.py --output "$out/data" ${TANREN_TEXT:+--text "$TANREN_TEXT"}

# The endpoint asks for a key; it is made here once and never committed.
if [ ! -s "$out/api-key" ]; then
  (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(24))' >"$out/api-key")
fi
(
  umask 077
  printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: tanren-assistant-keys\nstringData:\n  key: "%s"\n' "$(cat "$out/api-key")" >"$out/keys.yaml"
)

echo "==> The chain (state in $PWD/$state; stopping and starting again goes on)"
started=$SECONDS
# The operator goes on in the background, so that the endpoint outlives this script; an interrupted chain is stopped in order.
trap 'tanren stop; exit 130' INT TERM
tanren run -f examples/quickstart "$out/keys.yaml" --detach
tanren run -f examples/quickstart "$out/keys.yaml" --until complete
took=$((SECONDS - started))
trap - INT TERM

mkdir -p "$out/report"
cp "$state"/claims/default/pretrainrun-base/pretrainruns/base-*/train/loss.png "$out/report/loss.png"
cp "$state"/claims/default/contextextension-long/contextextensions/long-*/measure/loss-by-position.png "$out/report/loss-by-position.png"

echo
echo "==> Corpus funnel, losses, scores"
tanren describe corpus manuals --only funnel
tanren describe pretrainrun base --only figures
tanren describe contextextension long --only figures
tanren describe alignmentrun assistant --only figures
tanren describe evaluation assistant --only figures
echo
echo "==> What everything was made from"
tanren tree
echo
echo "==> Ask the model"
for question in "What is a corpus?" "位置補間とは何ですか。"; do
  echo "> $question"
  tanren chat assistant --key-file "$out/api-key" --message "$question" --max-tokens 60 --temperature 0
done
echo
echo "pictures   $out/report/loss.png"
echo "           $out/report/loss-by-position.png"
echo "endpoint   http://127.0.0.1:8000/v1 (key in $out/api-key), goes on until: bin/tanren stop --state $state"
echo "look at it bin/tanren ui --state $state: everything in the browser"
echo "           bin/tanren get, describe, logs, tree: README.md, The command"
echo "time       ${took} s for the chain"
