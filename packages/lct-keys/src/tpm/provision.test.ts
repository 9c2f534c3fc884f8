import { chmod, stat } from "node:fs/promises";
import { join } from "node:path";
import { DecodeError, toHex } from "@wattseal/base";
import {
  AuthValue,
  createPrimary,
  evictControl,
  handlesFrom,
  hierarchyChangeAuth,
  nvDefineSpace,
  nvIncrement,
  nvReadCounter,
  nvReadPublic,
  readPublic,
  STORAGE_ROOT,
} from "@wattseal/tpm2";
import {
  bare,
  codeOf,
  ENDORSEMENT,
  entropy,
  hasSwtpm,
  OWNER,
  randomAuth,
  tapped,
} from "@wattseal/tpm2/testing";
import { CC, OBJECT } from "@wattseal/tpm2/verify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { P256SecretKey } from "../keys/p256.js";
import { openTpmPlan, writeTpmPlan } from "./folder.js";
import { provision } from "./provision.js";
import { retireTpmIdentity } from "./retire.js";
import { counterAt } from "./templates.js";
import { accessTo, Board, OPTIONS, PCRS, updateKey } from "./tpm.fixture.js";

const NAME = hasSwtpm() ? "provisioning" : "provisioning (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let board: Board;
  beforeEach(async () => {
    board = await Board.start();
  }, 60_000);
  afterEach(() => board.remove());

  const handles = () =>
    board.swtpm.use(async (tpm) => [
      ...(await handlesFrom(tpm, 0x81000000)),
      ...(await handlesFrom(tpm, 0x01000000)),
    ]);

  it("records what is in the TPM, and keys that never leave it", async () => {
    const identity = await board.provision();
    await board.boot();
    const { root, attestationKey, anchor, counter, boot } = identity;
    await board.swtpm.use(async (tpm) => {
      for (const key of [root, attestationKey, anchor]) {
        expect(await readPublic(tpm, key.handle)).toEqual(key);
        const fixed = OBJECT.fixedTpm | OBJECT.fixedParent | OBJECT.sensitiveDataOrigin;
        const unattended = fixed | OBJECT.noDa;
        expect(key.publicArea.attributes & unattended).toBe(unattended);
      }
      for (const index of [counter, boot!.version]) {
        expect(await nvReadPublic(tpm, index.handle)).toEqual(index);
      }
    });
    for (const key of [root, attestationKey]) {
      expect(key.publicArea.attributes & OBJECT.restricted).toBe(OBJECT.restricted);
    }
    expect(identity.pcrs).toEqual(PCRS);
    expect(boot!.updateKey).toEqual(updateKey.publicKey);
    expect(await handles()).toHaveLength(5);
  });

  it("keeps it in a file of its owner's alone, which shows no secret when it is printed", async () => {
    const identity = await board.provision();
    expect(await board.folder.names()).toEqual(["tpm.cbor"]);
    const path = join(board.directory, "tpm.cbor");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(identity)).toContain('"auth":"[secret]"');
    await chmod(path, 0o640);
    await expect(board.provision()).rejects.toMatchObject({ code: "key-permissions" });
  });

  it("gives what is there when it is asked again, and asks the TPM nothing", async () => {
    const identity = await board.provision();
    await board.swtpm.powerCut();
    expect(await board.provision()).toEqual(identity);
  });

  it("goes on with the PCRs and the update key that it began with, or not at all", async () => {
    const [first, ...rest] = [
      { ...OPTIONS, pcrs: [7] },
      { pcrs: PCRS },
      { ...OPTIONS, updateKey: P256SecretKey.generate(entropy).publicKey },
    ];
    await board.provision();
    for (const other of [first!, ...rest]) {
      await expect(board.provision(other)).rejects.toMatchObject({ code: "tpm-other-policy" });
    }
  });

  it.each([[[]], [[7, 7]], [[16, 7]], [[24]]])("takes no PCRs like %j", async (pcrs) => {
    await expect(board.provision({ ...OPTIONS, pcrs })).rejects.toBeInstanceOf(DecodeError);
    expect(await board.folder.names()).toEqual([]);
  });

  it("refuses a damaged record, and makes no second identity beside it", async () => {
    await board.provision();
    const bytes = await board.folder.read("tpm.cbor");
    await board.folder.write("tpm.cbor", bytes.with(40, (bytes[40] ?? 0) ^ 1));
    const before = await handles();
    await expect(board.provision()).rejects.toBeInstanceOf(DecodeError);
    expect(await handles()).toEqual(before);
  });

  /** A board that was cut right after its plan was written. */
  async function planned() {
    const noMore = {
      ...board.folder,
      write: async (name: string, content: Uint8Array) => {
        await board.folder.write(name, content);
        throw new Error("cut");
      },
    };
    await expect(provision(board.access, OPTIONS, noMore)).rejects.toThrow("cut");
    return (await openTpmPlan(board.folder))!;
  }

  it("takes other places where somebody else took the planned ones, whose objects stay as they are", async () => {
    const { places } = await planned();
    const theirAuth = randomAuth();
    const { fresh } = counterAt(places.counter);
    const { fresh: unwritten } = counterAt(places.version);
    const key = await board.swtpm.use(async (tpm) => {
      const made = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
      for (const handle of [places.root, places.attestationKey, places.anchor]) {
        await evictControl(tpm, OWNER, made, handle);
      }
      // Their counters have the very Names of ours: only the authorisation value tells them apart.
      await nvDefineSpace(tpm, OWNER, fresh.publicArea, theirAuth);
      await nvIncrement(tpm, { ...fresh, auth: theirAuth }, fresh);
      await nvDefineSpace(tpm, OWNER, unwritten.publicArea, theirAuth);
      return made;
    });
    const theirs = await handles();
    const identity = await board.provision();
    const ours = [identity.root, identity.attestationKey, identity.anchor, identity.counter];
    for (const { handle } of [...ours, identity.boot!.version])
      expect(theirs).not.toContain(handle);
    await board.swtpm.use(async (tpm) => {
      expect(toHex((await readPublic(tpm, places.root)).name)).toBe(toHex(key.name));
      const index = await nvReadPublic(tpm, places.counter);
      expect(await nvReadCounter(tpm, { ...index, auth: theirAuth }, index)).toBe(1n);
      expect((await nvReadPublic(tpm, places.version)).name).toEqual(unwritten.name);
    });
    const all = await handles();
    const retired = await retireTpmIdentity(board.access, {}, board.folder);
    expect(await handles()).toEqual(theirs);
    const gone = all.filter((handle) => !theirs.includes(handle));
    expect(retired).toEqual({ handles: expect.any(Array), halves: [] });
    expect(retired.handles.toSorted()).toEqual(gone.toSorted());
  });

  it("goes on where the TPM was cleared after a cut", async () => {
    const anchorDrawn = {
      ...board.folder,
      write: async (name: string, content: Uint8Array) => {
        await board.folder.write(name, content);
        if ((await openTpmPlan(board.folder))?.anchor !== undefined) throw new Error("cut");
      },
    };
    await expect(provision(board.access, OPTIONS, anchorDrawn)).rejects.toThrow("cut");
    await board.clear();
    const { anchor } = await board.provision();
    await board.swtpm.use(async (tpm) => {
      expect(await readPublic(tpm, anchor.handle)).toEqual(anchor);
    });
  });

  it("uses the hierarchies' authorisation values, and says so where they are needed", async () => {
    const owner = randomAuth();
    const endorsement = randomAuth();
    await board.swtpm.use(async (tpm) => {
      await hierarchyChangeAuth(tpm, OWNER, owner);
      await hierarchyChangeAuth(tpm, ENDORSEMENT, endorsement);
    });
    for (const given of [
      {},
      { owner },
      { endorsement },
      { owner, endorsement: new AuthValue(entropy.bytes(8)) },
    ]) {
      const refused = board.provision({ ...OPTIONS, ...given });
      await expect(refused).rejects.toMatchObject({ code: "tpm-hierarchy-auth" });
    }
    await board.provision({ ...OPTIONS, owner, endorsement });
    await retireTpmIdentity(board.access, { owner, endorsement }, board.folder);
    expect(await handles()).toEqual([]);
  });

  it.each([CC.evictControl, CC.nvDefineSpace])(
    "says that the TPM is full, and goes on when it is not (command %#)",
    async (full) => {
      const NV_SPACE = 0x14b;
      const transport = tapped(board.swtpm.transport, {
        command: (bytes) => (codeOf(bytes) === full ? bare(NV_SPACE) : undefined),
      });
      const refused = provision(accessTo(transport), OPTIONS, board.folder);
      await expect(refused).rejects.toMatchObject({ code: "tpm-full" });
      await board.provision();
      expect(await handles()).toHaveLength(5);
    },
  );

  it("is undone to the last object, also where it was only begun", async () => {
    await planned();
    await retireTpmIdentity(board.access, {}, board.folder);
    expect(await board.folder.names()).toEqual([]);
    await board.provision();
    await retireTpmIdentity(board.access, {}, board.folder);
    expect([await handles(), await board.folder.names()]).toEqual([[], []]);
    await retireTpmIdentity(board.access, {}, board.folder);
  });

  it("is undone without taking another identity's counters, whose Names are the same", async () => {
    await board.provision();
    await board.clear();
    const other = await Board.start();
    try {
      // The same places, in the TPM as it is now; and once more in a plan that was made before.
      const theirs = await provision(board.access, OPTIONS, other.folder);
      const taken = await handles();
      expect(taken).toHaveLength(5);
      await retireTpmIdentity(board.access, {}, board.folder);
      expect([await handles(), await board.folder.names()]).toEqual([taken, []]);
      const { root, attestationKey, anchor, counter, boot } = theirs;
      const places = {
        root: root.handle,
        attestationKey: attestationKey.handle,
        anchor: anchor.handle,
        counter: counter.handle,
        version: boot?.version.handle ?? 0,
      };
      const secrets = { unique: entropy.bytes(32), auth: entropy.bytes(32) };
      const rest = { pcrs: PCRS, updateKey: updateKey.publicKey, anchor: undefined };
      await writeTpmPlan(board.folder, { ...secrets, ...rest, places });
      await retireTpmIdentity(board.access, {}, board.folder);
      expect([await handles(), await board.folder.names()]).toEqual([taken, []]);
      const { auth } = theirs;
      await board.swtpm.use((tpm) => nvIncrement(tpm, { ...counter, auth }, counter));
      await retireTpmIdentity(board.access, {}, other.folder);
      expect(await handles()).toEqual([]);
    } finally {
      await other.remove();
    }
  });
});
