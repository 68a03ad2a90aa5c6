#!/bin/sh
# The remote control from a shell: every action is POST /api/<action>, its fields are a JSON object.
#
#   TOKEN=$(jeffbot token YOUR_DISCORD_USER_ID) sh examples/curl.sh airhorn
set -eu

url=${JEFFBOT_URL:-http://localhost:8765}
sound=${1:-airhorn}

ask() { # action [fields]
    curl --silent --show-error --fail-with-body --request POST "$url/api/$1" \
        --header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json" --data "${2:-}"
    echo
}

ask play "{\"filename\": \"$sound\", \"volume\": 80}"
ask status
ask stop
