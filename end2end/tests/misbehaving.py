"""The documented device, doing wrong on demand: each line of standard input is one act, answered by a line.

    report 21.5    an honest report of this temperature
    again          the last report once more, as it was
    forge 99       a report of this temperature, signed with another secret
"""

import importlib.util
import json
import sys


def load(path):
    spec = importlib.util.spec_from_file_location("documented", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    documented = load(sys.argv[1])
    state = documented.State(sys.argv[2])
    credentials = json.loads(state.path("credentials.json").read_text())
    device = documented.Device(state, credentials, int(sys.argv[3]))
    honest, sent = device.secret, []
    publish = device.client.publish

    def noted(topic, payload, **options):
        if topic.startswith("telemetry/") and device.secret == honest:
            sent.append((topic, payload))
        return publish(topic, payload, **options)

    device.client.publish = noted
    device.connect()
    for line in sys.stdin:
        act, *words = line.split()
        if act == "again":
            told = publish(*sent[-1], qos=1)
        else:
            device.secret = honest if act == "report" else bytes(32)
            told = device.report("dht22", {"values": {"temp": float(words[0]), "humidity": 45.1}})
            device.secret = honest
        told.wait_for_publish(timeout=20)
        print(f"{act}: {'acknowledged' if told.is_published() else 'not acknowledged'}", flush=True)


if __name__ == "__main__":
    main()
