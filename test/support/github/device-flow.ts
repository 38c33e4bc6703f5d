import { randomBytes } from 'node:crypto';
import { accountOf, type World } from './world.ts';

/** What the person in front of the browser does with a code. */
export type AtBrowser = { login: string } | 'denies' | 'waits' | 'too-late';

interface Pending {
  scopes: string[];
  askedAt: number;
}

const INTERVAL_SECONDS = 1;

/** The device flow of OAuth (RFC 8628) as GitHub speaks it: two calls, answered as a form or as JSON. */
export class DeviceFlow {
  atBrowser: AtBrowser = 'waits';
  readonly #world: World;
  readonly #pending = new Map<string, Pending>();

  constructor(world: World) {
    this.#world = world;
  }

  /** `POST /login/device/code`. */
  start(form: URLSearchParams, host: string): Record<string, string> {
    if (!form.get('client_id')) return { error: 'incorrect_client_credentials' };
    const device = randomBytes(20).toString('hex');
    this.#pending.set(device, {
      scopes: (form.get('scope') ?? '').split(/[ ,]+/).filter(Boolean),
      askedAt: 0,
    });
    return {
      device_code: device,
      user_code: 'WDJB-MJHT',
      verification_uri: `https://${host}/login/device`,
      expires_in: '900',
      interval: String(INTERVAL_SECONDS),
    };
  }

  /** `POST /login/oauth/access_token`. */
  token(form: URLSearchParams): Record<string, string> {
    const device = form.get('device_code') ?? '';
    const pending = this.#pending.get(device);
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:device_code')
      return { error: 'unsupported_grant_type' };
    if (!pending) return { error: 'incorrect_device_code' };
    const tooSoon = Date.now() - pending.askedAt < INTERVAL_SECONDS * 900;
    pending.askedAt = Date.now();
    if (tooSoon) return { error: 'slow_down', interval: String(INTERVAL_SECONDS) };
    const person = this.atBrowser;
    if (person === 'waits') return { error: 'authorization_pending' };
    this.#pending.delete(device);
    if (person === 'denies') return { error: 'access_denied' };
    if (person === 'too-late') return { error: 'expired_token' };
    const token = `gho_${randomBytes(18).toString('hex')}`;
    accountOf(this.#world, person.login);
    this.#world.tokens.set(token, { login: person.login, scopes: pending.scopes });
    return { access_token: token, token_type: 'bearer', scope: pending.scopes.join(',') };
  }
}
