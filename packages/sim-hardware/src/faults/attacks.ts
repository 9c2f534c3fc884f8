import type { Cancel } from "@wattseal/base";
import {
  baseOf,
  type CanFrame,
  encodeClear,
  isSecured,
  MODULE_STATE,
  MODULE_STATUS,
  securedId,
  slotOf,
} from "@wattseal/can-protocol";
import type { SeededRandom } from "../pack/random.js";
import { Attacker } from "./attacker.js";
import { modulesAt, type Slots, type Stage } from "./stage.js";

/** What a node on the wire does that does not belong there. */
export type Attack =
  /**
   * Records what it hears and sends it again, `delayMs` later, bit for bit. On CAN nothing on the wire can be
   * reordered or held back; this is as near as an attacker comes without cutting the cable (see `jam`).
   */
  | {
      readonly fault: "replay";
      readonly record: Recorded;
      readonly delayMs: number;
      readonly slots?: Slots;
    }
  /** Sends orders under the gateway's own identifiers, to these modules. */
  | { readonly fault: "spoof"; readonly perSecond: number; readonly slots?: Slots }
  /** Sends frames under identifiers from `firstId` to `lastId`, in turn. */
  | {
      readonly fault: "flood";
      readonly firstId: number;
      readonly lastId: number;
      readonly perSecond: number;
    }
  /** Sends the clear readings of deployed modules under the slots of these paired ones. */
  | { readonly fault: "clear-frames"; readonly perSecond: number; readonly slots?: Slots }
  /** A defective node: identifier 0 without a pause, so that nobody else is heard. */
  | { readonly fault: "babbling" };

/** First messages of handshakes, orders and heartbeats of the pack, or what modules say. */
export type Recorded = "handshakes" | "commands" | "readings";

const BASES: Readonly<Record<Recorded, readonly number[]>> = {
  handshakes: [0x634],
  commands: [0x630, 0x632],
  readings: [0x631, 0x633],
};
const ORDER_BASES = [0x630, 0x632] as const;
/** As many frames as an order fills. */
const ORDER_FRAMES = 3;

export function startAttack(attack: Attack, stage: Stage): Cancel {
  const attacker = new Attacker(stage, `attacker-${attack.fault}`);
  switch (attack.fault) {
    case "replay":
      replay(attacker, attack);
      break;
    case "spoof": {
      const slots = modulesAt(stage, attack.slots).map(({ slot }) => slot);
      let turn = 0;
      attacker.every(attack.perSecond, () => {
        turn += 1;
        return forgedOrder(slots[turn % slots.length] ?? 0, turn, stage.random);
      });
      break;
    }
    case "flood": {
      let turn = 0;
      const identifiers = attack.lastId - attack.firstId + 1;
      attacker.every(attack.perSecond, () => {
        const id = attack.firstId + (turn % identifiers);
        turn += 1;
        return [{ id, data: randomBytes(8, stage.random), fd: false }];
      });
      break;
    }
    case "clear-frames": {
      const slots = modulesAt(stage, attack.slots).map(({ slot }) => slot);
      attacker.every(attack.perSecond, () => slots.map((slot) => clearReading(slot)));
      break;
    }
    case "babbling":
      babble(attacker);
      break;
  }
  return () => attacker.leave();
}

function replay(
  attacker: Attacker,
  { record, delayMs, slots }: Attack & { fault: "replay" },
): void {
  attacker.hear((frame) => {
    const { id } = frame;
    if (!isSecured(id) || !BASES[record].includes(baseOf(id))) return;
    if (slots !== undefined && !slots.includes(slotOf(id))) return;
    attacker.after(delayMs, () => attacker.send([frame]));
  });
}

function forgedOrder(slot: number, turn: number, random: SeededRandom): readonly CanFrame[] {
  const base = ORDER_BASES[turn % 2] ?? ORDER_BASES[0];
  const counter = Math.floor(random.next() * 16);
  return Array.from({ length: ORDER_FRAMES }, (_, segment) => ({
    id: securedId(base, slot, counter, segment, segment === 0, segment === ORDER_FRAMES - 1),
    data: randomBytes(8, random),
    fd: false,
  }));
}

function clearReading(address: number): CanFrame {
  const values = {
    state: MODULE_STATE.on,
    status: MODULE_STATUS.normal,
    soc: 100,
    soh: 100,
    cells: 94,
    current: -200,
    voltage: 400,
  };
  return encodeClear("status1", values, { address });
}

function babble(attacker: Attacker): void {
  const frame = { id: 0, data: new Uint8Array(8), fd: false };
  const fill = () => {
    while (attacker.node.state !== "bus-off" && attacker.node.send(frame));
  };
  attacker.node.listen({ frame: () => {}, sent: fill, error: () => {}, state: fill });
  fill();
}

function randomBytes(length: number, random: SeededRandom): Uint8Array {
  return new Uint8Array(length).map(() => Math.floor(random.next() * 256));
}
