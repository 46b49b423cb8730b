// Claiming with the camera: a label's QR code is filmed, and where there is no camera it is said clearly.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { preregister, serial } from './device';
import { chromium, kept } from './madang';
import { expect, looked, scripted, setUp, test } from './person';

const film = join(kept, `camera-${process.pid}.y4m`);

test.use({
  launchOptions: {
    executablePath: chromium,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${film}`,
    ],
  },
});

const [width, height] = [640, 480];

/** A film of one picture in shades of grey; without one there is no camera. */
function written(luma: Buffer): void {
  const chroma = Buffer.alloc((width * height) / 2, 0x80);
  const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, chroma]);
  const head = Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(film, Buffer.concat([head, frame, frame, frame]));
}

test.beforeEach(() => written(Buffer.alloc(width * height, 0x90)));

/** The QR code that the page shows, before a grey wall. */
async function filmed(page: Page): Promise<void> {
  const { box, path } = await page.locator('svg.qr').evaluate((svg) => ({
    box: svg.getAttribute('viewBox')!.split(' ').map(Number),
    path: svg.querySelector('path')!.getAttribute('d')!,
  }));
  const [quiet, side] = [-box[0], box[2]];
  const scale = Math.floor(440 / side);
  const luma = Buffer.alloc(width * height, 0x90);
  const [left, top] = [Math.floor((width - side * scale) / 2), Math.floor((height - side * scale) / 2)];
  const paint = (x: number, y: number, wide: number, high: number, shade: number) => {
    for (let row = 0; row < high * scale; row++) {
      const start = (top + y * scale + row) * width + left + x * scale;
      luma.fill(shade, start, start + wide * scale);
    }
  };
  paint(0, 0, side, side, 0xeb);
  for (const [, x, y, wide] of path.matchAll(/M(\d+) (\d+)h(\d+)v1/g)) {
    paint(Number(x) + quiet, Number(y) + quiet, Number(wide), 1, 0x10);
  }
  written(luma);
}

test('a label is claimed by holding it before the camera', async ({ page, context, madang }) => {
  test.skip(!scripted(), 'a camera needs a script');
  await setUp(page, madang);
  const link = await preregister(page);
  await filmed(page);
  const [, shown] = link.split('#');
  const [, code] = shown.split(',');
  await context.grantPermissions(['camera']);
  await page.goto('/claim');
  await page.locator('button', { hasText: /Scan with|카메라로/ }).click();
  await expect(page.locator('[name=code]')).toHaveValue(code, { timeout: 30_000 });
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(serial);
  await expect(page.locator('video'), 'the camera is off').toHaveCount(0);
  await page.locator('form:has([name=code]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);
});

test('a camera that is not allowed is said, and typing stays', async ({ page, context, madang }) => {
  test.skip(!scripted(), 'a camera needs a script');
  await setUp(page, madang);
  await context.grantPermissions([]);
  await page.goto('/claim');
  await page.locator('button', { hasText: /Scan with|카메라로/ }).click();
  await expect(page.locator('.scanner [role=status]')).toHaveText(/does not allow|막았습니다/);
  await looked(page, 'claim-camera-refused');
  await page.locator('.scanner button').click();
  await expect(page.locator('.scanner')).toHaveCount(0);
  await expect(page.locator('[name=code]')).toBeEditable();
});
