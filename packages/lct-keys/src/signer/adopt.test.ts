/** What a signer whose state was lost, or put back, goes on from, and what it never does. */
import { describe, expect, it } from "vitest";
import {
  CountingAnchor,
  codeOfThrown,
  MemoryStateFiles,
  manualClock,
  only,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { tpmPack } from "../tpm-pack.fixture.js";
import { adoptLog, SignedBeyond } from "./adopt.js";
import { EpochSigner } from "./epoch-signer.js";
import { decodeState, encodeState } from "./state.js";

const software = testPack("adopt");
const hardware = tpmPack("tpm");
const log = tree("log", 40);
const fork = tree("fork", 40, 8);
const SIZE = 20;
const EPOCH = 3;

interface Setting {
  readonly pack?: typeof software;
  /** Of the signer's own state: epoch, size, and of which tree. */
  readonly state?: readonly [number, number, typeof log?];
  /** Of the anchor; default: the state's epoch, else the log's. */
  readonly counter?: number;
  readonly closed?: boolean;
  readonly word?: boolean;
  readonly dry?: boolean;
}

function machine({ pack = software, state, counter, ...asked }: Setting) {
  const files = new MemoryStateFiles();
  const { document } = pack;
  if (state !== undefined) {
    const [epoch, size, of = log] = state;
    const content = encodeState({ lct: document.lct, epoch, size, root: of.root(size) });
    files.files.set(epoch, content);
  }
  const anchor = new CountingAnchor(pack.anchor);
  anchor.value = counter ?? EPOCH;
  const options = { closed: false, word: false, dry: false, ...asked };
  const copy = log.log(SIZE, { lastCounter: EPOCH });
  const adopt = () => adoptLog({ files, anchor, document, log: copy, ...options });
  const states = () => [...files.files].map(([epoch, content]) => [epoch, decodeState(content)]);
  const begin = () =>
    EpochSigner.begin(
      {
        ...{ anchor, files, document, starts: undefined, softwareVersion: "0" },
        entropy: seededEntropy("next"),
        ocmf: () => Promise.reject(new Error("none")),
        onFirst: () => {},
      },
      { log: copy, clock: manualClock(), synchronised: true },
    );
  return { files, adopt, states, begin };
}

const codeOfRefusal = (adopt: () => Promise<string>) => adopt().then((said) => said, codeOfThrown);
const adopted = [[EPOCH, expect.objectContaining({ size: SIZE, root: log.root(SIZE) })]];

describe("a signer that takes up a log", () => {
  it.each([SIZE, 12])("goes on by its own state, which signed up to %i last", async (size) => {
    const { adopt, files } = machine({ state: [EPOCH, size] });
    const before = new Map(files.files);
    expect(await adopt()).toBe("state");
    expect(files.files).toEqual(before);
  });

  it("goes on by its counter in hardware where the log's last epoch has ended, and none began since", async () => {
    const { adopt, states } = machine({ pack: hardware, closed: true });
    expect(await adopt()).toBe("counter");
    expect(states()).toEqual(adopted);
  });

  it.each<[string, Setting]>([
    ["its anchor is no hardware", { closed: true }],
    ["the log's last epoch has not ended", { pack: hardware }],
    ["an epoch began that is not in the log", { pack: hardware, closed: true, counter: EPOCH + 1 }],
    ["its state is that of an epoch before", { state: [EPOCH - 1, 9], closed: true }],
  ])("needs the operator's word where %s", async (_why, setting) => {
    const without = machine(setting);
    const before = new Map(without.files.files);
    expect(await codeOfRefusal(without.adopt)).toBe("state-rolled-back");
    expect(without.files.files).toEqual(before);
    const { adopt, states } = machine({ ...setting, word: true });
    expect(await adopt()).toBe("word");
    const epoch = setting.counter ?? EPOCH;
    expect(states()).toEqual([[epoch, expect.objectContaining({ size: SIZE })]]);
  });

  it("takes a state that cannot be read for a lost one", async () => {
    const { adopt, files, states } = machine({ word: true });
    files.files.set(EPOCH, Uint8Array.of(1, 2, 3));
    expect(await adopt()).toBe("word");
    expect(states()).toEqual(adopted);
  });

  it("changes nothing where it only judges", async () => {
    const { adopt, files } = machine({ word: true, dry: true });
    expect(await adopt()).toBe("word");
    expect(files.files.size).toBe(0);
  });

  it("begins its next epoch on it, and signs what extends it", async () => {
    const { adopt, begin } = machine({ word: true });
    await expect(begin()).rejects.toThrow(/older copy/);
    await adopt();
    const signer = await begin();
    expect(signer.identity().epoch).toBe(EPOCH + 1);
    expect(signer.lastSigned).toEqual({ size: SIZE, root: log.root(SIZE) });
    expect(await only(signer.sign(log.request(SIZE, 30)))).toContain("\n30\n");
    await expect(signer.sign(fork.request(30, 31))).rejects.toThrow();
  });
});

describe("a signer that knows better", () => {
  it("goes on from no log that it signed beyond, whatever anybody's word", async () => {
    const { adopt, files } = machine({ state: [EPOCH, SIZE + 5], word: true });
    const before = new Map(files.files);
    const refused = await adopt().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SignedBeyond);
    expect(refused).toMatchObject({ code: "log-rolled-back", size: SIZE, signed: SIZE + 5 });
    expect(files.files).toEqual(before);
  });

  it.each<[string, Setting]>([
    ["log-forked", { state: [EPOCH, SIZE, fork] }],
    ["log-forked", { state: [EPOCH, 12, fork] }],
    ["counter-rolled-back", { pack: hardware, counter: EPOCH - 1 }],
  ])("refuses with %s", async (code, setting) => {
    expect(await codeOfRefusal(machine({ ...setting, word: true }).adopt)).toBe(code);
  });
});
