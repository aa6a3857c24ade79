#!/usr/bin/env bash
# Opens the page of a served model in a headless browser, at two sizes, and checks what stands in it.
#
#   Scripts/test-page.sh PROGRAM MODEL PICTURES [COMPARED]
#
# PROGRAM is otx-run or otx; MODEL an openvino.xml; PICTURES a folder whose first picture is looked at; COMPARED another
# model to show beside the first. Screenshots stay in $OTX_SCREENSHOTS, where that is set. CHROMIUM: another browser.
set -euo pipefail

say() { printf 'test-page: %s\n' "$*"; }
fail() {
  printf 'test-page failed: %s\n' "$*" >&2
  exit 1
}

program="${1:?usage: test-page.sh PROGRAM MODEL PICTURES [COMPARED]}"
model="${2:?usage: test-page.sh PROGRAM MODEL PICTURES [COMPARED]}"
pictures="${3:?usage: test-page.sh PROGRAM MODEL PICTURES [COMPARED]}"
browser="${CHROMIUM:-chromium}"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx-page.XXXXXX")"
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
shots="${OTX_SCREENSHOTS:-$work}"
mkdir -p "$shots"

arguments=(--serve 127.0.0.1:0 -i "$pictures")
case "$(basename "$program")" in
  otx) arguments=(demo "$model" "${arguments[@]}") ;;
  *) arguments=(--model "$model" "${arguments[@]}") ;;
esac
if [ -n "${4:-}" ]; then arguments+=(--compare "$4"); fi
"$program" "${arguments[@]}" >"$work/log" 2>&1 &
server=$!
address=""
for _ in $(seq 300); do
  address="$(sed -n 's/.*serving on \(http[^ ]*\).*/\1/p' "$work/log")"
  [ -z "$address" ] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2 && fail "the server does not run"; }
  sleep 0.1
done
[ -n "$address" ] || fail "the server does not listen"

# A profile of its own, no sandbox for root, and time that runs as fast as the page has nothing to do.
open() {
  local flags=(--headless --disable-gpu --no-first-run --hide-scrollbars --user-data-dir="$work/profile"
    --virtual-time-budget=15000 --timeout=60000)
  if [ "$(id -u)" = 0 ]; then flags+=(--no-sandbox); fi
  "$browser" "${flags[@]}" "$@" 2>"$work/browser.log"
}

# The first start makes the profile, on a busy machine for longer than a page has time.
open --dump-dom about:blank >/dev/null

# The picture's own predictions, by the interface for programs.
curl -sf "${address}samples/0" -o "$work/picture"
expected="$(curl -sf -F "file=@$work/picture;type=image/jpeg" "${address}predict" | grep -o '"label":' | wc -l)"
[ "$expected" -gt 0 ] || fail "the model finds nothing in the first picture: name others"

open --window-size=1280,800 --dump-dom "${address}?sample=0" >"$work/dom.html"
grep -q 'data-state="done"' "$work/dom.html" ||
  { grep -o '<div id="problem".*</div>' "$work/dom.html" >&2 || true; fail "the page did not come to an answer"; }
if grep -q '<tr tabindex\|<tr data-label' "$work/dom.html"; then
  rows="$(grep -o '<tr [^>]*data-label="[^"]*"' "$work/dom.html" | wc -l)"
  [ "$rows" -ge "$expected" ] || fail "the page shows $rows findings, the model has $expected"
  say "$rows findings in the page's tables"
else
  grep -qE 'class="(bars|values)"' "$work/dom.html" || fail "the page shows no findings"
  say "labels or values are shown"
fi
# The slider hides what is not sure enough, without another request.
before="$(curl -sf "${address}metrics" | sed -n 's/^otx_requests_total{path="\/predict",status="200"} //p')"
open --window-size=1280,800 --dump-dom "${address}?sample=0&threshold=1" >"$work/none.html"
after="$(curl -sf "${address}metrics" | sed -n 's/^otx_requests_total{path="\/predict",status="200"} //p')"
models="$(grep -o 'class="card panel[^"]*"' "$work/none.html" | wc -l)"
[ $((after - before)) -eq "$models" ] || fail "$models models were asked $((after - before)) times"

# A wrong link is told in words.
open --window-size=1280,800 --dump-dom "${address}?sample=9999" >"$work/error.html"
grep -q 'There is no picture 9999' "$work/error.html" || fail "a picture that is not there is not told"

for size in 1280,800 390,844; do
  name="page-${size/,/x}"
  open --window-size="$size" --screenshot="$shots/$name.png" "${address}?sample=0" >/dev/null
  [ "$(stat -c %s "$shots/$name.png")" -gt 20000 ] || fail "the screenshot $name.png is empty"
  open --window-size="$size" --blink-settings=preferredColorScheme=0 --screenshot="$shots/$name-dark.png" \
    "${address}?sample=0" >/dev/null
done

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=""
[ "$status" = 0 ] || fail "the server ended with status $status"
say "passed"
