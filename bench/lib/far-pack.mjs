// The pack's end in a process of its own, over the bus socket: `node far-pack.mjs <socket>`, its keys on standard input.
import { text } from "node:stream/consumers";
import { fromHex, moduleUid } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { connectBus } from "@wattseal/sim-hardware";
import { PackEnd } from "./sim-pack.mjs";

/** @type {{ half: string, packHash: string, modules: readonly { uid: string, half: string }[] }} */
const told = JSON.parse(await text(process.stdin));
const connection = await connectBus(process.argv[2] ?? "");
const end = new PackEnd(
  connection.bus,
  connection.clock,
  {
    half: DeviceHalf.fromSecret(fromHex(told.half)),
    packHash: fromHex(told.packHash),
    modules: told.modules.map(({ uid, half }) => ({
      uid: moduleUid(uid),
      half: { publicKey: fromHex(half) },
    })),
  },
  false,
);
await connection.done;
process.stdout.write(`${end.readings}\n`);
