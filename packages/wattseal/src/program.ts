import { Command, Option } from "commander";
import {
  conformance,
  parseBusAddress,
  parsePoints,
  parseSlot,
  STATES,
} from "./commands/conformance.js";
import { dbc, parseModuleIds } from "./commands/dbc.js";
import { parseDuration, parseLegacy, parseModules, parseSpeed } from "./commands/duration.js";
import { runFederation, runGateway, runSimulator } from "./commands/roles.js";
import { faultHelp, parseFaultName } from "./commands/scenario.js";
import { runSigner } from "./commands/signer.js";
import { start } from "./commands/start.js";
import { convert } from "./commands/trace.js";
import { parseBitRate } from "./conformance/bus.js";
import { LOG_LEVELS } from "./ports/system.js";
import { addControl } from "./program-control.js";
import { addFederationAudit } from "./program-federation.js";
import { addFleet } from "./program-fleet.js";
import { example, type Report } from "./program-help.js";
import { addIdentity } from "./program-identity.js";
import { addInit } from "./program-init.js";
import { addOrder } from "./program-order.js";
import { addPolicy } from "./program-policy.js";
import { addRecord } from "./program-record.js";
import { addRebuild } from "./program-recovery.js";
import { addRegistry } from "./program-registry.js";
import { addStatement } from "./program-statement.js";
import { parseTpmChoice } from "./tpm/address.js";
import { VERSION } from "./version.js";

const logLevel = () =>
  new Option("--log-level <level>", "log lines on standard error").choices(LOG_LEVELS);
const speed = () =>
  new Option("--speed <x>", 'ceiling in simulated seconds a second, or "max"')
    .argParser(parseSpeed)
    .default(30);
const scenario = () =>
  new Option("--scenario <file>", "drive, faults and expectations of a scenario file (scenarios/)");
const fault = () =>
  new Option("--fault <name>", "one of the faults below; may be given several times").argParser(
    parseFaultName,
  );
const tpm = (description: string) =>
  new Option("--tpm <which>", description).argParser(parseTpmChoice);
const candump = () =>
  new Option("--candump <file>", "record every frame of the bus as can-utils text (candump -l)");
const pcap = () =>
  new Option("--pcap <file>", "record every frame of the bus for Wireshark (SocketCAN frames)");

/** The command line. `report` gets the exit status of the command that ran. */
export function program(report: Report): Command {
  const wattseal = new Command("wattseal")
    .description("A battery pack as a witness of its own energy.")
    .version(VERSION)
    // policy sign has a --version of its own.
    .enablePositionalOptions()
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride()
    .addHelpText(
      "after",
      "\nExit status: 0 done; 1 it ran, and the answer is no (something did not verify, or was refused); 2 wrong usage, nothing was done; 3 something outside failed.\n",
    );
  addSystem(wattseal, report);
  addRoles(wattseal, report);
  addControl(wattseal, report);
  addIdentity(wattseal, report);
  addOrder(wattseal, report);
  addPolicy(wattseal, report);
  addStatement(wattseal, report);
  addRecord(wattseal, report);
  return wattseal;
}

function addSystem(wattseal: Command, report: Report): void {
  wattseal
    .command("start")
    .description(
      "run the whole system on embedded parts: simulated pack, gateway, broker, federation",
    )
    .option("--modules <n>", "modules of the simulated pack, 1 to 31 (default 8)", parseModules)
    .option("--legacy <n>", "clear-text modules beside them, unauthenticated", parseLegacy)
    .option(
      "--replay <file>",
      "recorded drive (CSV with time, V, A columns) instead of the demonstration",
    )
    .addOption(scenario())
    .addOption(fault())
    .addOption(speed())
    .option("--for <duration>", "stop after this long, such as 20s (wall time)", parseDuration)
    .option("--json", "print one JSON object as the last line", false)
    .option("--fd", "CAN FD instead of classic CAN", false)
    .option("--state <dir>", "keep state in this folder (default: a fresh one)")
    .addOption(
      tpm(
        "what holds a new pack's keys: swtpm, swtpm:PATH, device, device:PATH, none, or auto: swtpm where it is installed (default: auto)",
      ),
    )
    .addOption(candump())
    .addOption(pcap())
    .addOption(logLevel().default("warn"))
    .addHelpText("after", faultHelp())
    .addHelpText("after", example("start --for 20s --json --pcap run.pcap"))
    .action(async (options) => report(await start(options)));
  addInit(wattseal, report);
}

function addRoles(wattseal: Command, report: Report): void {
  const sim = wattseal
    .command("sim")
    .description("simulated hardware, and what describes it")
    .addHelpText("after", example("sim --state ./pack --scenario scenarios/brown-out.json"));
  sim
    .command("run", { isDefault: true })
    .description("simulated modules on a virtual bus, served over a unix socket (the default)")
    .requiredOption("--state <dir>", "state folder made by init")
    .option("--socket <path>", "where to serve the bus (default: sim/bus.sock in the state folder)")
    .option("--replay <file>", "recorded drive instead of the demonstration")
    .addOption(scenario())
    .addOption(fault())
    .addOption(speed())
    .option("--fd", "CAN FD instead of classic CAN", false)
    .addOption(candump())
    .addOption(pcap())
    .addOption(logLevel().default("info"))
    .addHelpText("after", faultHelp())
    .addHelpText("after", example("sim --state ./pack --speed 10 --candump run.log"))
    .action(async (options) => report(await runSimulator(options)));
  sim
    .command("convert <in> <out>")
    .description(
      "write a bus trace in another format; the endings name them: .log (candump), .asc (Vector), .pcap",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nCounts what was malformed and passed over, and what the other format has no place for.\nExit status: 0 written; 1 nothing of the input was usable, and nothing was written; 2 wrong usage; 3 the input is no trace, or the disk failed.\n",
    )
    .addHelpText("after", example("sim convert drive.asc drive.pcap && tshark -r drive.pcap"))
    .action(async (input, output, options) => report(await convert(input, output, options)));
  sim
    .command("dbc")
    .description("the clear frames of deployed modules as a DBC file, on standard output")
    .option(
      "--modules <ids>",
      "a message for each of these module ids, such as 1,2,5 or 1-8 (default: one for all, id 0)",
      parseModuleIds,
    )
    .addHelpText("after", example("sim dbc --modules 1-8 > modbatt.dbc"))
    .action((options) => report(dbc(options)));
  addConformance(sim, report);
  addFleet(sim, report);
  wattseal
    .command("gateway")
    .description("the pack side: links, metering, ledger, uplink")
    .requiredOption("--state <dir>", "state folder made by init")
    .option("--bus <address>", "unix:PATH of a served virtual bus")
    .option("--broker <url>", "MQTT broker")
    .option("--signer <socket>", "unix socket of a wattseal signer that holds the keys")
    .option("--roll-half", "give all modules a new pack half; each follows in its own time", false)
    .addOption(logLevel())
    .addHelpText("after", example("gateway --state ./pack"))
    .action(async (options) => report(await runGateway(options)));
  wattseal
    .command("signer")
    .description("the pack's keys in a process of their own, for one gateway over a unix socket")
    .option("--state <dir>", "state folder made by init, shared with the gateway")
    .option("--config <file>", "signer.toml, where the signer has a folder and user of its own")
    .option("--socket <path>", "unix socket to serve (default: as configured)")
    .addOption(logLevel())
    .addHelpText("after", "\ndocs/signer.md says what it is trusted with, and how it is set up.\n")
    .addHelpText(
      "after",
      example(
        "signer --state ./pack\n  $ wattseal gateway --state ./pack --signer ./pack/run/signer.sock",
      ),
    )
    .action(async (options) => report(await runSigner(options)));
  const federation = wattseal
    .command("federation")
    .description("the fleet side, and its registry")
    .addHelpText("after", example("federation --state ./pack"));
  federation
    .command("run", { isDefault: true })
    .description("broker (if embedded), worker, store, witness, registry (the default)")
    .requiredOption("--state <dir>", "state folder made by init")
    .option("--broker <url>", 'MQTT or NATS broker, or "embedded"')
    .option("--port <n>", "port of the embedded broker")
    .addOption(logLevel())
    .addHelpText("after", example("federation --state ./pack"))
    .action(async (options) => report(await runFederation(options)));
  addRegistry(federation, report);
  addFederationAudit(federation, report);
  addRebuild(federation, report);
}

function addConformance(sim: Command, report: Report): void {
  sim
    .command("conformance")
    .description(
      "try a module end on a bus against docs/firmware, point by point; no other pack may be on it",
    )
    .addOption(
      new Option("--bus <address>", "unix:PATH of a served virtual bus")
        .argParser(parseBusAddress)
        .conflicts("port"),
    )
    .option("--port <device>", "instead: a CAN adapter that speaks SLCAN (Linux, stty)")
    .option("--bitrate <bit/s>", "of the bus at --port (default: 500000)", parseBitRate)
    .requiredOption("--slot <n>", "the module's slot, 1 to 31", parseSlot)
    .requiredOption(
      "--pairing <file>",
      "the pack's pairing record, or a bench file (docs/firmware/vectors/pairing.json)",
    )
    .option("--key <file>", "the pack's secret half (default: as the record names it, beside it)")
    .option("--federation-key <file>", "the federation's secret half, to check counter statements")
    .option("--fd", "CAN FD instead of classic CAN", false)
    .addOption(
      new Option(
        "--allow <state>",
        "the highest state to let the module into; above off, its relay closes",
      )
        .choices(STATES)
        .default("off"),
    )
    .option("--only <points>", "these points, separated by commas", parsePoints)
    .option("--reset", "ask for a reset of the module in the run, and try what follows it", false)
    .option("--key-roll", "roll the pack's half to another and back", false)
    .option("--erase", "end with an erase: the module is unpaired then", false)
    .option("--json", "one JSON object on standard output", false)
    .addHelpText(
      "after",
      "\nThe bus is one that `wattseal sim` serves, or a real one behind a serial adapter. Not there yet: SocketCAN.\n",
    )
    .addHelpText(
      "after",
      example(
        "sim conformance --bus unix:./pack/sim/bus.sock --slot 1 --pairing ./pack/gateway/pairings.cbor --allow on\n" +
          "  $ wattseal sim conformance --port /dev/ttyACM0 --slot 5 --pairing docs/firmware/vectors/pairing.json",
      ),
    )
    .action(async (options) => report(await conformance(options)));
}
