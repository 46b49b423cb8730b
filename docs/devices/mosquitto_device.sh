#!/bin/sh
# A device for Madang by hand: says who it is and reports once, each over a connection of its own.
#
#     sh mosquitto_device.sh ./lamp dht22 '{"values": {"temp": 25}}'
#
# Needs jq, openssl, mosquitto_pub, and the folder that paho_device.py fills.
set -eu
cd "$1"

about() { jq --raw-output "$1" credentials.json; }
id=$(about .device_uuid)
# `%`, `+`, `#` and `/` are ordinary in addresses and special in topics.
owner=$(about '.user_email | gsub("%"; "%25") | gsub("[+]"; "%2B") | gsub("#"; "%23") | gsub("/"; "%2F")')
broker=$(about '.mqtt_url | ltrimstr("mqtts://")')
# The secret is base64url without padding; openssl wants its bytes in hexadecimal.
key=$(printf '%s=' "$(about .shared_secret | tr -- '-_' '+/')" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')

# Puts time and sequence into a body, signs it for a topic, and writes the message.
signed() {
    sequence=$(($(cat sequence 2>/dev/null || echo 0) + 1))
    echo "$sequence" >sequence
    body=$(printf '%s' "$2" | jq --compact-output --sort-keys --argjson sequence "$sequence" \
        '. + {timestamp: (now * 1000 | floor), sequence: $sequence}')
    signature=$(printf '%s\n%s' "$1" "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" | sed 's/.*= *//')
    printf '%s' "$body" | jq --compact-output --join-output --arg signature "$signature" '. + {signature: $signature}'
}

send() {
    message=$(signed "$1" "$2")
    printf '%s' "$message" | mosquitto_pub -h "${broker%:*}" -p "${broker##*:}" -V 5 -i "$id" -q 1 \
        --cafile ca.pem --cert device.pem --key key.pem -t "$1" -s
}

identity=$(about '{device_uuid, cpu_serial, macs: [], versions: {agent: "mosquitto_pub"}}')
report=$(about "{hardware_variant} + $3")
send "system/$id/identity" "$identity"
send "telemetry/$owner/$id/$2/status" "$report"
