/** For those who load it when they need it: of a package that is no ES module, a bundle has no names by then. */
export { parse } from 'yaml';
