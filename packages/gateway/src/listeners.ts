/** Where what the bus brings goes: to the metering, to whoever keeps the links up, and to the log lines. */
import type { Clock, Logger } from "@wattseal/base";
import type { ModuleMessage } from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import type { ClearListener } from "./legacy/clear-bus.js";
import type { LastHeard } from "./links/last-heard.js";
import type { LinkListener } from "./links/manager.js";
import type { Supervisor } from "./links/supervisor.js";
import { phraseOf } from "./metering/alarm-detail.js";
import type { Recorder } from "./metering/recorder.js";
import type { GatewayOptions } from "./options.js";
import type { ShuntListener } from "./shunt/pack-shunt.js";

/** Who is told. Recorder and supervisor are made after the listeners that name them. */
export interface Heard {
  readonly last: LastHeard;
  readonly recorder: () => Recorder;
  readonly supervisor: () => Supervisor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly evidence?: GatewayOptions["evidence"];
}

export function linkListener(heard: Heard): LinkListener {
  const { last, recorder, supervisor, logger, clock, evidence } = heard;
  return {
    session: (module) => {
      logger.info("link.session", { module: module.uid, slot: module.slot });
      supervisor().linked(module);
    },
    message: (module, received) => {
      const { message } = received;
      if (message.kind === "telemetry") {
        last.reading(module.uid, message, clock.now());
        recorder().telemetry(module, received);
      } else told(heard, module, message, received.body);
    },
    alarm: (module, alarm) => {
      const { kind, suppressed } = alarm;
      logger.warn("link.alarm", { module: module.uid, kind, suppressed });
      recorder().alarm(module, alarm);
    },
    lost: (module, silentMs) => {
      logger.error("link.lost", { module: module.uid, silentMs });
      recorder().notice(module, "lost", `silent for ${silentMs} ms`);
    },
    down: (module, reason) => {
      const level = reason === "closed" ? "info" : "warn";
      logger[level]("link.down", { module: module.uid, reason });
    },
    retired: (session, key) => evidence?.released(session, key),
    custody: (away) => {
      if (away === undefined) logger.info("custody.back");
      else {
        logger.error("custody.away", { error: away });
        recorder().packNotice("custody-away", phraseOf(away));
      }
    },
  };
}

/** What a module says besides its readings. */
function told(
  { last, recorder, supervisor, logger }: Heard,
  module: PairedModule,
  message: ModuleMessage,
  body: Uint8Array,
): void {
  if (message.kind === "time-request") supervisor().tellTime(module);
  if (message.kind === "counter-statement" && supervisor().answered(module)) {
    recorder().statement(module, body);
  }
  if (message.kind !== "state-report") return;
  const { state, status, faults } = message;
  logger.info("module.state", { module: module.uid, state, status, faults });
  last.faults(module.uid, faults);
  if (faults !== 0) recorder().notice(module, "module-fault", `fault bits ${faults}`);
}

export function clearListener({ recorder, logger }: Heard): ClearListener {
  return {
    reading: (reading) => recorder().legacyReading(reading),
    alarm: (alarm) => {
      logger.warn("clear.alarm", { ...alarm });
      recorder().clearAlarm(alarm);
    },
  };
}

export function shuntListener({ recorder, logger }: Heard): ShuntListener {
  return {
    sample: (sample) => recorder().shuntSample(sample),
    alarm: (alarm) => {
      logger.warn("shunt.alarm", { ...alarm });
      recorder().shuntAlarm(alarm);
    },
  };
}
