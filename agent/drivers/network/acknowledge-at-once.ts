import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;

/**
 * Has this machine acknowledge at once what comes from a bridge (`quickack` of ip-route(8)). sshd sends what it has to say
 * after a login in two packets, and the second waits for the acknowledgement of the first, which the kernel delays by
 * 40 ms where the engine's proxy has nothing to send. Only a gain: where it cannot be done, nothing is.
 */
export async function acknowledgeAtOnce(bridge: string): Promise<void> {
  try {
    const { stdout } = await run('ip', ['-4', '-json', 'route', 'show', 'dev', bridge, 'proto', 'kernel'], {
      timeout: TIMEOUT_MS,
    });
    for (const { dst, prefsrc, metrics } of JSON.parse(stdout || '[]') as Route[]) {
      if (!prefsrc || metrics?.some(({ quickack }) => quickack === 1)) continue;
      const route = [dst, 'dev', bridge, 'proto', 'kernel', 'scope', 'link', 'src', prefsrc];
      await run('ip', ['route', 'change', ...route, 'quickack', '1'], { timeout: TIMEOUT_MS });
    }
  } catch {
    // No `ip`, or one that cannot.
  }
}

/** As `ip -json` prints it. */
interface Route {
  dst: string;
  prefsrc?: string;
  metrics?: { quickack?: number }[];
}
