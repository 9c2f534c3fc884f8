/** TPM2_StartAuthSession (Part 3 §11.1). */
import { shareSecret } from "../crypto/secret.js";
import { digestLength, symmetric } from "../structures/algorithms.js";
import { handleName } from "../structures/name.js";
import type { SaltKey, Tpm } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { ALG, CC, RH, SE } from "../wire/constants.js";
import { SESSION_KEY_BITS, Session, type SessionKind } from "./session.js";

const HASH = ALG.sha256;
const MOST_SECRET = 512;
const MOST_NONCE = 64;
const encryptedSecret = buffer(MOST_SECRET);
const nonce = buffer(MOST_NONCE);

const NONE = { handle: RH.null, name: handleName(RH.null) };

async function start(tpm: Tpm, saltKey: SaltKey | undefined, kind: SessionKind): Promise<Session> {
  const nonceCaller = tpm.entropy.bytes(digestLength(HASH));
  const salt =
    saltKey === undefined ? undefined : shareSecret(saltKey.publicArea, "SECRET", tpm.entropy);
  const { handle, parameters } = await tpm.runForHandle({
    code: CC.startAuthSession,
    refs: [saltKey ?? NONE, NONE],
    open: true,
    parameters: (w) => {
      nonce.write(w, nonceCaller);
      encryptedSecret.write(w, salt?.encrypted ?? new Uint8Array(0));
      w.u8(SE[kind]);
      symmetric.write(w, salt === undefined ? undefined : { keyBits: SESSION_KEY_BITS });
      w.u16(HASH);
    },
  });
  const nonceTpm = nonce.read(parameters);
  parameters.end();
  const sessionKey = Session.keyFor(HASH, salt?.secret, nonceTpm, nonceCaller);
  salt?.secret.fill(0);
  return new Session({ handle, kind, hash: HASH, nonceCaller, nonceTpm, sessionKey });
}

/** An HMAC session salted for a storage key: nobody without it can authenticate or read along. */
export function startProtected(tpm: Tpm, saltKey: SaltKey): Promise<Session> {
  return start(tpm, saltKey, "hmac");
}

/** A policy session; salted where the transaction has a salt key. */
export function startPolicy(tpm: Tpm): Promise<Session> {
  return start(tpm, tpm.saltKey, "policy");
}

/** Only computes a policy's digest. */
export function startTrial(tpm: Tpm): Promise<Session> {
  return start(tpm, undefined, "trial");
}
