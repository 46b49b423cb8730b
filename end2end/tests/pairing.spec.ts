// Giving a device a network over Bluetooth, from the claim page. The radio is fake: `navigator.bluetooth` is put there by
// the test and speaks the device's side of Improv Wi-Fi 2.2, in bytes. No real radio takes part.
import { once } from 'node:events';
import type { Page } from '@playwright/test';
import { preregister, serial } from './device';
import { expect, looked, scripted, setUp, test } from './person';

/** How the fake device is. */
interface Fake {
  /** Where it says that it is claimed. */
  url: string;
  /** Whether somebody must touch it first; `touch()` in the page does. */
  button: boolean;
  /** What happens when it is chosen. */
  chosen: 'chosen' | 'nobody';
}

/** Runs in the page: a device that knows the network `lab` with the password `correct horse`. */
function radio(fake: Fake): void {
  const base = '00467768-6228-2272-4663-27747826800';
  const [STATE, FAULT, COMMAND, RESULT, CAPABILITIES] = [1, 2, 3, 4, 5].map((number) => base + number);
  const sum = (bytes: number[]) => bytes.reduce((all, byte) => (all + byte) & 0xff, 0);
  const framed = (command: number, texts: string[]) => {
    const data = texts.flatMap((text) => {
      const bytes = [...new TextEncoder().encode(text)];
      return [bytes.length, ...bytes];
    });
    const packet = [command, data.length, ...data];
    return [...packet, sum(packet)];
  };
  const view = (bytes: number[]) => new DataView(new Uint8Array(bytes).buffer);

  class Characteristic extends EventTarget {
    value?: DataView;
    private told = false;
    constructor(
      readonly uuid: string,
      private bytes: number[],
    ) {
      super();
    }
    async startNotifications() {
      this.told = true;
      return this;
    }
    async readValue() {
      return view(this.bytes);
    }
    async writeValueWithResponse(piece: Uint8Array) {
      if (piece.length > 20) throw new DOMException('more than a packet', 'NetworkError');
      await hear([...piece]);
    }
    set(bytes: number[]) {
      this.bytes = bytes;
      if (!this.told) return;
      this.value = view(bytes.slice(0, 20)); // what one notification carries
      this.dispatchEvent(new Event('characteristicvaluechanged'));
    }
  }
  const all = new Map(
    [
      new Characteristic(STATE, [fake.button ? 1 : 2]),
      new Characteristic(FAULT, [0]),
      new Characteristic(COMMAND, []),
      new Characteristic(RESULT, []),
      new Characteristic(CAPABILITIES, [6]),
    ].map((characteristic) => [characteristic.uuid, characteristic]),
  );
  const set = (uuid: string, ...bytes: number[]) => all.get(uuid)!.set(bytes);

  let came: number[] = [];
  const sent: string[] = [];
  async function hear(piece: number[]): Promise<void> {
    came.push(...piece);
    if (came.length < 2 || came.length < came[1] + 3) return;
    const packet = came;
    came = [];
    const [command, length] = packet;
    if (packet.length !== length + 3 || sum(packet.slice(0, -1)) !== packet.at(-1)) return set(FAULT, 1);
    if (command === 4) {
      return set(RESULT, ...framed(4, ['lab', '-52', 'WPA2', 'cafe next door', '-80', 'NO']));
    }
    if (command !== 1) return set(FAULT, 2);
    const text = (at: number) => new TextDecoder().decode(new Uint8Array(packet.slice(at + 1, at + 1 + packet[at])));
    const ssid = text(2);
    const password = text(3 + packet[2]);
    sent.push(ssid);
    set(FAULT, 0);
    set(STATE, 3);
    const go = () => {
      if (ssid === 'attic') {
        set(FAULT, 0xff);
        set(STATE, 2);
      } else if (ssid !== 'lab' || password !== 'correct horse') {
        set(FAULT, 3);
        set(STATE, 2);
      } else {
        set(STATE, 4);
        set(RESULT, ...framed(1, [fake.url]));
      }
    };
    Object.assign(window, { go });
  }

  const device = Object.assign(new EventTarget(), { name: 'Madang 0001', gatt: {} });
  Object.assign(device.gatt, {
    connect: async () => device.gatt,
    disconnect: () => Object.assign(window, { left: true }),
    getPrimaryService: async () => ({ getCharacteristic: async (uuid: string) => all.get(uuid) }),
  });
  const bluetooth = {
    requestDevice: async (wish: { filters: { services: string[] }[] }) => {
      if (wish.filters[0].services[0] !== `${base}0`) throw new TypeError('another service');
      if (fake.chosen === 'nobody') throw new DOMException('cancelled', 'NotFoundError');
      return device;
    },
  };
  Object.defineProperty(navigator, 'bluetooth', { value: bluetooth, configurable: true });
  Object.assign(window, {
    sent,
    touch: () => set(STATE, 2),
    lose: () => device.dispatchEvent(new Event('gattserverdisconnected')),
  });
}

/** Has the page's fake device do something. */
const does = (page: Page, what: 'go' | 'touch' | 'lose') =>
  page.evaluate((name) => (window as unknown as Record<string, () => void>)[name](), what);

const panel = (page: Page) => page.locator('.pairing');
const said = (page: Page) => panel(page).locator('[role=status]');

async function opened(page: Page): Promise<void> {
  await page.goto('/claim');
  await page.locator('button', { hasText: /over Bluetooth|블루투스로/ }).click();
  await expect(panel(page)).toBeVisible();
}

async function chosen(page: Page): Promise<void> {
  await opened(page);
  await panel(page).locator('button', { hasText: /Choose|고르기/ }).click();
}

async function sends(page: Page, ssid: string, password: string): Promise<void> {
  await panel(page).locator('#pairing-ssid').fill(ssid);
  await panel(page).locator('#pairing-password').fill(password);
  await panel(page).locator('button[type=submit]').click();
}

const good: Fake = { url: `https://lab.example:8443/claim#${serial}`, button: false, chosen: 'chosen' };

test.beforeEach(async ({ page, madang }) => {
  test.skip(!scripted(), 'a radio needs a script');
  await setUp(page, madang);
});

test('a device is given a network, after a password that was refused, and its serial number is filled in', async ({ page }) => {
  await page.addInitScript(radio, good);
  await chosen(page);
  await expect(said(page)).toContainText('Madang 0001');
  await expect(panel(page).locator('datalist option')).toHaveCount(2);
  await looked(page, 'pairing-ready');

  // What no network can be stays in the browser.
  await sends(page, 'lab', 'short');
  await expect(panel(page).locator('#pairing-password')).toHaveAttribute('aria-invalid', 'true');
  await expect(panel(page).locator('#pairing-password')).toBeFocused();
  expect(await page.evaluate('sent')).toEqual([]);

  await sends(page, 'lab', 'a wrong password');
  await expect(said(page)).toHaveText(/joins the network|연결하고 사이트를 찾고/);
  await looked(page, 'pairing-trying');
  await does(page, 'go');
  await expect(said(page)).toContainText(/could not join|연결하지 못했습니다/);
  await expect(panel(page).locator('#pairing-ssid')).toHaveValue('lab');
  await looked(page, 'pairing-refused');

  await sends(page, 'attic', 'correct horse');
  await does(page, 'go');
  await expect(said(page)).toContainText(/without reaching its site|닿지 못했을/);

  await sends(page, 'lab', 'correct horse');
  await does(page, 'go');
  await expect(said(page)).toContainText('https://lab.example:8443');
  await expect(said(page), 'no error is left').not.toContainText(/without reaching|닿지 못했을/);
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(serial);
  await expect(panel(page).locator('#pairing-password')).toHaveValue('');
  expect(await page.evaluate('left'), 'the device is let go').toBe(true);
  await looked(page, 'pairing-done');
});

test('a device that was given its network is claimed, and told of its owner', async ({ page, madang }) => {
  const link = await preregister(page);
  const [origin, shown] = link.split('/claim#');
  const enrol = madang.agent('machine', 'enroll', link);
  const ended = once(enrol, 'exit');
  await once(enrol.stdout!, 'data'); // it waits for an owner

  await page.addInitScript(radio, { ...good, url: `${origin}/claim#${serial}` });
  await chosen(page);
  await sends(page, 'lab', 'correct horse');
  await does(page, 'go');
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(serial);
  await page.locator('[name=code]').fill(shown.split(',')[1]);
  await page.locator('form:has([name=code]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);
  expect((await ended)[0], 'the agent was told of its owner').toBe(0);
});

test('a device with a button waits to be touched, and one that is lost is said', async ({ page }) => {
  await page.addInitScript(radio, { ...good, button: true });
  await chosen(page);
  await expect(said(page)).toContainText(/press the button|버튼을 누르세요/);
  await looked(page, 'pairing-touch');
  await does(page, 'touch');
  await expect(said(page)).toContainText(/is ready|연결되었습니다/);
  await does(page, 'lose');
  await expect(said(page)).toContainText(/was lost|끊겼습니다/);
  await expect(panel(page).locator('button', { hasText: /Choose|고르기/ })).toBeEnabled();
});

test('nobody chosen, and a browser without Bluetooth, are said clearly', async ({ page }) => {
  await page.addInitScript(radio, { ...good, chosen: 'nobody' as const });
  await chosen(page);
  await expect(said(page)).toContainText(/No device was chosen|고르지 않았습니다/);
  await panel(page).locator('button', { hasText: /^(Close|닫기)$/ }).click();
  await expect(panel(page)).toHaveCount(0);

  await page.addInitScript(() => Object.defineProperty(navigator, 'bluetooth', { value: undefined }));
  await opened(page);
  await expect(said(page)).toContainText(/cannot use Bluetooth|쓸 수 없습니다/);
  await looked(page, 'pairing-not-able');
  await expect(page.locator('[name=code]')).toBeEditable();
});
