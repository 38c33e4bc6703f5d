import type Docker from 'dockerode';
import type { Test } from 'tap';
import { LABEL_WORKSPACE_UID } from '../../crds/names.ts';

interface Seen {
  status?: string;
  Action?: string;
  id?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/**
 * Watches engines: each time a container of a workspace starts on any of them, no other of the same workspace may run.
 * `starts` tells which were seen, so that a test knows that it watched.
 */
export async function watchAlone(t: Test, engines: readonly Docker[], uid: string) {
  const filters = { label: [`${LABEL_WORKSPACE_UID}=${uid}`], status: ['running'] };
  const starts: string[] = [];
  const violations: string[] = [];
  const looks: Promise<void>[] = [];
  const look = async () => {
    const running = (await Promise.all(engines.map(docker => docker.listContainers({ filters })))).flat();
    if (running.length > 1)
      violations.push(running.map(({ Names, Id }) => `${Names.join()} ${Id}`).join(' and '));
  };
  for (const docker of engines) {
    const events = (await docker.getEvents({ filters: { type: ['container'] } })) as NodeJS.ReadableStream & {
      destroy(): void;
    };
    t.teardown(() => events.destroy());
    let rest = '';
    events.on('data', chunk => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter(one => one.trim() !== '')) {
        const { Action, status = Action, Actor } = JSON.parse(line) as Seen;
        if (status !== 'start' || Actor?.Attributes?.[LABEL_WORKSPACE_UID] !== uid) continue;
        starts.push(Actor.ID ?? '');
        looks.push(look());
      }
    });
  }
  return {
    starts,
    /** What was seen to run beside another, until now. */
    async violations(): Promise<string[]> {
      await look();
      await Promise.all(looks);
      return violations;
    },
  };
}
