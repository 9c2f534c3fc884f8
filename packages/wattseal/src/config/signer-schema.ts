import { z } from "zod";
import { log, signerToken } from "./settings.js";

/** signer.toml: a signer that shares no folder with its gateway. */
export const signerSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default("/var/lib/wattseal-signer")
    .describe("Folder of the anchor and of what the signer keeps durable; of its user alone."),
  document: z
    .string()
    .min(1)
    .default("lct.cose")
    .describe("The pack's LCT document; a relative path starts at the signer's folder."),
  boot: z
    .string()
    .min(1)
    .default("boot")
    .describe("Folder of approved boots (*.boot); a relative path starts at the signer's folder."),
  socket: z
    .string()
    .min(1)
    .default("/run/wattseal-signer/signer.sock")
    .describe("Unix socket to serve, in a folder of mode 0750 of the signer's group."),
  token: signerToken,
  tpm: z
    .string()
    .regex(/^(none|device(:.+)?|swtpm:.+)$/, "use none, device, device:PATH or swtpm:PATH")
    .default("device")
    .describe(
      'What holds the anchor: "none" is a key file, "device" /dev/tpmrm0 (device:PATH another), swtpm:PATH the socket of an emulator.',
    ),
  log,
});
