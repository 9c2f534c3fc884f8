/** tpm2-tools of the tpm2-software project as an independent peer on the same emulated TPM: each takes what the other made. */
import { concatBytes, fromHex, toHex, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { quote } from "./commands/attestation.js";
import { handlesFrom } from "./commands/basic.js";
import { makeCredential } from "./commands/credential.js";
import { activateCredential, sign, unseal, verifySignature } from "./commands/keys.js";
import {
  nvDefineSpace,
  nvIncrement,
  nvRead,
  nvReadCounter,
  nvReadPublic,
  nvWrite,
} from "./commands/nv.js";
import {
  create,
  createPrimary,
  evictControl,
  flush,
  type LoadedObject,
  load,
  loadExternal,
} from "./commands/objects.js";
import { pcrExtend, pcrRead } from "./commands/pcr.js";
import {
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyNv,
  policyPcr,
  policySecret,
} from "./commands/policy.js";
import { policyDigest, underPolicy } from "./commands/under-policy.js";
import { digestOf } from "./crypto/digest.js";
import { AuthValue } from "./session/auth-value.js";
import { sizedPublic } from "./structures/public.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  SEALED,
  SIGNING_KEY,
  sealedUnder,
} from "./structures/templates.js";
import { ENDORSEMENT, entropy, NOTHING, OWNER, Swtpm } from "./testing/swtpm.js";
import {
  CREDENTIAL_HEADER,
  hasTools,
  pem,
  publicFile,
  Tools,
  tpm2b,
} from "./testing/tpm2-tools.js";
import type { SaltKey, Tpm } from "./tpm.js";
import { encodeSignature, pcrDigest, verifyQuote } from "./verify/attestation.js";
import { eventLogOf } from "./verify/event-log.fixture.js";
import { parseEventLog, replayEvents } from "./verify/event-log.js";
import { ALG, CC, HANDLE_TYPE, NV } from "./wire/constants.js";
import { Reader } from "./wire/reader.js";

const PCRS = { hash: ALG.sha256, pcrs: [0, 7, 16] };
const PCR_LIST = "sha256:0,7,16";
const SECRET = utf8("sealed by one, opened by the other");
const AUTH = new AuthValue(fromHex("a1b2c3d4e5f60718"));
const AUTH_WORD = "hex:a1b2c3d4e5f60718";
const ROOT = "0x81000001";

const NAME = hasTools() ? "tpm2-tools" : "tpm2-tools (skipped: they or swtpm are not installed)";
describe.skipIf(!hasTools())(NAME, () => {
  let swtpm: Swtpm;
  let tools: Tools;
  let root: SaltKey;
  let attestor: LoadedObject;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    tools = new Tools(swtpm);
    root = await swtpm.storageRoot();
    attestor = await use((tpm) => persist(tpm, 0x81000020));
  }, 60_000);
  afterAll(() => swtpm.remove());

  const use = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, root);
  const put = (name: string, bytes: Uint8Array) => tools.put(name, bytes);
  const get = (name: string) => tools.get(name);
  const offline = (name: string, ...args: readonly string[]) => tools.offline(name, ...args);
  const tool = (name: string, ...args: readonly string[]) => tools.run(name, ...args);

  /** Without a resource manager the tools leave behind what they load. */
  beforeEach(() =>
    swtpm.use(async (tpm) => {
      for (const type of [HANDLE_TYPE.transient, HANDLE_TYPE.hmacSession]) {
        for (const handle of await handlesFrom(tpm, type * 2 ** 24)) await flush(tpm, handle);
      }
    }),
  );

  async function persist(tpm: Tpm, handle: number): Promise<LoadedObject> {
    const key = await createPrimary(tpm, ENDORSEMENT, { publicArea: ATTESTATION_KEY, auth: AUTH });
    await evictControl(tpm, OWNER, key, handle);
    return { handle, name: key.name, publicArea: key.publicArea };
  }

  it("name an object as we do", async () => {
    await tool("readpublic", "-c", ROOT, "-n", "root.name");
    expect(toHex(await get("root.name"))).toBe(toHex(root.name));
  });

  it("accept our quote, and not for another nonce", async () => {
    const nonce = entropy.bytes(16);
    await use((tpm) => pcrExtend(tpm, 16, [{ hash: ALG.sha256, digest: entropy.bytes(32) }]));
    const quoted = await use((tpm) => quote(tpm, { ...attestor, auth: AUTH }, [PCRS], nonce));
    await put("ak.pem", pem(attestor.publicArea));
    await put("quote.msg", quoted.bytes);
    await put("quote.sig", encodeSignature(quoted.signature));
    const check = (word: string) =>
      offline("checkquote", "-u", "ak.pem", "-m", "quote.msg", "-s", "quote.sig", "-q", word);
    await check(toHex(nonce));
    await expect(check(toHex(entropy.bytes(16)))).rejects.toThrow();
  });

  it("make a quote that we accept", async () => {
    const nonce = entropy.bytes(16);
    const asked = ["-c", "0x81000020", "-p", AUTH_WORD, "-l", PCR_LIST, "-q", toHex(nonce)];
    await tool("quote", ...asked, "-m", "their.msg", "-s", "their.sig");
    const signed = { bytes: await get("their.msg"), signature: await get("their.sig") };
    const context = { key: attestor.publicArea, qualifyingData: nonce, selection: PCRS };
    const said = verifyQuote(signed, context);
    const values = await use((tpm) => pcrRead(tpm, PCRS));
    expect(toHex(said.pcrDigest)).toBe(toHex(pcrDigest(values.values())));
  });

  it("unseal what we sealed, to a value and to PCRs", async () => {
    const [byValue, byPcrs] = await use(async (tpm) => {
      const policy = await policyDigest(tpm, (session) => policyPcr(tpm, session, [PCRS]));
      return [
        await create(tpm, root, { publicArea: SEALED, auth: AUTH, sealed: SECRET }),
        await create(tpm, root, { publicArea: sealedUnder(policy), sealed: SECRET }),
      ] as const;
    });
    for (const [blob, word] of [
      [byValue, AUTH_WORD],
      [byPcrs, `pcr:${PCR_LIST}`],
    ] as const) {
      await put("ours.pub", publicFile(blob.publicArea));
      await put("ours.priv", tpm2b(blob.privateArea));
      await tool("load", "-C", ROOT, "-u", "ours.pub", "-r", "ours.priv", "-c", "ours.ctx");
      await tool("flushcontext", "-t");
      await tool("unseal", "-c", "ours.ctx", "-p", word, "-o", "ours.out");
      expect(await get("ours.out")).toEqual(SECRET);
      await tool("flushcontext", "-t");
    }
  });

  it("seal what we unseal, to a value and to PCRs", async () => {
    await put("their.in", SECRET);
    const made = ["create", "-C", ROOT, "-i", "their.in", "-u", "their.pub", "-r", "their.priv"];
    const read = async () => {
      const publicArea = sizedPublic.read(new Reader(await get("their.pub"), "file"));
      return { publicArea, privateArea: (await get("their.priv")).slice(2) };
    };
    const [name = "", ...args] = made;
    await tool(name, ...args, "-p", AUTH_WORD);
    const byValue = await read();
    const opened = await use(async (tpm) =>
      unseal(tpm, { ...(await load(tpm, root, byValue)), auth: AUTH }),
    );
    expect(opened).toEqual(SECRET);

    await tool("startauthsession", "-S", "trial.ctx");
    await tool("policypcr", "-S", "trial.ctx", "-l", PCR_LIST, "-L", "pcr.policy");
    await tool("flushcontext", "trial.ctx");
    await tool(name, ...args, "-L", "pcr.policy");
    const byPcrs = await read();
    const openedByPcrs = await use(async (tpm) => {
      const object = await load(tpm, root, byPcrs);
      return underPolicy(
        tpm,
        (session) => policyPcr(tpm, session, [PCRS]),
        (policy) => unseal(tpm, { ...object, policy }),
      );
    });
    expect(openedByPcrs).toEqual(SECRET);
  });

  it.each([
    ["RSA", ENDORSEMENT_RSA, "rsa", 0x81000030],
    ["P-256", ENDORSEMENT_ECC, "ecc", 0x81000031],
  ] as const)(
    "make a credential that we activate, and activate ours: %s",
    async (_, template, kind, handle) => {
      const endorsement = await use(async (tpm) => {
        const key = await createPrimary(tpm, ENDORSEMENT, { publicArea: template });
        await evictControl(tpm, OWNER, key, handle);
        return { ...key, handle };
      });
      // Their default endorsement key is the same key: the templates agree.
      await tool("createek", "-c", "ek.ctx", "-G", kind, "-u", "ek.pub");
      expect(toHex(await get("ek.pub"))).toBe(toHex(publicFile(endorsement.publicArea)));
      await tool("flushcontext", "-t");

      await put("credential.in", SECRET.subarray(0, 32));
      const named = ["-e", "ek.pub", "-s", "credential.in", "-n", toHex(attestor.name)];
      await offline("makecredential", "-T", "none", ...named, "-o", "their.credential");
      const theirs = new Reader(await get("their.credential"), "credential");
      expect(theirs.bytes(8)).toEqual(CREDENTIAL_HEADER);
      const given = { blob: theirs.bytes(theirs.u16()), secret: theirs.bytes(theirs.u16()) };
      const activated = await use((tpm) =>
        underPolicy(
          tpm,
          (session) => policySecret(tpm, session, ENDORSEMENT),
          (policy) =>
            activateCredential(tpm, { ...attestor, auth: AUTH }, { ...endorsement, policy }, given),
        ),
      );
      expect(activated).toEqual(SECRET.subarray(0, 32));

      const secret = entropy.bytes(32);
      const ours = makeCredential(endorsement.publicArea, attestor.name, secret, entropy);
      const both = [tpm2b(ours.blob), tpm2b(ours.secret)];
      await put("our.credential", concatBytes(CREDENTIAL_HEADER, ...both));
      await tool("startauthsession", "--policy-session", "-S", "ek.session");
      await tool("policysecret", "-S", "ek.session", "-c", "e");
      const keys = ["-c", "0x81000020", "-p", AUTH_WORD, "-C", `0x${handle.toString(16)}`];
      const session = ["-P", "session:ek.session"];
      await tool(
        "activatecredential",
        ...keys,
        ...session,
        "-i",
        "our.credential",
        "-o",
        "activated",
      );
      expect(await get("activated")).toEqual(secret);
    },
    60_000,
  );

  it("read the NV index that we wrote, and write one that we read", async () => {
    const attributes = NV.ordinary | NV.authRead | NV.authWrite | NV.noDa;
    const size = SECRET.length;
    const area = { index: 0x01800060, nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING };
    await use(async (tpm) => {
      await nvDefineSpace(tpm, OWNER, { ...area, size }, AUTH);
      const fresh = await nvReadPublic(tpm, area.index);
      await nvWrite(tpm, { ...fresh, auth: AUTH }, fresh, SECRET);
    });
    const use60 = ["0x1800060", "-C", "0x1800060", "-P", AUTH_WORD];
    await tool("nvread", ...use60, "-s", String(size), "-o", "nv.out");
    expect(await get("nv.out")).toEqual(SECRET);

    const theirs = ["-C", "o", "-s", String(size), "-a", "authread|authwrite|no_da"];
    await tool("nvdefine", "0x1800061", ...theirs, "-p", AUTH_WORD);
    await put("nv.in", SECRET);
    await tool("nvwrite", "0x1800061", "-C", "0x1800061", "-P", AUTH_WORD, "-i", "nv.in");
    const read = await use(async (tpm) => {
      const index = await nvReadPublic(tpm, 0x01800061);
      return nvRead(tpm, { ...index, auth: AUTH }, index, size);
    });
    expect(read).toEqual(SECRET);
  });

  it("compute the same policy digests", async () => {
    const reference = utf8("boot");
    const area = {
      index: 0x01800062,
      nameAlgorithm: ALG.sha256,
      attributes: NV.counter | NV.ownerRead | NV.authRead | NV.authWrite | NV.noDa,
      authPolicy: NOTHING,
      size: 8,
    } as const;
    const value = new Uint8Array(8);
    const [ours, approverName, authorized] = await use(async (tpm) => {
      await nvDefineSpace(tpm, OWNER, area, AUTH);
      const fresh = await nvReadPublic(tpm, area.index);
      const index = await nvIncrement(tpm, { ...fresh, auth: AUTH }, fresh);
      const count = await nvReadCounter(tpm, { ...index, auth: AUTH }, index);
      new DataView(value.buffer).setBigUint64(0, count);
      const chain = await policyDigest(tpm, async (session) => {
        await policyPcr(tpm, session, [PCRS]);
        await policyAuthValue(tpm, session);
        await policyCommandCode(tpm, session, CC.unseal);
        await policySecret(tpm, session, ENDORSEMENT);
        await policyNv(tpm, session, OWNER, index, { operation: "unsignedLessOrEqual", value });
      });
      const key = await load(tpm, root, await create(tpm, root, { publicArea: SIGNING_KEY }));
      const outside = await loadExternal(tpm, key.publicArea);
      const approved = digestOf(ALG.sha256, chain, reference);
      const verified = await verifySignature(
        tpm,
        outside,
        approved,
        await sign(tpm, key, approved),
      );
      await flush(tpm, key.handle);
      const after = await policyDigest(tpm, (session) =>
        policyAuthorize(tpm, session, {
          policy: NOTHING,
          reference,
          keyName: outside.name,
          verified,
        }),
      );
      return [chain, outside.name, after] as const;
    });
    const digestAfter = async (...steps: readonly (readonly string[])[]) => {
      await tool("startauthsession", "-S", "chain.ctx");
      for (const [name = "", ...args] of steps) {
        await tool(name, ...args, "-S", "chain.ctx", "-L", "chain.policy");
      }
      await tool("flushcontext", "chain.ctx");
      return toHex(await get("chain.policy"));
    };
    await put("value", value);
    await put("approver.name", approverName);
    await put("reference", reference);
    await put("none", NOTHING);
    expect(
      await digestAfter(
        ["policypcr", "-l", PCR_LIST],
        ["policyauthvalue"],
        ["policycommandcode", "TPM2_CC_Unseal"],
        ["policysecret", "-c", "e"],
        ["policynv", "-C", "o", "-i", "value", "0x1800062", "ule"],
      ),
    ).toBe(toHex(ours));
    const authorize = ["policyauthorize", "-i", "none", "-q", "reference", "-n", "approver.name"];
    expect(await digestAfter(authorize)).toBe(toHex(authorized));
  }, 60_000);

  it("replay an event log to the same PCRs", async () => {
    const log = eventLogOf([
      // EV_S_CRTM_VERSION, EV_SEPARATOR, EV_IPL, EV_POST_CODE (§10.4.1).
      { pcr: 0, type: 8, data: utf8("firmware 1.0") },
      { pcr: 7, type: 4, data: new Uint8Array(4) },
      { pcr: 0, type: 4, data: new Uint8Array(4) },
      { pcr: 8, type: 13, data: utf8("kernel command line\0") },
      { pcr: 0, type: 1, data: utf8("POST CODE") },
    ]);
    await put("events", log);
    const yaml = await offline("eventlog", "events");
    const bank = yaml.slice(yaml.indexOf("pcrs:")).split("sha256:")[1] ?? "";
    const theirs = [...bank.matchAll(/^\s+(\d+)\s*: 0x([0-9a-f]{64})/gm)].map(
      ([, pcr, value]) => [Number(pcr), value] as const,
    );
    const ours = [...replayEvents(parseEventLog(log))].map(
      ([pcr, value]) => [pcr, toHex(value)] as const,
    );
    expect(theirs.length).toBe(3);
    expect(new Map(ours)).toEqual(new Map(theirs));
  });
});
