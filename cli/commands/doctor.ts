import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkDocker, checkLxd } from '../../agent/engine-check.ts';
import { AGENT_OPTIONS } from '../../agent/options.ts';
import { kubeconfigPath } from '../../controller/client/kubeconfig.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';

interface Verdict {
  state: 'ok' | 'warning' | 'failed';
  text: string;
  next?: string;
  /** What needs this one is not looked at. */
  isGone?: boolean;
}
interface Check {
  name: string;
  /** Of which other it makes no sense without. */
  needs?: string;
  run(flags: Flags, context: CommandContext): Promise<Verdict>;
}

const ok = (text: string): Verdict => ({ state: 'ok', text });
const MAX_SKEW_MS = 5000;
const GIB = 1024 ** 3;

const CHECKS: Check[] = [
  {
    name: 'Node.js',
    run: async () =>
      Number(process.versions.node.split('.')[0]) >= 24
        ? ok(process.versions.node)
        : {
            state: 'failed',
            text: `${process.versions.node} is too old`,
            next: 'run nexus by its launcher, which brings Node.js 24 along',
          },
  },
  {
    name: 'ssh client',
    run: async () => {
      const { stderr, error } = spawnSync('ssh', ['-V'], { encoding: 'utf8' });
      return error
        ? { state: 'failed', text: 'not installed', next: 'on Debian: apt-get install openssh-client' }
        : ok(stderr.trim());
    },
  },
  {
    name: 'home',
    run: async (_flags, { home }) => {
      if (!existsSync(home))
        return { state: 'warning', text: `${home} is not there yet`, next: '`nexus up` makes it' };
      const mode = statSync(home).mode & 0o777;
      return mode & 0o077
        ? {
            state: 'failed',
            text: `${home} is open to others (${mode.toString(8)})`,
            next: `chmod 700 ${home}`,
          }
        : ok(home);
    },
  },
  {
    name: 'disk',
    run: async (_flags, { home }) => {
      const at = existsSync(home) ? home : dirname(home);
      const { bavail, bsize } = statfsSync(at);
      const free = `${((bavail * bsize) / GIB).toFixed(1)} GiB free at ${at}`;
      return bavail * bsize < GIB
        ? { state: 'warning', text: free, next: 'make room: a server whose disk is full takes no changes' }
        : ok(free);
    },
  },
  {
    name: 'kubeconfig',
    run: async (flags, context) => {
      const file = kubeconfigPath({ flag: flags.kubeconfig, env: context.io.env, home: context.home });
      if (!existsSync(file))
        return {
          state: 'failed',
          isGone: true,
          text: `${file} is not there`,
          next: '`nexus up` makes it; for another server: --kubeconfig FILE',
        };
      const mode = statSync(file).mode & 0o777;
      return mode & 0o077
        ? {
            state: 'failed',
            text: `${file} is open to others (${mode.toString(8)})`,
            next: `chmod 600 ${file}`,
          }
        : ok(file);
    },
  },
  {
    name: 'server',
    needs: 'kubeconfig',
    run: async (_flags, context) => {
      const client = await context.client();
      const { headers } = await client.raw('GET', '/readyz', { signal: context.signal });
      const { text } = await client.raw('GET', '/version', { signal: context.signal });
      const skew = headers.date ? Math.abs(Date.parse(headers.date) - context.clock.now()) : 0;
      if (skew > MAX_SKEW_MS)
        return {
          state: 'warning',
          text: `its clock and this one are ${Math.round(skew / 1000)} s apart`,
          next: 'set the clocks: ages and leases are wrong until then',
        };
      return ok(`ready, ${(JSON.parse(text) as { gitVersion: string }).gitVersion}`);
    },
  },
  {
    name: 'nodes',
    needs: 'server',
    run: async (_flags, context) => {
      const { items } = await (await context.client()).list(NODE, { signal: context.signal });
      const bad = items.filter(
        node => node.status?.conditions?.find(c => c.type === 'Ready')?.status !== 'True',
      );
      if (items.length === 0)
        return { state: 'failed', text: 'there are none', next: '`nexus up` makes one of this machine' };
      const why = bad.map(
        node =>
          `${node.metadata.name}: ${node.status?.conditions?.find(c => c.type === 'Ready')?.message ?? 'its agent has not reported'}`,
      );
      return bad.length > 0
        ? { state: 'failed', text: why.join('; '), next: `nexus describe node ${bad[0]?.metadata.name}` }
        : ok(`${items.length} ready`);
    },
  },
  {
    name: 'isolation',
    needs: 'server',
    run: async (_flags, context) => {
      const { items } = await (await context.client()).list(NODE, { signal: context.signal });
      const open = items.flatMap(
        node =>
          node.status?.conditions
            ?.filter(c => c.type === 'WorkspacesIsolated' && c.status === 'False')
            .map(c => `${node.metadata.name}: ${c.message}`) ?? [],
      );
      return open.length > 0
        ? { state: 'warning', text: open.join('; ') }
        : ok('workspaces are kept from each other');
    },
  },
  {
    name: 'workspaces',
    needs: 'server',
    run: async (_flags, context) => {
      const { items } = await (await context.client()).list(WORKSPACE, { signal: context.signal });
      const bad = items.filter(({ status }) =>
        ['Failed', 'Degraded', 'Unknown'].includes(status?.phase ?? ''),
      );
      return bad.length > 0
        ? {
            state: 'warning',
            text: bad
              .map(({ metadata, status }) => `${metadata.namespace}/${metadata.name} ${status?.phase}`)
              .join(', '),
            next: `nexus describe ws ${bad[0]?.metadata.name} -n ${bad[0]?.metadata.namespace}`,
          }
        : ok(`${items.length}, none in trouble`);
    },
  },
  { name: 'container engine here', run: (_flags, context) => engineVerdict(context, checkDocker) },
  { name: 'LXD or Incus here', run: (_flags, context) => engineVerdict(context, checkLxd) },
];

function nextOf(error: unknown): string | undefined {
  if (error instanceof CliError) return error.next;
  return isApiError(error, 'Unreachable') ? 'on this machine `nexus up` starts it' : undefined;
}

async function engineVerdict(
  { io }: CommandContext,
  check: typeof checkDocker | typeof checkLxd,
): Promise<Verdict> {
  const { isWell, text, next } = await check(resolveOptions(AGENT_OPTIONS, { env: io.env }).values);
  return { state: isWell ? 'ok' : 'warning', text, ...(next !== undefined && { next }) };
}

export const doctor: Command = {
  usage: 'doctor',
  describe: 'Look for what is wrong, and say what to do',
  build: yargs => yargs,
  async run(flags, context) {
    const gone = new Set<string>();
    let failed = false;
    for (const check of CHECKS) {
      if (check.needs !== undefined && gone.has(check.needs)) {
        gone.add(check.name);
        continue;
      }
      let verdict: Verdict;
      try {
        verdict = await check.run(flags, context);
      } catch (error) {
        verdict = { state: 'failed', isGone: true, text: (error as Error).message, next: nextOf(error) };
      }
      failed ||= verdict.state === 'failed';
      if (verdict.isGone) gone.add(check.name);
      context.print(
        `${{ ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[verdict.state]}  ${check.name}: ${verdict.text}`,
      );
      if (verdict.next) context.print(`         next: ${verdict.next}`);
    }
    return failed ? EXIT.failed : EXIT.done;
  },
};
