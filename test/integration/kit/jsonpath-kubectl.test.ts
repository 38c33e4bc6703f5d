import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { stringify } from 'yaml';
import { renderJsonPath } from '../../../controller/kit/jsonpath.ts';

const run = promisify(execFile);

// `kubectl config view` prints a document of ours without any server.
const config = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'a',
  clusters: [
    { name: 'c1', cluster: { server: 'https://one:1', 'insecure-skip-tls-verify': true } },
    { name: 'c2', cluster: { server: 'https://two:2' } },
  ],
  contexts: [
    { name: 'a', context: { cluster: 'c1', user: 'u1', namespace: 'n1' } },
    { name: 'b', context: { cluster: 'c2', user: 'u2' } },
  ],
  users: [{ name: 'u1', user: { token: 't' } }],
};

const TEMPLATES = [
  '{.kind}{.apiVersion}',
  '{.clusters[*].cluster}',
  '{.clusters[-1].name}',
  '{.clusters[::2].name}',
  '{..server}',
  '{.contexts[?(@.context.namespace!="n1")].name}',
  "{.contexts[?(@.name=='b')].context['cluster','user']}",
  '{.clusters[?(@.cluster.insecure-skip-tls-verify==true)].name}',
  '{range .contexts[*]}[{.name}, {.context.namespace}]{"\\n"}{end}',
  '{range .contexts[*]}{@.name}{"\\t"}{range @.context}{.cluster}{end};{end}',
  "{.contexts[*]['name','context.cluster']}",
  '{.nothing.at.all}',
  "{['current-context']}",
  '{"a\\"b"}',
  '{.clusters[5].name}',
  '{.kind',
  '{.clusters[?(@.name=~"c")].name}',
];

const hasKubectl = await run('kubectl', ['version', '--client']).then(
  () => true,
  () => false,
);

t.test('JSONPath gives what kubectl gives', { skip: !hasKubectl && 'kubectl is not installed' }, async t => {
  const file = join(t.testdir({}), 'config');
  await writeFile(file, stringify(config));
  const kubectl = async (...args: string[]) =>
    (await run('kubectl', ['config', 'view', '--raw', '--kubeconfig', file, ...args])).stdout;
  const value = JSON.parse(await kubectl('-o', 'json'));
  for (const template of TEMPLATES) {
    const theirs = await kubectl('-o', `jsonpath=${template}`).catch(() => 'refused');
    let ours: string;
    try {
      ours = renderJsonPath(template, value);
    } catch {
      ours = 'refused';
    }
    t.equal(ours, theirs, template);
  }
});
