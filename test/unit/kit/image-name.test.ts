import t from 'tap';
import { familiarName } from '../../../controller/kit/image-name.ts';

for (const [reference, name] of [
  ['debian', 'debian:latest'],
  ['docker.io/library/debian:12', 'debian:12'],
  ['index.docker.io/library/debian:12', 'debian:12'],
  ['docker.io/acme/tool', 'acme/tool:latest'],
  ['localhost/nexus-workspace:1', 'nexus-workspace:1'],
  ['localhost:5000/tool', 'localhost:5000/tool:latest'],
  ['ghcr.io/acme/tool:v1', 'ghcr.io/acme/tool:v1'],
  ['debian@sha256:abc', 'debian@sha256:abc'],
] as const)
  t.test(`${reference} is ${name}`, async t => t.equal(familiarName(reference), name));
