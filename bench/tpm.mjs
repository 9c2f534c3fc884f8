import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import {
  ALG,
  ATTESTATION_KEY,
  AuthValue,
  create,
  createPrimary,
  evictControl,
  flush,
  handleName,
  load,
  NV,
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvReadPublic,
  policyDigest,
  policyPcr,
  quote,
  RH,
  SIGNING_KEY,
  STORAGE_ROOT,
  sealedUnder,
  sign,
  startPolicy,
  Tpm,
  underPolicy,
  unseal,
} from "@wattseal/tpm2";
import { firstCheckpointFigures } from "./lib/first-checkpoint.mjs";
import { median } from "./lib/measure.mjs";
import { options, startSwtpm } from "./lib/swtpm.mjs";
import { formatFigures, formatLatencies } from "./lib/table.mjs";
import { identityFigures, identityIn } from "./lib/tpm-identity.mjs";

const ROUNDS = 40;
const TOOL_ROUNDS = 9;
/** The least delay of so many rounds counts: what other programs do only adds to it. */
const LOOP_ROUNDS = 2;
/** What a discrete TPM takes for one command, ms. */
const SLOW_TPM_MS = 200;
const OWNER = { handle: RH.owner, name: handleName(RH.owner) };
const PCRS = [{ hash: ALG.sha256, pcrs: [0, 7] }];
const INDEX = 0x01800001;
const NONCE = new Uint8Array(32);

/**
 * What each operation of the product takes against an emulated TPM, what an identity in it takes, and how long a slow TPM
 * keeps the event loop.
 *
 * @param {string} scratch
 */
export async function tpm(scratch) {
  const swtpm = await startSwtpm(join(scratch, "tpm"));
  try {
    const made = await Tpm.transact(swtpm.transport, options, provision);
    const protectedOptions = { ...options, saltKey: made.root };
    const rows = [];
    for (const { what, work, tools } of operations(made)) {
      const inside = await Tpm.transact(swtpm.transport, protectedOptions, (it) =>
        latency(ROUNDS, () => work(it)),
      );
      const whole = await latency(ROUNDS, () =>
        Tpm.transact(swtpm.transport, protectedOptions, work),
      );
      const peer = await toolLatency(swtpm, tools);
      rows.push({ what, inside, whole, peer });
    }
    const identity = await identityFigures(swtpm, scratch);
    const slow = slowed(swtpm.transport);
    const first = await firstCheckpointFigures(
      swtpm.transport,
      { transport: slow, ms: SLOW_TPM_MS },
      scratch,
    );
    const delays = await loopDelays(slow, made, scratch);
    return [
      formatLatencies("TPM operations", "tpm2-tools", rows),
      formatFigures("Identity in a TPM", identity),
      formatFigures("Start to the first signed checkpoint", first),
      formatFigures("Event loop beside a TPM", delays),
    ].join("\n");
  } finally {
    await swtpm.close();
  }
}

/** @typedef {Awaited<ReturnType<typeof provision>>} Made */

/** @param {Tpm} it */
async function provision(it) {
  let next = 0x81000001;
  /** @param {import("@wattseal/tpm2").LoadedObject} object */
  const keep = async (object) => {
    const handle = next;
    next += 1;
    await evictControl(it, OWNER, object, handle);
    await flush(it, object.handle);
    return { ...object, handle };
  };
  const root = await keep(await createPrimary(it, OWNER, { publicArea: STORAGE_ROOT }));
  /** @param {import("@wattseal/tpm2").Template} template */
  const made = async (template) => keep(await load(it, root, await create(it, root, template)));
  const attestor = await made({ publicArea: ATTESTATION_KEY });
  const signer = await made({ publicArea: SIGNING_KEY });
  const policy = await policyDigest(it, (session) => policyPcr(it, session, PCRS));
  const sealed = await made({ publicArea: sealedUnder(policy), sealed: NONCE });
  await nvDefineSpace(
    it,
    OWNER,
    {
      index: INDEX,
      nameAlgorithm: ALG.sha256,
      attributes: NV.counter | NV.authRead | NV.authWrite | NV.noDa,
      authPolicy: new Uint8Array(0),
      size: 8,
    },
    AuthValue.empty,
  );
  const fresh = await nvReadPublic(it, INDEX);
  return { root, attestor, signer, sealed, counter: await nvIncrement(it, fresh, fresh) };
}

/**
 * Each as this client does it, and as the tools do: one process a step.
 *
 * @param {Made} made
 * @returns {readonly { what: string, work: (it: Tpm) => Promise<unknown>, tools: readonly (readonly string[])[] }[]}
 */
function operations({ root, attestor, signer, sealed, counter }) {
  const nonce = Buffer.from(NONCE).toString("hex");
  const hex = (/** @type {{ handle: number }} */ { handle }) => `0x${handle.toString(16)}`;
  return [
    {
      what: "salted session",
      work: async (it) => flush(it, (await startPolicy(it)).handle),
      tools: [
        ["startauthsession", "--hmac-session", "-c", hex(root), "-S", "session"],
        ["flushcontext", "session"],
      ],
    },
    {
      what: "createPrimary",
      work: async (it) =>
        flush(it, (await createPrimary(it, OWNER, { publicArea: STORAGE_ROOT })).handle),
      tools: [
        ["createprimary", "-C", "o", "-G", "ecc", "-c", "primary"],
        ["flushcontext", "-t"],
      ],
    },
    {
      what: "create and load a key",
      work: async (it) => {
        const blob = await create(it, root, { publicArea: SIGNING_KEY });
        await flush(it, (await load(it, root, blob)).handle);
      },
      tools: [
        ["create", "-C", hex(root), "-G", "ecc", "-u", "pub", "-r", "priv"],
        ["load", "-C", hex(root), "-u", "pub", "-r", "priv", "-c", "key"],
        ["flushcontext", "-t"],
      ],
    },
    {
      what: "sign",
      work: (it) => sign(it, signer, NONCE),
      tools: [["sign", "-c", hex(signer), "-g", "sha256", "-s", "ecdsa", "-o", "sig", "session"]],
    },
    {
      what: "quote",
      work: (it) => quote(it, attestor, PCRS, NONCE),
      tools: [
        ["quote", "-c", hex(attestor), "-l", "sha256:0,7", "-q", nonce, "-m", "msg", "-s", "sig"],
      ],
    },
    {
      what: "nvIncrement",
      work: (it) => nvIncrement(it, counter, counter),
      tools: [["nvincrement", hex(counter), "-C", hex(counter)]],
    },
    {
      what: "nvCertify",
      work: (it) => nvCertify(it, attestor, counter, counter, { qualifyingData: NONCE, size: 8 }),
      tools: [
        [
          ...["nvcertify", "-C", hex(attestor), "-c", hex(counter), "-g", "sha256"],
          ...["-o", "sig", "--attestation", "attestation", "--size", "8", hex(counter)],
        ],
      ],
    },
    {
      what: "unseal under a PCR policy",
      work: (it) =>
        underPolicy(
          it,
          (session) => policyPcr(it, session, PCRS),
          (policy) => unseal(it, { ...sealed, policy }),
        ),
      tools: [["unseal", "-c", hex(sealed), "-p", "pcr:sha256:0,7", "-o", "opened"]],
    },
  ];
}

/**
 * ms, the median, after one round to warm up.
 *
 * @param {number} rounds
 * @param {() => Promise<unknown>} work
 */
async function latency(rounds, work) {
  await work();
  const times = [];
  for (let i = 0; i < rounds; i += 1) {
    const before = performance.now();
    await work();
    times.push(performance.now() - before);
  }
  return median(times);
}

/**
 * ms of the steps' processes, the median; flushing is not counted.
 *
 * @param {Awaited<ReturnType<typeof startSwtpm>>} swtpm
 * @param {readonly (readonly string[])[]} steps
 */
async function toolLatency(swtpm, steps) {
  const times = [];
  for (let i = 0; i <= TOOL_ROUNDS; i += 1) {
    let spent = 0;
    for (const [name = "", ...args] of steps) {
      const before = performance.now();
      await swtpm.tool(name, ...args);
      if (name !== "flushcontext") spent += performance.now() - before;
    }
    if (i > 0) times.push(spent);
  }
  return median(times);
}

/**
 * Until the function that it gives is called, which gives ms: no call kept the event loop longer, whatever other
 * programs did.
 */
function watchTurns() {
  let most = 0;
  let last = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    most = Math.max(most, (user + system) / 1_000);
    last = process.cpuUsage();
  }, 1);
  return () => {
    clearInterval(timer);
    return most;
  };
}

/**
 * The same TPM, but each command takes as long as a discrete one's.
 *
 * @param {import("@wattseal/tpm2").Transport} transport
 * @returns {import("@wattseal/tpm2").Transport}
 */
function slowed(transport) {
  return {
    open: async () => {
      const connection = await transport.open();
      return {
        transmit: async (command) => {
          await pause(SLOW_TPM_MS);
          return connection.transmit(command);
        },
        close: () => connection.close(),
      };
    },
  };
}

/**
 * The longest time that the event loop did not turn, while a TPM that takes its time works, and while nothing does.
 *
 * @param {import("@wattseal/tpm2").Transport} slow
 * @param {Made} made
 * @param {string} scratch
 */
async function loopDelays(slow, made, scratch) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const measured = async (/** @type {() => Promise<unknown>} */ work) => {
    const busiest = watchTurns();
    delay.reset();
    delay.enable();
    const before = performance.now();
    await work();
    delay.disable();
    const ms = performance.now() - before;
    return { ms, longest: delay.max / 1e6, busiest: busiest() };
  };
  const transactions = async () => {
    for (const { work } of operations(made)) {
      await Tpm.transact(slow, { ...options, saltKey: made.root }, work);
    }
    const identity = identityIn(slow, join(scratch, "tpm-slow"));
    const { anchor, body } = await identity.open();
    await anchor.createHalf();
    await anchor.increment();
    await anchor.attestEpoch(body);
    for (const each of await anchor.openHalves()) if (each.state === "open") each.half.dispose();
    await anchor.confirmBoot();
    await identity.undo();
    identity.clean();
  };
  const busy = [];
  const idle = [];
  for (let i = 0; i < LOOP_ROUNDS; i += 1) {
    const round = await measured(transactions);
    busy.push(round);
    idle.push(await measured(() => pause(round.ms)));
  }
  const least = (/** @type {readonly { longest: number }[]} */ rounds) =>
    Math.min(...rounds.map(({ longest }) => longest));
  const cpu = Math.min(...busy.map(({ busiest }) => busiest));
  return [
    {
      what: `one transaction of each kind and an identity's whole life with a TPM that takes ${SLOW_TPM_MS} ms, in all`,
      value: median(busy.map(({ ms }) => ms)),
      unit: "ms",
    },
    { what: "most CPU time between two turns of the event loop meanwhile", value: cpu, unit: "ms" },
    { what: "longest delay of the event loop meanwhile", value: least(busy), unit: "ms" },
    { what: "the same over as long a time with nothing to do", value: least(idle), unit: "ms" },
  ];
}
