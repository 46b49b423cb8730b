#!/usr/bin/env python3
"""A device for Madang in Python: enrols, reports a temperature, and switches a lamp on command.

Needs Python 3.9, openssl on the PATH, and `pip install paho-mqtt` (2.x). Speaks MQTT 3.1.1 or 5.

    python3 paho_device.py --state ./lamp 'https://host:8443/claim#serial,code,ca_hash'
"""

import argparse
import hashlib
import hmac
import json
import math
import pathlib
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import urlsafe_b64decode


def canonical(value):
    """RFC 8785: what the signature is computed over."""
    if isinstance(value, dict):
        by_utf16 = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return "{" + ",".join(canonical(k) + ":" + canonical(v) for k, v in by_utf16) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def number(value):
    """A double as ECMAScript writes it."""
    if not math.isfinite(value):
        raise ValueError("not a JSON number")
    if value == 0:
        return "0"
    sign, digits, exponent = ("-" if value < 0 else ""), *split(repr(abs(value)))
    point = len(digits) + exponent
    if 0 < point <= 21:
        if exponent >= 0:
            return sign + digits + "0" * exponent
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def split(text):
    """The shortest digits of a positive double, and the power of ten behind them."""
    mantissa, _, exponent = text.partition("e")
    whole, _, part = mantissa.partition(".")
    digits, power = (whole + part).lstrip("0"), int(exponent or 0) - len(part)
    stripped = digits.rstrip("0")
    return stripped, power + len(digits) - len(stripped)


def signature(secret, topic, body):
    text = topic + "\n" + canonical(body)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


class State:
    """Key, credentials and the last sequence, in a folder of their own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Reports and answers are sent from two threads, in the order of their sequences.
        self.turn = threading.Lock()

    def path(self, name):
        return self.folder / name

    def next_sequence(self):
        path = self.path("sequence")
        sequence = int(path.read_text()) + 1 if path.exists() else 1
        part = self.path("sequence.part")
        part.write_text(str(sequence))
        part.replace(path)
        return sequence


def server_authority(host, port, ca_hash):
    """The site's CA out of the server's own chain, if its hash is the one of the claim link."""
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-showcerts"],
        input=b"", capture_output=True, check=False, timeout=20,
    ).stdout.decode()
    for rest in shown.split("-----BEGIN CERTIFICATE-----")[1:]:
        pem = "-----BEGIN CERTIFICATE-----" + rest.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == ca_hash:
            return pem
    sys.exit("this server does not belong to the site of the claim link")


def enrol(state, link):
    """Trades the code for a certificate, and after the claim for the secret."""
    origin, fragment = link.split("/claim#")
    serial, code, ca_hash = fragment.rsplit(",", 2)
    url = urllib.parse.urlsplit(origin)
    authority = server_authority(url.hostname, url.port or 443, ca_hash)
    state.path("ca.pem").write_text(authority)
    key = state.path("key.pem")
    if not key.exists():
        subprocess.run(
            ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)], check=True
        )
        key.chmod(0o600)
    request = subprocess.run(
        ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=device"],
        capture_output=True, check=True, text=True,
    ).stdout
    trust = ssl.create_default_context(cadata=authority)
    body = json.dumps({"cpu_serial": serial, "code": code, "csr": request}).encode()
    while True:
        call = urllib.request.Request(
            origin + "/api/devices/credentials", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(call, context=trust, timeout=20) as answer:
                credentials = json.load(answer)
                wait = int(answer.headers.get("Retry-After", 5))
                done = answer.status == 200
        except urllib.error.HTTPError as refused:
            sys.exit(f"refused: {refused.read().decode()}")
        state.path("device.pem").write_text(credentials["certificate"])
        if done:
            credentials["cpu_serial"] = serial
            path = state.path("credentials.json")
            path.touch(mode=0o600)
            path.write_text(json.dumps(credentials))
            return credentials
        print(f"open the claim link in a browser to become the owner; asking again in {wait} s", flush=True)
        time.sleep(wait)


class Device:
    def __init__(self, state, credentials, version):
        import paho.mqtt.client as mqtt

        self.mqtt, self.state, self.about = mqtt, state, credentials
        self.uuid = credentials["device_uuid"]
        padding = "=" * (-len(credentials["shared_secret"]) % 4)
        self.secret = urlsafe_b64decode(credentials["shared_secret"] + padding)
        # `%`, `+`, `#` and `/` are ordinary in addresses and special in topics.
        level = credentials["user_email"]
        for special in "%+#/":
            level = level.replace(special, f"%{ord(special):02X}")
        self.reports = f"telemetry/{level}/{self.uuid}"
        self.lamp, self.done, self.highest = "OFF", {}, 0
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=self.uuid,
            protocol=mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311,
        )
        tls = ssl.create_default_context(cafile=str(state.path("ca.pem")))
        tls.load_cert_chain(state.path("device.pem"), state.path("key.pem"))
        self.client.tls_set_context(tls)
        self.client.will_set(f"presence/{self.uuid}", '{"status":"OFFLINE"}', qos=1, retain=True)
        self.client.on_connect = self.connected
        self.client.on_message = self.heard

    def connect(self):
        broker = urllib.parse.urlsplit(self.about["mqtt_url"])
        self.client.connect(broker.hostname, broker.port or 8883, keepalive=60)
        self.client.loop_start()

    def publish(self, topic, body):
        now = int(time.time() * 1000)
        with self.state.turn:
            body = {"timestamp": now, "sequence": self.state.next_sequence(), **body}
            body["signature"] = signature(self.secret, topic, body)
            return self.client.publish(topic, json.dumps(body), qos=1)

    def connected(self, client, _, __, reason, ___=None):
        if reason.is_failure:
            print(f"not connected: {reason}", flush=True)
            return
        client.subscribe([(f"commands/{self.uuid}/#", 1), (f"system/{self.uuid}/#", 1)])
        client.publish(f"presence/{self.uuid}", '{"status":"ONLINE"}', qos=1, retain=True)
        self.publish(
            f"system/{self.uuid}/identity",
            {"device_uuid": self.uuid, "cpu_serial": self.about["cpu_serial"], "macs": [],
             "versions": {"agent": "paho_device 1", "os": sys.platform}},
        )
        print("connected", flush=True)

    def heard(self, _, __, message):
        if not message.topic.startswith(f"commands/{self.uuid}/") or not message.payload:
            return
        command = json.loads(message.payload)
        given = command.pop("signature", "")
        if not hmac.compare_digest(given, signature(self.secret, message.topic, command)):
            print("a command with a wrong signature was ignored", flush=True)
            return
        if command["sequence"] <= self.highest - 1024:
            return
        self.highest = max(self.highest, command["sequence"])
        topic = f"results/{self.uuid}/{command['command_id']}"
        # The same command twice is executed once and answered twice.
        if command["command_id"] not in self.done:
            self.done[command["command_id"]] = self.execute(message.topic, command)
        self.publish(topic, self.done[command["command_id"]])

    def execute(self, topic, command):
        if command["expires_at"] < time.time() * 1000:
            return {"status": "rejected", "reason": "expired"}
        if topic.endswith("/state/desired"):
            # What is desired of every component; a device that comes back is brought to it so.
            wanted = command["arguments"]["components"].get("led", {}).get("status")
        else:
            wanted = command.get("component_key") == "led" and command["arguments"].get("status")
        if wanted not in ("ON", "OFF"):
            return {"status": "rejected", "reason": "unknown_command"}
        self.lamp = wanted
        self.report("led", {"status": wanted})
        return {"status": "completed", "output": {"state": wanted}}

    def report(self, component, reading):
        variant = {"hardware_variant": self.about["hardware_variant"]}
        return self.publish(f"{self.reports}/{component}/status", {**variant, **reading})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", nargs="?", help="the claim link; not needed once enrolled")
    parser.add_argument("--state", default="madang-device", help="folder for key and credentials")
    parser.add_argument("--mqtt", type=int, choices=(3, 5), default=5, help="3 for MQTT 3.1.1")
    parser.add_argument("--reports", type=int, default=0, help="end after so many reports; 0 goes on for ever")
    parser.add_argument("--interval", type=float, help="seconds between two reports")
    arguments = parser.parse_args()
    socket.setdefaulttimeout(20)
    state = State(arguments.state)
    kept = state.path("credentials.json")
    if kept.exists():
        credentials = json.loads(kept.read_text())
    elif arguments.link:
        credentials = enrol(state, arguments.link)
    else:
        parser.error("give the claim link first")
    device = Device(state, credentials, arguments.mqtt)
    device.connect()
    interval = arguments.interval or credentials["report_interval_ms"] / 1000
    sent = 0
    try:
        while not arguments.reports or sent < arguments.reports:
            time.sleep(interval)
            if not device.client.is_connected():
                continue
            temperature = round(21 + random.uniform(-1, 1), 1)
            told = device.report("dht22", {"values": {"temp": temperature, "humidity": 45.1}})
            told.wait_for_publish(timeout=20)
            sent += 1
            print(f"acknowledged report {sent}: {temperature} °C", flush=True)
    except KeyboardInterrupt:
        pass
    farewell = device.client.publish(f"presence/{device.uuid}", '{"status":"OFFLINE"}', qos=1, retain=True)
    farewell.wait_for_publish(timeout=5)
    device.client.disconnect()
    device.client.loop_stop()


if __name__ == "__main__":
    main()
