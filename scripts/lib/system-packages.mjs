// Programs that tests run and npm cannot bring. This list is their one home.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { run, say } from "./run.mjs";

/**
 * @typedef {object} SystemPackage
 * @property {string} [command] what the tests run
 * @property {string} [file] what they read, of a package without a program
 * @property {string} debian the Debian package that brings it
 * @property {string} [service] a unit that this package would start at boot
 * @property {readonly [string, string]} [setting] a file and its content, while the package is installed
 * @property {string} neededFor
 */

/** @type {readonly SystemPackage[]} */
const PACKAGES = [
  {
    command: "mosquitto",
    debian: "mosquitto",
    service: "mosquitto.service",
    neededFor: "the uplink through a broker that is not ours",
  },
  {
    command: "nats-server",
    debian: "nats-server",
    service: "nats-server.service",
    neededFor: "the uplink through a NATS cluster",
  },
  {
    command: "openssl",
    debian: "openssl",
    neededFor: "brokers that know packs by their certificates",
  },
  {
    // Its question, whether others than root may capture, goes by its default under noninteractive: no.
    command: "tshark",
    debian: "tshark",
    neededFor: "recorded buses as Wireshark reads them",
  },
  {
    command: "log2asc",
    debian: "can-utils",
    neededFor: "bus traces as can-utils reads and writes them",
  },
  {
    command: "socat",
    debian: "socat",
    neededFor: "a bus behind a serial port",
  },
  {
    command: "go",
    debian: "golang-go",
    neededFor: "the ledger's second verifier",
  },
  {
    file: "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go",
    debian: "golang-golang-x-mod-dev",
    neededFor: "notes and proofs as Go's transparency log packages judge them",
  },
  {
    command: "swtpm",
    debian: "swtpm",
    neededFor: "the TPM client against an emulated TPM",
  },
  {
    command: "swtpm_setup",
    debian: "swtpm-tools",
    neededFor: "enrolments of a TPM whose maker has certified it",
  },
  {
    command: "tpm2_quote",
    debian: "tpm2-tools",
    neededFor: "what tpm2-tools and the TPM client make of each other's work",
  },
  {
    command: "initdb",
    debian: "postgresql",
    service: "postgresql.service",
    // Servers are the tests' own: none of the machine's is made. pg_createcluster(1), create_main_cluster.
    setting: [
      "/etc/postgresql-common/createcluster.d/wattseal-tests.conf",
      "create_main_cluster = false\n",
    ],
    neededFor: "the federation's store in PostgreSQL",
  },
];

// Where Debian keeps daemons; an ordinary user's PATH leaves these out.
const DAEMON_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Debian keeps each version's server programs apart, in no one's PATH. */
const POSTGRESQL = "/usr/lib/postgresql";

/** PATH for the tests, daemons included. */
export function searchPath() {
  return [process.env["PATH"] ?? "", ...DAEMON_DIRECTORIES, ...postgresDirectories()].join(
    delimiter,
  );
}

/** The newest first. */
function postgresDirectories() {
  if (!existsSync(POSTGRESQL)) return [];
  const versions = readdirSync(POSTGRESQL).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(POSTGRESQL, version, "bin"));
}

/** Installs what is missing where it may (Debian, root); otherwise says what is missing and the cure. Never throws for a package. */
export async function ensureSystemPackages() {
  const missing = PACKAGES.filter((it) => !isPresent(it));
  if (missing.length === 0) return;
  if (isDebian() && process.getuid?.() === 0) await installOnDebian(missing);
  for (const { command, file, debian, neededFor } of missing.filter((it) => !isPresent(it))) {
    say(
      `${command ?? file} is missing: tests of ${neededFor} are skipped. Cure: install the package that brings it (Debian: sudo apt-get install ${debian}).`,
    );
  }
}

/** @param {SystemPackage} wanted */
function isPresent({ command, file }) {
  return command === undefined ? existsSync(file ?? "") : isOnPath(command);
}

/** @param {string} command */
function isOnPath(command) {
  return searchPath()
    .split(delimiter)
    .some((directory) => directory !== "" && isExecutable(join(directory, command)));
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isDebian() {
  return existsSync("/etc/debian_version") && isOnPath("apt-get");
}

/** @param {readonly SystemPackage[]} missing */
async function installOnDebian(missing) {
  const names = missing.map(({ debian }) => debian);
  say(`installing system packages for the tests: ${names.join(" ")}`);
  const settings = missing.flatMap(({ setting }) => (setting === undefined ? [] : [setting]));
  await withSettings(settings, async () => {
    // The package lists on the machine usually do; fetching new ones first is for when they do not.
    if ((await aptGet(["install", ...names])) === 0) return;
    if ((await aptGet(["update"])) === 0) await aptGet(["install", ...names]);
  });
  for (const { command, service } of missing) {
    if (service === undefined || command === undefined) continue;
    if (!isOnPath(command) || !isOnPath("systemctl")) continue;
    await run("systemctl", ["--quiet", "disable", service], { output: "stderr" });
  }
}

/** @param {readonly string[]} args */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", PATH: searchPath() };
  const options = ["--yes", "--quiet", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
  return run("apt-get", [...options, ...args], { output: "stderr", env });
}

/**
 * Files that are there while packages are installed, as long as no service starts.
 *
 * @param {readonly (readonly [string, string])[]} settings
 * @param {() => Promise<void>} task
 */
async function withSettings(settings, task) {
  for (const [file, content] of settings) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  try {
    await withoutStartingServices(task);
  } finally {
    for (const [file] of settings) rmSync(file, { force: true });
  }
}

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_BEFORE = `${POLICY}.before-wattseal-tests`;

/**
 * Debian asks policy-rc.d before a package's script starts a service (deb-systemd-invoke(1p), invoke-rc.d(8)).
 * Ours denies only while this process lives and hands over to the machine's own, so that even a kill leaves
 * the machine as it was.
 *
 * @param {() => Promise<void>} task
 */
async function withoutStartingServices(task) {
  if (existsSync(POLICY) && !existsSync(POLICY_BEFORE)) renameSync(POLICY, POLICY_BEFORE);
  writeFileSync(POLICY, policyScript(), { mode: 0o755 });
  try {
    await task();
  } finally {
    rmSync(POLICY, { force: true });
    if (existsSync(POLICY_BEFORE)) renameSync(POLICY_BEFORE, POLICY);
  }
}

function policyScript() {
  return `#!/bin/sh
# Written by Wattseal's scripts/test.mjs while it installs packages.
kill -0 ${process.pid} 2>/dev/null && exit 101
[ -x ${POLICY_BEFORE} ] && exec ${POLICY_BEFORE} "$@"
exit 0
`;
}
