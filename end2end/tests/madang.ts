// The real programs, each start with a fresh data folder and ports of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** Cargo's target folder. */
export const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target');
const server = process.env.MADANG ?? join(target, 'debug/madang');
const agent = process.env.MADANG_AGENT ?? join(target, 'debug/madang-agent');
const site = process.env.MADANG_SITE ?? join(target, 'site');
/** Where pictures, traces and logs are kept. */
export const kept = process.env.MADANG_ARTIFACTS ?? join(target, 'end2end');
/** The distribution's browser; Playwright's own where there is none. */
export const chromium =
  process.env.MADANG_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));

/** What the server says of itself when it is ready. */
export interface Ready {
  http: string;
  https: string;
  mqtt: string;
  setup_code: string | null;
  sign_in: { email: string; password: string } | null;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** One site: its server, and whatever was started beside it. */
export class Madang {
  readonly folder = mkdtempSync(join(tmpdir(), 'madang-journey-'));
  ready!: Ready;
  private server?: ChildProcess;
  private readonly others: ChildProcess[] = [];
  private ports = { http: '127.0.0.1:0', tls: '127.0.0.1:0', mqtt: '127.0.0.1:0' };

  /** Whether the server was ever stopped under open pages: their browsers complain of it. */
  wasAway = false;

  constructor(
    private readonly name: string,
    private readonly configured: Record<string, string> = {},
  ) {}

  /** Starts the server, or starts it again at the same addresses with the same data. */
  async start(extra: string[] = []): Promise<Ready> {
    const log = createWriteStream(this.log('server'), { flags: 'a' });
    const started = spawn(
      server,
      ['serve', '--json', '--data-dir', join(this.folder, 'data'), '--site-dir', site, ...extra],
      {
        cwd: this.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          ...this.configured,
          MADANG__HTTP__ADDRESS: this.ports.http,
          MADANG__HTTP__TLS_ADDRESS: this.ports.tls,
          MADANG__MQTT__ADDRESS: this.ports.mqtt,
        },
      },
    );
    this.server = started;
    started.stderr.pipe(log);
    const line = await new Promise<string>((found, failed) => {
      createInterface(started.stdout).once('line', found);
      started.once('exit', (code) => failed(new Error(`madang ended with ${code}; see ${this.log('server')}`)));
      started.once('error', failed);
    });
    this.ready = JSON.parse(line) as Ready;
    this.ports = {
      http: new URL(this.ready.http).host,
      tls: `127.0.0.1:${new URL(this.ready.https).port}`,
      mqtt: `127.0.0.1:${new URL(this.ready.mqtt.replace(/^mqtts?:/, 'https:')).port}`,
    };
    return this.ready;
  }

  /** Starts `madang-agent` with a state folder of its own. */
  agent(state: string, ...words: string[]): ChildProcess {
    return this.beside(`agent-${state}`, agent, ['--state', join(this.folder, state), ...words]);
  }

  /** Starts another program, such as a device that is not ours; it ends with the site. */
  beside(name: string, program: string, words: string[]): ChildProcess {
    const child = spawn(program, words, { cwd: this.folder, stdio: ['pipe', 'pipe', 'pipe'] });
    const log = createWriteStream(this.log(name), { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.others.push(child);
    return child;
  }

  async stopServer(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.wasAway = true;
    if (this.server) await end(this.server, signal);
  }

  async close(): Promise<void> {
    for (const other of this.others) await end(other, 'SIGKILL');
    await this.stopServer();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private log(of: string): string {
    const folder = join(kept, 'logs');
    mkdirSync(folder, { recursive: true });
    return join(folder, `${this.name}-${of}.log`);
  }
}
