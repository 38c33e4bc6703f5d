import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ownKeyFile } from '../../cli/ssh/places.ts';
import { EVENT } from '../../crds/kinds.ts';
import type { Event } from '../../crds/object.ts';
import type { Workspace, WorkspaceSpec } from '../../crds/types.generated.ts';
import type { ConditionType, Reason } from '../../crds/vocabulary.ts';
import type { EngineByHand, Look } from './engine-by-hand.ts';
import { type NexusUpOptions, nexusUp } from './nexus-up.ts';
import { sshLogin } from './ssh-login.ts';
import { lastLines, tellWhenFailed } from './tell-when-failed.ts';
import { untilObjects } from './until-object.ts';

/** A web server on loopback alone, made of what the test image has. Answers with `text`. */
export const webServer = (port: number, text: string): string => `exec python3 -c "
import socket
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', ${port})); s.listen(50)
while True:
  c, _ = s.accept(); c.recv(999); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: ${text.length}\\r\\nConnection: close\\r\\n\\r\\n${text}'); c.close()
"`;

/** A workspace as a file may declare it. */
export const workspaceManifest = (name: string, spec: WorkspaceSpec): string =>
  JSON.stringify({ apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name }, spec });

/** Of a command that waits for workspaces to be as declared. */
const CONVERGE = ['--wait', '--timeout=120s'];

/** `nexus up` on an engine; removed with the test. */
export async function upLab(t: Test, engine: EngineByHand, options: Omit<NexusUpOptions, 'engine'> = {}) {
  const image = await engine.image();
  const up = await nexusUp({ ...options, engine });
  t.teardown(() => up.destroy());
  tellWhenFailed(t, () => ({ client: up.client, logs: { 'nexus up': up.log } }));
  const dir = join(up.home, 'test-ssh');
  mkdirSync(dir);
  const { client, node, ports } = up;

  const idOf = async (name: string) => (await up.workspace(name)).status?.containerID ?? 'none';
  const look = async (name: string): Promise<Look> => {
    const found = await engine.look(await idOf(name));
    if (!found) throw new Error(`there is no instance of ${name}`);
    return found;
  };
  const eventsOf = async (name: string): Promise<Event[]> =>
    (await client.list(EVENT, eventsAbout(name))).items;
  const countOf = async (name: string, reason: Reason) => countIn(await eventsOf(name), reason);

  return {
    up,
    engine,
    image,
    ports,
    /**
     * Applies workspaces by name, all in one command, and waits until they are as declared. Their image is the lab's unless
     * they name one. Throws with what the command said.
     */
    async converge(workspaces: Record<string, WorkspaceSpec>): Promise<void> {
      const manifests = Object.entries(workspaces).map(([name, spec]) =>
        workspaceManifest(name, { image, ...spec }),
      );
      const { code, stderr } = await up.apply(manifests.join('\n---\n'), ...CONVERGE);
      if (code !== 0) throw new Error(`apply exited with ${code}: ${stderr}`);
    },
    /** Running, Ready and of the present generation. */
    ready: (name: string, timeoutMs?: number) => up.untilWorkspace(name, 'is ready', isReady, timeoutMs),
    untilCondition: (name: string, type: ConditionType, reason: Reason, timeoutMs?: number) =>
      up.untilWorkspace(
        name,
        `has ${type} with ${reason}`,
        ({ status, metadata }) =>
          status?.observedGeneration === metadata.generation &&
          (status?.conditions?.some(c => c.type === type && c.reason === reason) ?? false),
        timeoutMs,
      ),
    countOf,
    eventsOf,
    untilEvent: (name: string, reason: Reason, timeoutMs = 15_000, more = 0) =>
      untilObjects(client, EVENT, eventsAbout(name), {
        look: events => countIn(events, reason) > more,
        timeoutMs,
        what: events =>
          `an Event ${reason} on ${name}, beside ${events.map(event => event.reason)}\n${lastLines(up.log(), 30)}`,
      }),
    idOf,
    look,
    /** Id and start of its instance. */
    async life(name: string): Promise<{ id: string; startedAt: string }> {
      return { id: await idOf(name), startedAt: (await look(name)).startedAt };
    },
    /** A command as root in the instance. */
    root: async (name: string, command: string) => engine.root(await idOf(name), command),
    /** The real ssh with the key of the installation and the host key that the status tells. */
    async ssh(name: string) {
      const { ssh } = (await up.workspace(name)).status ?? {};
      return sshLogin({
        port: ssh?.port ?? 0,
        user: ssh?.user,
        hostKey: ssh?.hostKeys?.[0] ?? '',
        privateKey: readFileSync(ownKeyFile(up.home), 'utf8'),
        dir,
      });
    },
    /** Everything of this node on the engine, by name. */
    leftovers: async () => [...(await engine.instances(node)), ...(await engine.volumes(node))],
    /** Deletes it with the command line, which waits until it is gone. */
    async remove(name: string): Promise<void> {
      const { code, stderr } = await up.cli(['delete', 'ws', name, '--timeout', '180s']);
      if (code !== 0) throw new Error(`nexus delete ws ${name} exited with ${code}: ${stderr}`);
    },
  };
}

export type UpLab = Awaited<ReturnType<typeof upLab>>;

export function isReady({ status, metadata }: Workspace): boolean {
  return (
    status?.phase === 'Running' &&
    status.conditions?.some(
      ({ type, status: holds, observedGeneration }) =>
        type === 'Ready' && holds === 'True' && observedGeneration === metadata.generation,
    ) === true
  );
}

const eventsAbout = (name: string) => ({
  namespace: 'default',
  fieldSelector: `involvedObject.kind=Workspace,involvedObject.name=${name}`,
});

const countIn = (events: Event[], reason: Reason) =>
  events.filter(event => event.reason === reason).reduce((sum, { count }) => sum + (count ?? 1), 0);
