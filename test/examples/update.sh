#!/bin/sh
# Reads an evaluation and stores a new value once. Needs curl 7.71 or newer:
#   TOKEN=<JWT> sh update.sh https://<host>/v1/run/<run_id>/evaluation/<evaluation_id>
# If the program fails, it may still have stored the new value.
set -eu
export LC_ALL=C
url=${1:?must be the URL of an evaluation}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Every user of the machine can read a program's arguments, so the token goes into a file.
printf 'Authorization: Bearer %s\n' "$TOKEN" > "$dir/token"

# Prints the status of the response. curl repeats the request after a 429, a 5xx or a lost
# connection.
send() {
  curl --silent --show-error --max-time 30 --retry 5 --retry-all-errors --retry-max-time 120 \
    --header "@$dir/token" --dump-header "$dir/headers" --output "$dir/body" \
    --write-out '%{http_code}' "$@" "$url"
}

# Prints a header of the last response. curl writes the headers of all attempts into one file.
header() {
  tr -d '\r' < "$dir/headers" | awk -F ': ' -v name="$1" '
    /^HTTP\// { value = "" } tolower($1) == name { value = $2 } END { print value }'
}

fail() {
  echo "$status $(cat "$dir/body")" >&2
  exit 1
}

bookmark=
for _ in 1 2 3 4 5 6 7 8 9 10; do
  status=$(send --header "x-d1-bookmark: $bookmark")
  [ "$status" = 200 ] || fail
  etag=$(header etag)
  now=$(sed 's/.*"value":\([^,}]*\).*/\1/' "$dir/body")
  # Your decision goes here.
  value=$(awk -v now="$now" 'BEGIN { printf "%.15g", (now < 9 ? now + 1 : 10) }')
  [ "$value" != "$now" ] || break
  # All retries send this key, so the Worker stores the value once.
  key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  status=$(send --request PUT --data "{\"value\":$value}" --header 'Content-Type: application/json' \
    --header "If-Match: ${etag:?is missing, so an update would not be guarded}" \
    --header "Idempotency-Key: $key")
  case $status in
    200) break ;;
    412) bookmark=$(header x-d1-bookmark) ;; # Another caller has changed the value.
    *) fail ;;
  esac
done
[ "$status" = 200 ] || fail
echo "$value"
