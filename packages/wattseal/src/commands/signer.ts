/** `wattseal signer`: the pack's keys in a process of their own. */
import { dirname, resolve } from "node:path";
import { type Logger, messageOf } from "@wattseal/base";
import { SignerServer } from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { signerSchema } from "../config/signer-schema.js";
import { CliError, EXIT } from "../errors.js";
import { onStopSignal } from "../ports/signals.js";
import { prepareSocketPath } from "../ports/socket-path.js";
import { pinoLogger, steadyClock, systemEntropy } from "../ports/system.js";
import { type LocalSetting, openLocalSigner } from "../roles/local-signer.js";
import { settingOf, signerSocketOf } from "../roles/signer.js";
import { readRequired } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { createSignerToken, readSignerToken } from "../state/signer-token.js";
import { tpmOfSetting } from "../tpm/address.js";

export interface SignerCommandOptions {
  readonly state?: string;
  readonly config?: string;
  readonly socket?: string;
  readonly logLevel?: string;
}

interface Served {
  readonly setting: LocalSetting;
  readonly path: string;
  /** Of the token's file. */
  readonly token: string;
}

const ANSWERING = "another signer";

export async function runSigner(options: SignerCommandOptions): Promise<number> {
  if ((options.state === undefined) === (options.config === undefined)) {
    throw new CliError("usage", "Give either --state DIR or --config FILE.");
  }
  const { setting, path, token } =
    options.state === undefined ? await ofConfig(options) : await ofState(options);
  const { logger } = setting;
  const shared = await readSignerToken(token, process.env["CREDENTIALS_DIRECTORY"]);
  const stopped = new Promise<void>((stop) => {
    onStopSignal(stop);
  });
  const signer = await openLocalSigner(setting);
  try {
    const server = await serve(signer.service, path, shared, logger);
    logger.info("signer.running", { lct: setting.document.lct, binding: setting.document.binding });
    await stopped;
    logger.info("signer.stopping");
    await server.close();
  } finally {
    await signer.close();
  }
  return EXIT.ok;
}

async function serve(
  service: Parameters<typeof SignerServer.listen>[0]["service"],
  path: string,
  token: Uint8Array,
  logger: Logger,
): Promise<SignerServer> {
  const fail = (problem: string, cause?: unknown) =>
    new CliError("config", `signer socket ${path}: ${problem}.`, { cause });
  await prepareSocketPath(path, { setting: "--socket", server: ANSWERING, fail });
  try {
    return await SignerServer.listen({ service, path, token, clock: steadyClock(), logger });
  } catch (cause) {
    throw fail(messageOf(cause), cause);
  }
}

/** Of a folder that gateway and signer share, and its gateway.toml. */
async function ofState({ state = "", socket, logLevel }: SignerCommandOptions): Promise<Served> {
  const layout = layoutOf(resolve(state));
  const flags = { "signer.socket": socket && resolve(socket), "log.level": logLevel };
  const config = await loadConfig({
    schema: gatewaySchema,
    path: layout.gateway.config,
    environment: process.env,
    flags,
  });
  const logger = pinoLogger("wattseal-signer", config.log.level, process.stderr);
  const document = await readDocument(layout.gateway.document);
  const { path, token } = signerSocketOf(layout, config);
  await createSignerToken(token, systemEntropy);
  return { setting: settingOf({ layout, config, document, logger }), path, token };
}

/** Of a user of its own, with signer.toml. */
async function ofConfig({ config: file = "", socket, logLevel }: SignerCommandOptions) {
  const path = resolve(file);
  const flags = { socket: socket && resolve(socket), "log.level": logLevel };
  const config = await loadConfig({ schema: signerSchema, path, environment: process.env, flags });
  const beside = dirname(path);
  const directory = resolve(beside, config.directory);
  const setting: LocalSetting = {
    directory,
    document: await readDocument(resolve(directory, config.document)),
    boot: resolve(directory, config.boot),
    tpm: tpmOfSetting(config.tpm, beside, directory),
    halfFolders: [directory],
    logger: pinoLogger("wattseal-signer", config.log.level, process.stderr),
  };
  return { setting, path: resolve(beside, config.socket), token: resolve(beside, config.token) };
}

/** Whose it is, the anchor says that lies beside it; who issued it is for those who verify the log. */
async function readDocument(path: string) {
  return verifyLctDocument(await readRequired(path), "self-consistent");
}
