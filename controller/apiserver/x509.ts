/** For those who load it when they need it; see client/whole-yaml.ts. */
import 'reflect-metadata';

export { Pkcs10CertificateRequest } from '@peculiar/x509';
