/** Emulated TPMs, somebody in between, and tpm2-tools: for the tests of whoever builds on this package. */
export {
  type FakeKey,
  fakeAttest,
  fakeCounter,
  fakeNvCertify,
  fakeQuote,
} from "./fake-tpm.js";
export {
  ENDORSEMENT,
  entropy,
  hasSwtpm,
  LOCKOUT,
  NOTHING,
  OWNER,
  randomAuth,
  Swtpm,
} from "./swtpm.js";
export {
  CREDENTIAL_HEADER,
  hasTools,
  pem,
  publicFile,
  Tools,
  tpm2b,
} from "./tpm2-tools.js";
export { bare, codeOf, scripted, tapped, type Wiretap } from "./wiretap.js";
