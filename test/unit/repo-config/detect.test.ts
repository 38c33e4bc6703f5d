import t from 'tap';
import { detectConfig } from '../../../controller/repo-config/detect.ts';
import { readRepoConfig } from '../../../controller/repo-config/read-repo-config.ts';
import { toWorkspaceSpec } from '../../../controller/repo-config/to-workspace-spec.ts';

function detected(files: Record<string, string>) {
  const { text, reasons } = detectConfig({ has: path => path in files, read: path => files[path] }, 'shop');
  const { config, problems, warnings } = readRepoConfig(text);
  if (!config || warnings.length > 0)
    throw new Error(`${text}\n${JSON.stringify([...problems, ...warnings])}`);
  return { spec: toWorkspaceSpec(config), name: config.name, reasons: reasons.join('\n'), text };
}

const CASES: { reason: string; files: Record<string, string>; spec: object; says: RegExp }[] = [
  {
    reason: 'the dev script, the engine and the lock file of a Node.js project',
    files: {
      'package.json': JSON.stringify({
        scripts: { dev: 'vite', start: 'x' },
        engines: { node: '>=22 <25' },
        devDependencies: { vite: '7' },
      }),
      'pnpm-lock.yaml': '',
    },
    spec: {
      image: 'node:22',
      services: [{ name: 'web', command: 'pnpm run dev', port: 5173, healthCheck: { tcp: {} } }],
      lifecycle: { preStart: 'corepack enable && pnpm install' },
    },
    says: /engines\.node asks for Node\.js 22/,
  },
  {
    reason: 'the start script and the port in it',
    files: { 'package.json': JSON.stringify({ scripts: { start: 'serve --port 8123' } }) },
    spec: { services: [{ command: 'npm run start', port: 8123 }], lifecycle: { preStart: 'npm install' } },
    says: /script "start"/,
  },
  {
    reason: 'a Django project',
    files: { 'requirements.txt': 'django', 'manage.py': '' },
    spec: { image: 'python:3', services: [{ command: /manage\.py runserver/, port: 8000 }] },
    says: /Django/,
  },
  {
    reason: 'a Python library',
    files: { 'pyproject.toml': '[project]\nrequires-python = ">=3.11"\n' },
    spec: { image: 'python:3.11', lifecycle: { preStart: /pip install -e/ } },
    says: /Python 3\.11/,
  },
  {
    reason: 'a Rails project',
    files: { Gemfile: 'source "x"\nruby "3.3.1"\n', 'bin/rails': '' },
    spec: { image: 'ruby:3.3', services: [{ command: /rails server/, port: 3000 }] },
    says: /Rails/,
  },
  {
    reason: 'a Go program',
    files: { 'go.mod': 'module x\n\ngo 1.23.4\n', 'main.go': '' },
    spec: { image: 'golang:1.23', services: [{ command: 'go run .' }] },
    says: /Go 1\.23/,
  },
  {
    reason: 'a Rust library',
    files: { 'Cargo.toml': '[package]\nrust-version = "1.80"\n' },
    spec: { image: 'rust:1.80' },
    says: /Rust 1\.80/,
  },
  {
    reason: 'a page',
    files: { 'index.html': '<p>' },
    spec: { services: [{ command: 'python3 -m http.server 8000', port: 8000 }] },
    says: /index\.html/,
  },
  { reason: 'nothing that is known', files: { Makefile: 'all:' }, spec: {}, says: /bare workspace/ },
  { reason: 'a package.json that is none', files: { 'package.json': '{' }, spec: {}, says: /passed over/ },
];

t.test('a repository without a configuration is described by its own files, and it is said how', async t => {
  for (const { reason, files, spec, says } of CASES) {
    const found = detected(files);
    t.match(found.spec, spec, reason);
    t.match(found.reasons, says, reason);
    t.equal(found.name, 'shop');
  }
});

t.test('two programs in one repository share the workspace, and no port', async t => {
  const { spec } = detected({
    'package.json': JSON.stringify({ scripts: { dev: 'next dev' }, dependencies: { next: '15' } }),
    'go.mod': 'module x\ngo 1.23\n',
    'main.go': '',
  });
  t.match(spec, { image: 'node:lts', services: [{ name: 'web', port: 3000 }, { name: 'app' }] });
  t.match(spec.lifecycle?.preStart, /npm install && go mod download/);
});
