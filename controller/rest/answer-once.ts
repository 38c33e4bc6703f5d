import { createHash } from 'node:crypto';
import { CONFIG_MAP } from '../../crds/kinds.ts';
import { SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { ConfigMap } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import { type Clock, type Milliseconds, timestamp } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import { RestError } from './rest-error.ts';

const KEPT_MS: Milliseconds = 24 * 3_600_000;
const SWEEP_MS: Milliseconds = 10 * 60_000;
const LABEL = 'rest.nexus.dev/idempotency';
const KEY = /^[\x21-\x7e]{1,255}$/;

export interface OnceRequest {
  /** Whose key it is: keys of two callers never meet. */
  caller: string;
  key: string;
  /** What is asked for: the same key with another body is a mistake. */
  body: unknown;
}

/**
 * Answers a request with an Idempotency-Key once and repeats that answer for a day, over restarts of the server. What
 * was refused is not kept: it may be tried again. Answers are ConfigMaps in nexus-system.
 */
export class AnswerOnce {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #running = new Map<string, Promise<object>>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws RestError invalid_request when the key was used for something else. */
  async answer<T extends object>({ caller, key, body }: OnceRequest, make: () => Promise<T>): Promise<T> {
    if (!KEY.test(key))
      throw new RestError('invalid_request', 'Idempotency-Key takes 1 to 255 visible ASCII characters.');
    const name = `rest-${digest(`${caller}\n${key}`).slice(0, 40)}`;
    const before = this.#running.get(name);
    if (before) await before.catch(() => {});
    const wanted = digest(JSON.stringify(body));
    const known = await this.#read(name);
    if (known) {
      if (known.body === wanted) return JSON.parse(known.answer) as T;
      throw new RestError(
        'invalid_request',
        'This Idempotency-Key was used for another request; choose a new one.',
      );
    }
    const running = this.#make(name, wanted, make);
    this.#running.set(name, running);
    try {
      return await running;
    } finally {
      this.#running.delete(name);
    }
  }

  async #make<T extends object>(name: string, body: string, make: () => Promise<T>): Promise<T> {
    const answer = await make();
    const expires = timestamp(this.#clock.now() + KEPT_MS);
    const record: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { [LABEL]: 'true' } },
      data: { body, answer: JSON.stringify(answer), expires },
    };
    await this.#client.create(CONFIG_MAP, record).catch(error => {
      // Two servers at once: either answer is right.
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
    await this.#sweep();
    return answer;
  }

  async #read(name: string): Promise<{ body: string; answer: string } | undefined> {
    try {
      const { data } = await this.#client.get(CONFIG_MAP, { name, namespace: SYSTEM_NAMESPACE });
      const isKept = Date.parse(data?.expires ?? '') > this.#clock.now();
      if (isKept) return { body: data?.body ?? '', answer: data?.answer ?? '{}' };
      await this.#remove(name);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    return undefined;
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    const { items } = await this.#client.list(CONFIG_MAP, {
      namespace: SYSTEM_NAMESPACE,
      labelSelector: LABEL,
    });
    for (const { metadata, data } of items)
      if (!(Date.parse(data?.expires ?? '') > now)) await this.#remove(metadata.name);
  }

  async #remove(name: string): Promise<void> {
    await this.#client.delete(CONFIG_MAP, { name, namespace: SYSTEM_NAMESPACE }).catch(error => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
