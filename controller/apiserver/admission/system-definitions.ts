import { forbidden } from '../refusals.ts';
import type { AdmissionPlugin } from './admission.ts';

/** The definitions that this server brings along stay: deleting one would delete every object of its kind. */
export function systemDefinitions(names: ReadonlySet<string>): AdmissionPlugin {
  return {
    name: 'SystemDefinitions',
    admit({ operation, served, name }) {
      if (operation === 'DELETE' && served.resource.kind === 'CustomResourceDefinition' && names.has(name))
        throw forbidden(served.resource, name, 'the server needs this definition; it may not be deleted');
      return undefined;
    },
  };
}
