import { WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { type Format, formatObject, nameOf, parseFormat } from '../output/format.ts';
import { step } from '../output/steps.ts';
import { waitUntilReady } from '../wait/ready.ts';
import { readTimeout } from '../wait/timeout.ts';
import { applyOnce } from './create/apply-once.ts';
import { cloneHere } from './create/clone-here.ts';
import { CREATE_OPTIONS, type CreateFlags } from './create/flags.ts';
import { makeFork } from './create/make-fork.ts';
import { type Plan, planWorkspace } from './create/plan.ts';
import { tellReady } from './create/tell-ready.ts';
import { checkGitSecret, putGitSecret } from './git-secret.ts';

/** A service that fails at first may find what it needs a moment later; one that goes on failing wants its person. */
const PATIENCE = { degradedMs: 30_000 };

export const create: Command = {
  usage: 'create <repo>',
  describe: 'Make a workspace of a repository: owner/repo, a URL, or . for the one you stand in',
  examples: [
    ['nexus workspace create acme/shop', 'as its .nexus/config.yaml says, else as its files tell'],
    ['nexus workspace create . --name shop-fix', 'of the branch that is checked out here'],
    ['nexus workspace create acme/shop --dry-run -o yaml', 'print the Workspace, for GitOps'],
  ],
  build: yargs =>
    yargs
      .positional('repo', { type: 'string', demandOption: true, describe: 'Repository' })
      .options(CREATE_OPTIONS),

  async run(raw, context) {
    const flags = raw as CreateFlags;
    const { output, dryRun } = flags;
    const timeoutMs = readTimeout(flags.timeout, { mayBeZero: false });
    const format = output === undefined ? undefined : parseFormat(output);
    if (format?.kind === 'table') throw usageError('create -o takes json, yaml, name or jsonpath={…}');
    const plan = await tellingOfCtrlC(context, () => planWorkspace(flags, context));
    if (dryRun) return rehearse(plan, format, context);
    const client = await context.client();
    const { login } = plan.resolved;
    const hasOwnSecret = login !== undefined && flags.credentialsSecret === undefined;
    // Name, rights and every field are checked before anything is made, here or elsewhere.
    const workspace = await tellingOfCtrlC(context, async () => {
      await applyOnce(client, plan.workspace, context, true);
      if (hasOwnSecret) await checkGitSecret(client, plan.workspace.metadata, context);
      return prepare(plan, context);
    });
    const { object, isNew } = await step(
      context,
      `declaring ${workspace.metadata.name}`,
      ({ isNew }) => `${workspace.metadata.name} ${isNew ? 'declared' : 'was declared before, just so'}`,
      async () => {
        const applied = await applyOnce(client, workspace, context);
        if (hasOwnSecret) await putGitSecret(client, applied.object, login);
        return applied;
      },
    );
    if (hasOwnSecret) context.note(`note: it clones and pushes with ${login.from}`);
    if (!format) context.print(`${nameOf(object)} ${isNew ? 'created' : 'unchanged'}`);
    const exitCode = flags.wait
      ? await waitUntilReady(client, [object], timeoutMs, context, PATIENCE)
      : EXIT.done;
    const now = await client.get(WORKSPACE, object.metadata, context.signal);
    if (format) context.print(await formatObject(now, format));
    if (exitCode === EXIT.done && flags.wait) tellReady(now, context);
    return exitCode;
  },
};

/** Until there is a workspace that goes on by itself. */
async function tellingOfCtrlC<T>(context: CommandContext, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (context.signal.aborted)
      context.note('left; no workspace was made. The same command begins where it was.');
    throw error;
  }
}

/** Forks and clones as planned, and gives the workspace as it is to be applied. Throws CliError. */
async function prepare(plan: Plan, context: CommandContext): Promise<Workspace> {
  const { workspace, resolved, ref, cloneTo } = plan;
  const url = resolved.toFork ? await makeFork(resolved.toFork, context) : resolved.url;
  if (cloneTo !== undefined) await cloneHere(cloneTo, { ...resolved, url }, ref, context);
  const { spec } = workspace;
  return { ...workspace, spec: { ...spec, ...(spec.repo && { repo: { ...spec.repo, url } }) } };
}

/** Says what would be done; a server that is known checks it too. */
async function rehearse(
  { workspace, resolved }: Plan,
  format: Format | undefined,
  context: CommandContext,
): Promise<number> {
  const isServerKnown = await context.connection().then(
    () => true,
    () => false,
  );
  if (resolved.toFork) context.note(`note: ${resolved.toFork.repository.fullName} would be forked`);
  if (resolved.login)
    context.note(
      `note: ${workspace.spec.repo?.credentialsSecretRef?.name} would hold ${resolved.login.from}`,
    );
  let isNew = true;
  if (isServerKnown) ({ isNew } = await applyOnce(await context.client(), workspace, context, true));
  else context.note('note: no server is known, so none has checked this');
  if (format) context.print(await formatObject(workspace, format));
  else context.print(`${nameOf(workspace)} ${isNew ? 'created' : 'unchanged'} (dry run)`);
  return EXIT.done;
}
