import type { Client } from '../../../controller/client/client.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { until } from '../until.ts';

/** A workspace as it was declared last, and acknowledged. */
export interface Declared {
  name: string;
  spec: WorkspaceSpec;
}

const ACKNOWLEDGED_MS = 60_000;
const NAMESPACE = 'default';

/** What people declare, whatever happens to the server meanwhile: they ask again until it is acknowledged. */
export class People {
  readonly declared = new Map<string, Declared>();
  readonly #client: Client;
  #made = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async declare(name: string, spec: WorkspaceSpec): Promise<void> {
    const object: Workspace = {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name, namespace: NAMESPACE },
      spec,
    };
    await this.#acknowledged(() =>
      this.#client.apply(WORKSPACE, object, { fieldManager: 'people', force: true }),
    );
    this.declared.set(name, { name, spec });
  }

  async delete(name: string): Promise<void> {
    await this.#acknowledged(() =>
      this.#client.delete(WORKSPACE, { name, namespace: NAMESPACE }).catch(error => {
        if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
      }),
    );
    this.declared.delete(name);
  }

  /**
   * One change at random: another environment, a stop or start, one more workspace, one less. `onEnd` comes before what
   * ends the sessions of a workspace.
   */
  async changeSomething(
    random: () => number,
    another: () => WorkspaceSpec,
    onEnd: (name: string) => Promise<void>,
  ): Promise<void> {
    const all = [...this.declared.values()];
    const one = all[Math.floor(random() * all.length)];
    const what = Math.floor(random() * 4);
    if (!one || what === 0) {
      return this.declare(`more${this.#made++}`, another());
    }
    const { name, spec } = one;
    if (what === 1 && name.startsWith('more')) {
      await onEnd(name);
      await this.delete(name);
    } else if (what === 2) {
      await onEnd(name);
      await this.declare(name, { ...spec, running: spec.running === false });
    } else await this.declare(name, { ...spec, env: [{ name: 'GREETING', value: `hello ${this.#made++}` }] });
  }

  async #acknowledged(change: () => Promise<unknown>): Promise<void> {
    let last: unknown;
    const isDone = async () => {
      try {
        await change();
        return true;
      } catch (error) {
        last = error;
        return false;
      }
    };
    await until(isDone, { timeoutMs: ACKNOWLEDGED_MS, everyMs: 200, what: () => `an answer: ${last}` });
  }
}
