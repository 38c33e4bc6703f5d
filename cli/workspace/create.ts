import { parseDuration } from '../../controller/kit/duration.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { type Format, formatObject, nameOf, parseFormat } from '../output/format.ts';
import { step } from '../output/steps.ts';
import { waitUntilReady } from '../wait/ready.ts';
import { applyOnce } from './create/apply-once.ts';
import { buildSpec, chooseName, readAsked } from './create/build.ts';
import { CREATE_OPTIONS, type CreateFlags } from './create/flags.ts';
import { locate, whatIsNotPushed } from './create/locate.ts';
import { parseConfig } from './create/read-config.ts';
import { readRepository } from './create/read-repository.ts';
import { tellReady } from './create/tell-ready.ts';

const GITHUB = 'github.com';

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
    const timeoutMs = parseDuration(flags.timeout);
    if (timeoutMs === undefined || timeoutMs <= 0)
      throw usageError(`--timeout must be a duration such as 90s or 5m, not "${flags.timeout}"`);
    const format = output === undefined ? undefined : parseFormat(output);
    if (format?.kind === 'table') throw usageError('create -o takes json, yaml, name or jsonpath={…}');
    const workspace = await declare(flags, context);
    if (dryRun) return rehearse(workspace, format, context);
    const client = await context.client();
    const { object, isNew } = await step(
      context,
      `declaring ${workspace.metadata.name}`,
      ({ isNew }) => `${workspace.metadata.name} ${isNew ? 'declared' : 'was declared before, just so'}`,
      () => applyOnce(client, workspace, context),
    );
    if (!format) context.print(`${nameOf(object)} ${isNew ? 'created' : 'unchanged'}`);
    const exitCode = flags.wait ? await waitUntilReady(client, [object], timeoutMs, context) : EXIT.done;
    const now = await client.get(WORKSPACE, object.metadata, context.signal);
    if (format) context.print(await formatObject(now, format));
    if (exitCode === EXIT.done && flags.wait) tellReady(now, context);
    return exitCode;
  },
};

/** What is to be applied: everything is read and checked, and nothing made. Throws CliError. */
async function declare(flags: CreateFlags, context: CommandContext): Promise<Workspace> {
  const asked = readAsked(flags, context.io.env);
  const located = await locate(flags.repo, GITHUB, context);
  const { url, folder } = located;
  const ref = flags.branch ?? located.ref;
  const found = await step(
    context,
    `reading ${url}`,
    ({ at, config }) => `${url}${at ? ` at ${at}` : ''}: ${config.from}`,
    () => readRepository({ url, ref, from: flags.from }, context),
  );
  for (const note of found.config.notes) context.note(note);
  const missing = folder && found.commit && (await whatIsNotPushed(folder, found.commit, context));
  if (missing) context.note(`note: ${missing} here are not pushed, and will not be in the workspace`);
  const config = parseConfig(found.config, context);
  const name = chooseName(asked, config, located.name);
  const repo = {
    url,
    ...(found.ref !== undefined && { ref: found.ref }),
    ...(flags.credentialsSecret !== undefined && { credentialsSecretRef: { name: flags.credentialsSecret } }),
  };
  const namespace = flags.dryRun
    ? await context.namespace().catch(() => flags.namespace)
    : await context.namespace();
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec: buildSpec(config, asked, repo, flags.set),
  };
}

/** Says what would be done; a server that is known checks it too. */
async function rehearse(
  workspace: Workspace,
  format: Format | undefined,
  context: CommandContext,
): Promise<number> {
  const isServerKnown = await context.connection().then(
    () => true,
    () => false,
  );
  let isNew = true;
  if (isServerKnown) ({ isNew } = await applyOnce(await context.client(), workspace, context, true));
  else context.note('note: no server is known, so none has checked this');
  if (format) context.print(await formatObject(workspace, format));
  else context.print(`${nameOf(workspace)} ${isNew ? 'created' : 'unchanged'} (dry run)`);
  return EXIT.done;
}
