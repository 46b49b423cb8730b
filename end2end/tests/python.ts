// The Python of the documented device: paho in a folder of the build, which the server's tests fill too.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { target } from './madang';

const PAHO = 'paho-mqtt==2.1.0';
const folder = join(target, 'tmp/paho-2.1.0');
/** The interpreter. */
export const python = join(folder, 'bin/python');
/** The device of the documents. */
export const documented = resolve(import.meta.dirname, '../../docs/devices/paho_device.py');
/** The same device, doing wrong when it is told to. */
export const misbehaving = resolve(import.meta.dirname, 'misbehaving.py');

export default function install(): void {
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return;
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', PAHO], { stdio: 'inherit' });
  writeFileSync(complete, PAHO);
}
