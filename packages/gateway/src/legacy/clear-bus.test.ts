import { micros, milliwattHours, moduleUid, silentLogger, slot } from "@wattseal/base";
import {
  type BusListener,
  type CanBus,
  type CanFrame,
  type ClearAlarm,
  decodeClear,
  encodeClear,
  type LegacyReading,
  MODULE_STATE,
} from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { HandClock, HandTimeSource } from "../clock.fixture.js";
import { ClearBus, type LegacyUnit } from "./clear-bus.js";
import { ClearSender } from "./clear-sender.js";

const UID = moduleUid("0a0b000078563412");
const IDENTITY = { manufacturer: 0x0a, part: 0x0b, unique: 0x12345678 };
const PAIRED = {
  uid: moduleUid("5701000000000001"),
  slot: slot(1),
  busId: 0,
  half: new Uint8Array(32),
  label: "",
  ratedCapacity: milliwattHours(0),
  ratedWatts: 0,
};
const STATUS_1 = { state: 0, status: 0, soc: 0, soh: 0, cells: 94, current: -10, voltage: 350.01 };
const STATUS_2 = { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 350.01 };

/** A controller with as many mailboxes as it is told; frames leave when the test says. */
class Controller implements CanBus {
  readonly state = "active";
  readonly sent: CanFrame[] = [];
  readonly boxes: CanFrame[] = [];
  room = Number.POSITIVE_INFINITY;
  listener: BusListener | undefined;
  readonly info: CanBus["info"];

  constructor(dataBitRate?: number) {
    this.info = { nominalBitRate: 500_000, dataBitRate };
  }

  send(frame: CanFrame): boolean {
    if (this.boxes.length >= this.room) return false;
    this.boxes.push(frame);
    if (this.room === Number.POSITIVE_INFINITY) this.leave();
    return true;
  }

  leave(): void {
    const frame = this.boxes.shift();
    if (frame === undefined) return;
    this.sent.push(frame);
    this.listener?.sent(frame, micros(0));
  }

  listen(listener: BusListener): () => void {
    this.listener = listener;
    return () => {
      this.listener = undefined;
    };
  }

  close(): void {}
}

function busWith(legacy: readonly LegacyUnit[] | undefined, controller = new Controller()) {
  const clock = new HandClock();
  const alarms: ClearAlarm[] = [];
  const readings: LegacyReading[] = [];
  const clear = new ClearBus({
    bus: controller,
    pairing: {
      packHash: new Uint8Array(32),
      packHalf: { reference: "", publicKey: new Uint8Array(32) },
      modules: [PAIRED],
    },
    clock,
    timeSource: new HandTimeSource(clock),
    logger: silentLogger,
    legacy,
    listener: {
      reading: (reading) => {
        readings.push(reading);
      },
      alarm: (alarm) => {
        alarms.push(alarm);
      },
    },
  });
  clear.start();
  const names = () => controller.sent.map((frame) => decodeClear(frame)?.name);
  const hear = (frame: CanFrame) => controller.listener?.frame(frame, micros(1000 * clock.now()));
  return { clear, clock, controller, alarms, readings, names, hear };
}

const listed = [{ uid: UID, capacity: milliwattHours(5_000_000) }];
const announce = encodeClear("announce", { fw: 1, ...IDENTITY });

describe("a bus that admits nobody in clear", () => {
  it("says nothing in clear itself, and alarms on whoever does", () => {
    const { clear, clock, controller, alarms, hear } = busWith(undefined);
    hear(announce);
    hear(announce);
    hear(encodeClear("status1", STATUS_1, { address: PAIRED.slot }));
    hear(encodeClear("maxState", { max: 3 }));
    clock.advance(60_000);
    expect(alarms.map(({ kind }) => kind)).toEqual([
      "clear-foreign",
      "clear-paired-slot",
      "clear-controller",
      "clear-foreign",
    ]);
    expect(alarms.map(({ suppressed }) => suppressed)).toEqual([0, 0, 0, 0]);
    for (let n = 0; n < 20; n += 1) hear(announce);
    clock.advance(10_000);
    for (let n = 0; n < 20; n += 1) hear(announce);
    clear.stop();
    expect(alarms.slice(4).map(({ suppressed }) => suppressed)).toEqual([0, 18, 19]);
    expect(controller.sent).toEqual([]);
    expect(clear.status()).toEqual([]);
  });
});

describe("a bus that admits listed modules", () => {
  it("registers them, tells their readings as unauthenticated, and shows them stale in silence", () => {
    const { clear, clock, controller, readings, names, hear } = busWith(listed);
    expect(names()).toEqual(["allIsolate", "allDeregister", "announceRequest"]);
    hear(announce);
    hear(
      encodeClear(
        "hardware",
        { maxChargeCurrent: 1, maxDischargeCurrent: -1, endVoltage: 1, hwVersion: 1 },
        { address: 2 },
      ),
    );
    expect(clear.status()).toEqual([
      expect.objectContaining({ uid: UID, authenticated: false, slot: 2, registered: true }),
    ]);
    hear(encodeClear("status1", STATUS_1, { address: 2 }));
    hear(encodeClear("status2", STATUS_2, { address: 2 }));
    hear(encodeClear("status3", { low: 1, high: 2, average: 1.5 }, { address: 2 }));
    expect(readings).toEqual([
      expect.objectContaining({ uid: UID, authenticated: false, notTold: ["soc", "soh"] }),
    ]);
    expect(clear.status()[0]).toMatchObject({ stale: false, readings: 1 });
    clock.advance(2200);
    expect(clear.status()[0]).toMatchObject({ stale: true });
    expect(names()).toEqual(expect.arrayContaining(["register", "statusRequest", "maxState"]));
    const orders = controller.sent.filter((frame) => decodeClear(frame)?.name === "stateChange");
    expect(decodeClear(orders[0]!)?.values).toMatchObject({ id: 2, state: MODULE_STATE.on });
    clear.stop();
    const { length } = controller.sent;
    clock.advance(60_000);
    expect(controller.sent).toHaveLength(length);
  });

  it("isolates them with one frame that waits for no other, and grants nothing afterwards", () => {
    const { clear, clock, controller, hear, names } = busWith(listed);
    hear(announce);
    hear(encodeClear("status1", { ...STATUS_1, state: MODULE_STATE.on }, { address: 2 }));
    controller.room = 0;
    clock.advance(1000);
    const before = controller.sent.length;
    clear.isolate();
    controller.room = Number.POSITIVE_INFINITY;
    clock.advance(300);
    expect(names()[before]).toBe("allIsolate");
    const granted = controller.sent
      .slice(-40)
      .flatMap((frame) => decodeClear(frame) ?? [])
      .flatMap((message) => (message.name === "maxState" ? [message.values.max] : []));
    expect(granted.at(-1)).toBe(MODULE_STATE.off);
  });

  it("refuses an FD bus, and a module that is paired", () => {
    expect(() => busWith(listed, new Controller(2_000_000))).toThrow(
      expect.objectContaining({ code: "legacy" }),
    );
    expect(() => busWith([{ uid: PAIRED.uid, capacity: milliwattHours(0) }])).toThrow(/paired/);
  });
});

describe("clear frames on the shared controller", () => {
  const frames = Array.from({ length: 200 }, (_, i) => encodeClear("maxState", { max: i % 4 }));

  it("take one mailbox, keep their order, and lose what is beyond the limit with a word", () => {
    const controller = new Controller();
    controller.room = 4;
    const lost: number[] = [];
    const sender = new ClearSender(controller, (count) => {
      lost.push(count);
    });
    controller.listen({
      frame: () => {},
      sent: (frame) => sender.sent(frame),
      error: () => {},
      state: () => {},
    });
    for (const frame of frames) sender.send(frame);
    expect(controller.boxes).toHaveLength(1);
    expect(lost).toHaveLength(200 - 129);
    while (controller.boxes.length > 0) controller.leave();
    expect(controller.sent).toEqual(frames.slice(0, 129));
  });

  it("wait for a mailbox that others hold, and are given up in bus-off", () => {
    const controller = new Controller();
    controller.room = 0;
    const lost: number[] = [];
    const sender = new ClearSender(controller, (count) => {
      lost.push(count);
    });
    for (const frame of frames.slice(0, 3)) sender.send(frame);
    expect(controller.boxes).toEqual([]);
    controller.room = 1;
    sender.sent(encodeClear("timeRequest", {}, { address: 9 }));
    expect(controller.boxes).toHaveLength(1);
    sender.state("bus-off");
    expect(lost).toEqual([3]);
  });
});
