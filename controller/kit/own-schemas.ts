/**
 * For Ajv, of schemas that are ours, compiled when a first request waits for them: a test has checked them, and neither the
 * schema of schemas nor shorter code, which takes three times as long to make, is worth a tenth of a second each.
 */
export const OWN_SCHEMAS = { meta: false, validateSchema: false, code: { optimize: false } } as const;
