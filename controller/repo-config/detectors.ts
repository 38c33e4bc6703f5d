import type { Detected, RepositoryFiles } from './detected.ts';

type Detector = (files: RepositoryFiles) => Detected | undefined;

interface PackageJson {
  scripts?: Record<string, string>;
  engines?: { node?: string };
  packageManager?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const MAX_VERSION_TEXT = 200;

/** The first `1.2` or `20` in a range such as `>=20 <23` or `^3.11`. */
function versionIn(text: string | undefined): string | undefined {
  return /\d+(?:\.\d+)?/.exec((text ?? '').slice(0, MAX_VERSION_TEXT))?.[0];
}

const node: Detector = files => {
  const text = files.read('package.json');
  if (text === undefined) return undefined;
  let manifest: PackageJson;
  try {
    manifest = JSON.parse(text) as PackageJson;
  } catch {
    return { reasons: ['package.json is no JSON and was passed over.'] };
  }
  if (typeof manifest !== 'object' || manifest === null)
    return { reasons: ['package.json holds no object and was passed over.'] };
  const manager = packageManager(files, manifest);
  const major = versionIn(manifest.engines?.node)?.split('.')[0];
  const script = (['dev', 'start'] as const).find(name => manifest.scripts?.[name]);
  const reasons = [`package.json: a Node.js project that uses ${manager.name}.`];
  if (major) reasons.push(`package.json: engines.node asks for Node.js ${major}.`);
  if (script) reasons.push(`package.json: the script "${script}" runs it.`);
  const port = nodePort(manifest, script);
  return {
    reasons,
    image: `node:${major ?? 'lts'}`,
    setup: [manager.install],
    ...(script && {
      service: { name: 'web', command: `${manager.run} ${script}`, port, env: { PORT: String(port) } },
    }),
  };
};

function packageManager(files: RepositoryFiles, { packageManager: named }: PackageJson) {
  const name = named?.split('@')[0];
  if (name === 'pnpm' || files.has('pnpm-lock.yaml'))
    return { name: 'pnpm', install: 'corepack enable && pnpm install', run: 'pnpm run' };
  if (name === 'yarn' || files.has('yarn.lock'))
    return { name: 'yarn', install: 'corepack enable && yarn install', run: 'yarn run' };
  const install = files.has('package-lock.json') ? 'npm ci' : 'npm install';
  return { name: 'npm', install, run: 'npm run' };
}

/** What the development servers listen on when nobody says. */
const FRAMEWORK_PORTS: Record<string, number> = { vite: 5173, astro: 4321, '@angular/cli': 4200, next: 3000 };

function nodePort(
  { scripts, dependencies, devDependencies }: PackageJson,
  script: string | undefined,
): number {
  const command = (script && scripts?.[script]) || '';
  const named = /(?:--port|-p|PORT)[= ](\d{2,5})\b/.exec(command)?.[1];
  if (named && Number(named) <= 65_535) return Number(named);
  const all = { ...dependencies, ...devDependencies };
  for (const [name, port] of Object.entries(FRAMEWORK_PORTS)) if (name in all) return port;
  return 3000;
}

const python: Detector = files => {
  const project = files.read('pyproject.toml');
  const requirements = files.read('requirements.txt');
  if (project === undefined && requirements === undefined) return undefined;
  const version = versionIn(/^\s*requires-python\s*=\s*["']([^"']+)/m.exec(project ?? '')?.[1]);
  const from = requirements === undefined ? 'pyproject.toml' : 'requirements.txt';
  const reasons = [`${from}: a Python project${version ? ` for Python ${version}` : ''}.`];
  const install = requirements === undefined ? 'pip install -e .' : 'pip install -r requirements.txt';
  const venv = 'python3 -m venv .venv && . .venv/bin/activate';
  const server = pythonServer(files, `${project ?? ''}\n${requirements ?? ''}`);
  if (server) reasons.push(server.reason);
  return {
    reasons,
    image: `python:${version ?? '3'}`,
    setup: [`${venv} && ${install}`],
    ...(server && {
      service: { name: 'web', command: `. .venv/bin/activate && ${server.command}`, port: 8000 },
    }),
  };
};

function pythonServer(files: RepositoryFiles, dependencies: string) {
  if (files.has('manage.py'))
    return { reason: 'manage.py: Django serves it.', command: 'python manage.py runserver 0.0.0.0:8000' };
  const uses = (name: string) => new RegExp(`(^|["'\\s])${name}\\b`, 'im').test(dependencies);
  const module = ['main', 'app'].find(name => files.has(`${name}.py`));
  if (module && uses('fastapi'))
    return {
      reason: `${module}.py: FastAPI serves it.`,
      command: `uvicorn ${module}:app --reload --host 0.0.0.0 --port 8000`,
    };
  if (module && uses('flask'))
    return {
      reason: `${module}.py: Flask serves it.`,
      command: `flask --app ${module} run --debug --host 0.0.0.0 --port 8000`,
    };
  return undefined;
}

const ruby: Detector = files => {
  const gemfile = files.read('Gemfile');
  if (gemfile === undefined) return undefined;
  const version = versionIn(/^\s*ruby\s+["']([^"']+)/m.exec(gemfile)?.[1] ?? files.read('.ruby-version'));
  const isRails = files.has('bin/rails');
  return {
    reasons: [
      `Gemfile: a Ruby project${version ? ` for Ruby ${version}` : ''}.`,
      ...(isRails ? ['bin/rails: Rails serves it.'] : []),
    ],
    image: `ruby:${version ?? '3'}`,
    setup: ['bundle install'],
    ...(isRails && { service: { name: 'web', command: 'bin/rails server -b 0.0.0.0', port: 3000 } }),
  };
};

const go: Detector = files => {
  const text = files.read('go.mod');
  if (text === undefined) return undefined;
  const version = versionIn(/^go\s+(\S+)/m.exec(text)?.[1]);
  const isProgram = files.has('main.go');
  return {
    reasons: [
      `go.mod: a Go module${version ? ` for Go ${version}` : ''}.`,
      ...(isProgram ? ['main.go: "go run ." runs it; give the service its port.'] : []),
    ],
    image: `golang:${version ?? '1'}`,
    setup: ['go mod download'],
    ...(isProgram && { service: { name: 'app', command: 'go run .' } }),
  };
};

const rust: Detector = files => {
  const text = files.read('Cargo.toml');
  if (text === undefined) return undefined;
  const version = versionIn(/^\s*rust-version\s*=\s*"([^"]+)/m.exec(text)?.[1]);
  const isProgram = files.has('src/main.rs');
  return {
    reasons: [
      `Cargo.toml: a Rust project${version ? ` for Rust ${version}` : ''}.`,
      ...(isProgram ? ['src/main.rs: "cargo run" runs it; give the service its port.'] : []),
    ],
    image: `rust:${version ?? '1'}`,
    setup: ['cargo fetch'],
    ...(isProgram && { service: { name: 'app', command: 'cargo run' } }),
  };
};

const page: Detector = files =>
  files.has('index.html') && !files.has('package.json')
    ? {
        reasons: ['index.html: a page, served as it is.'],
        service: { name: 'web', command: 'python3 -m http.server 8000', port: 8000 },
      }
    : undefined;

/** In the order in which they name image and services. */
export const DETECTORS: readonly Detector[] = [node, python, ruby, go, rust, page];
