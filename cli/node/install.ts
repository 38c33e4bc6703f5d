import { slept } from '../../controller/kit/abort.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import { sha256 } from '../../controller/kit/hash.ts';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { type MachineFacts, PLACES, serviceFile } from '../remote/facts.ts';
import { lastLine, type Remote } from '../remote/remote.ts';
import type { Program } from './program.ts';

/** How often the size of a copy that goes on is looked at. */
const LOOK_MS = 2_000;
const ASK_MS = 500;

/**
 * Copies the program there, to run it in place of the former, which is kept (keepFormer). False: it is there
 * already. Throws CliError; then the former is untouched.
 */
export async function installProgram(
  remote: Remote,
  facts: MachineFacts,
  { program, context }: { program: Program; context: CommandContext },
): Promise<boolean> {
  if (facts.programDigest === program.digest) return false;
  const folder = (await remote.must('making a temporary folder', 'mktemp -d')).trim();
  try {
    const copy = `${folder}/nexus`;
    const stop = showProgress(remote, copy, { total: program.bytes, context });
    await remote.put(program.file, copy).finally(stop);
    const quoted = shellWord(copy);
    const sum = (await remote.must('reading the copy', `sha256sum ${quoted} | cut -d' ' -f1`)).trim();
    if (sum !== program.digest)
      throw new CliError(`the program came to ${remote.destination} damaged`, { next: 'try again' });
    const version = await remote.must(
      'running the program',
      `chmod 755 ${quoted} && ${quoted} version --client`,
    );
    const next = `${PLACES.program}.new`;
    if (!lastLine(version).startsWith('nexus '))
      throw new CliError(`${program.file} is not this program: running it says "${lastLine(version)}"`);
    await remote.must(
      'installing the program',
      `install -D -m 755 -o 0 -g 0 ${quoted} ${next} && ` +
        `${keepFormer(PLACES.program)} && mv -f ${next} ${PLACES.program}`,
      { asRoot: true },
    );
    context.note(`${lastLine(version)} is in ${PLACES.program}`);
    return true;
  } finally {
    await remote.run(`rm -rf ${shellWord(folder)}`).catch(() => {});
  }
}

/** Shell: what is at `path` stays beside it until the new one has shown that it works. */
const keepFormer = (path: string) => `{ [ ! -f ${path} ] || ln -f ${path} ${path}.old; }`;

/** What was installed before is not needed any more. */
export async function forgetFormer(remote: Remote, facts: Pick<MachineFacts, 'systemd'>): Promise<void> {
  const script = `rm -f ${PLACES.program}.old ${serviceFile(facts).path}.old`;
  await remote.must('removing the former program', script, { asRoot: true });
}

/** Puts what was installed before in place again, and runs it. */
export async function putFormerBack(remote: Remote, facts: Pick<MachineFacts, 'systemd'>): Promise<void> {
  const files = [PLACES.program, serviceFile(facts).path];
  const script = files.map(file => `{ [ ! -f ${file}.old ] || mv -f ${file}.old ${file}; }`).join(' && ');
  const reload = facts.systemd ? ' && systemctl daemon-reload' : '';
  await remote.must('putting the former program back', `${script}${reload}`, { asRoot: true });
  await restartAgent(remote, facts);
}

/** A line every few seconds while a file grows there. Returns what ends it. */
function showProgress(
  remote: Remote,
  path: string,
  { total, context }: { total: number; context: CommandContext },
): () => void {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  context.note(`copying the program, ${megabytes(total)} MB …`);
  let ended = false;
  const look = async () => {
    while (!ended && (await slept(context.clock, LOOK_MS, context.signal))) {
      const { stdout } = await remote.run(`wc -c <${shellWord(path)}`).catch(() => ({ stdout: '' }));
      const bytes = Number(stdout.trim());
      if (!ended && bytes > 0 && bytes < total)
        context.note(`  ${megabytes(bytes)} of ${megabytes(total)} MB`);
    }
  };
  void look();
  return () => {
    ended = true;
  };
}

/** Puts what keeps the agent running in place. False: it is as it should be. */
export async function installService(remote: Remote, facts: MachineFacts): Promise<boolean> {
  const { path, text } = serviceFile(facts);
  if (facts.serviceDigest === sha256(text)) return false;
  const folder = path.slice(0, path.lastIndexOf('/'));
  const mode = facts.systemd ? 644 : 755;
  await remote.must(
    'installing the service',
    `umask 077 && mkdir -p ${folder} && cat >${path}.new && chmod ${mode} ${path}.new && ${keepFormer(path)} && mv -f ${path}.new ${path}`,
    { asRoot: true, stdin: text },
  );
  if (facts.systemd) await remote.must('telling systemd', 'systemctl daemon-reload', { asRoot: true });
  return true;
}

/** Starts the agent, or starts it again; its workspaces go on meanwhile. */
export async function restartAgent(remote: Remote, facts: Pick<MachineFacts, 'systemd'>): Promise<void> {
  const script = facts.systemd
    ? 'systemctl enable --quiet nexus-agent && systemctl restart nexus-agent'
    : `
if [ -f ${PLACES.pid} ] && p=$(cat ${PLACES.pid}) && kill "$p" 2>/dev/null; then
  i=0
  # One that ended stays a zombie where the first process is no init, as in many a container.
  while kill -0 "$p" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$p/status" 2>/dev/null; do
    i=$((i + 1))
    [ "$i" -lt 300 ] || { echo "the former agent (process $p) does not end" >&2; exit 1; }
    sleep 0.1
  done
fi
setsid nohup ${PLACES.supervisor} </dev/null >/dev/null 2>&1 &
i=0
while [ ! -f ${PLACES.pid} ]; do
  i=$((i + 1))
  [ "$i" -lt 50 ] || { echo "${PLACES.supervisor} does not run" >&2; exit 1; }
  sleep 0.1
done`;
  await remote.must('starting the agent', script, { asRoot: true });
}

/** Resolves once the agent that runs there now is at work. Throws CliError with what it says when it is not in time. */
export async function untilAgentWorks(
  remote: Remote,
  facts: Pick<MachineFacts, 'systemd'>,
  { timeoutMs, context }: { timeoutMs: Milliseconds; context: CommandContext },
): Promise<void> {
  const ask = `NEXUS_HOME=${PLACES.home} ${PLACES.program} agent status`;
  const until = context.clock.now() + timeoutMs;
  for (;;) {
    const { code, stdout, stderr } = await remote.run(ask, { asRoot: true });
    if (code === 0) return;
    context.signal.throwIfAborted();
    if (context.clock.now() > until) {
      const log = facts.systemd ? 'journalctl -u nexus-agent -n 20' : `tail -n 20 ${PLACES.log}`;
      throw new CliError(
        `the agent on ${remote.destination} is not at work after ${timeoutMs / 1000} s: ${lastLine(stdout || stderr)}`,
        { exitCode: EXIT.timeout, next: `on ${remote.destination}: ${log}` },
      );
    }
    await context.clock.sleep(ASK_MS, context.signal);
  }
}
