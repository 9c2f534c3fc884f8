/** @typedef {import("./simulation.mjs").Simulation} Simulation */
/** @typedef {() => void} Done */

/**
 * Servers that take what waits in its order, a group at a time. With groups of one it is the queue of the textbooks
 * (M/M/c, M/D/1); a federation's worker is one server that takes many messages at once.
 *
 * @template T
 */
export class Station {
  /** ms of all servers. */
  busyMs = 0;
  /** @type {{ readonly job: T, readonly done: Done }[]} */
  #waiting = [];
  /** Of `#waiting`, those that were taken. */
  #taken = 0;
  #busy = 0;
  #isDown = false;
  #isHeld = false;
  #simulation;
  #shape;

  /**
   * @param {Simulation} simulation
   * @param {object} shape
   * @param {number} [shape.servers] default 1
   * @param {number} [shape.groupSize] jobs that a server takes at once, at most; default 1
   * @param {number} [shape.groupMs] a group that is not full waits so long for company; default 0
   * @param {(group: readonly T[]) => number} shape.serviceMs of a group
   */
  constructor(simulation, { servers = 1, groupSize = 1, groupMs = 0, serviceMs }) {
    this.#simulation = simulation;
    this.#shape = { servers, groupSize, groupMs, serviceMs };
  }

  /**
   * @param {T} job
   * @param {Done} done
   */
  submit(job, done) {
    this.#waiting.push({ job, done });
    const { groupSize, groupMs } = this.#shape;
    if (groupMs === 0 || this.#waiting.length - this.#taken >= groupSize) this.#serve();
    else this.#hold(groupMs);
  }

  /** From `at` on, and for `ms`, nothing is begun; what is being served ends. @param {number} at @param {number} ms */
  pause(at, ms) {
    this.#simulation.after(at - this.#simulation.now, () => {
      this.#isDown = true;
    });
    this.#simulation.after(at + ms - this.#simulation.now, () => {
      this.#isDown = false;
      this.#serve();
    });
  }

  /** @param {number} ms */
  #hold(ms) {
    if (this.#isHeld || this.#busy > 0) return;
    this.#isHeld = true;
    this.#simulation.after(ms, () => {
      this.#isHeld = false;
      this.#serve();
    });
  }

  #serve() {
    const { servers, groupSize, serviceMs } = this.#shape;
    while (!this.#isDown && this.#busy < servers && this.#waiting.length > this.#taken) {
      const group = this.#take(groupSize);
      const ms = serviceMs(group.map(({ job }) => job));
      this.#busy += 1;
      this.busyMs += ms;
      this.#simulation.after(ms, () => {
        this.#busy -= 1;
        for (const { done } of group) done();
        this.#serve();
      });
    }
  }

  /** @param {number} most */
  #take(most) {
    const group = this.#waiting.slice(this.#taken, this.#taken + most);
    this.#taken += group.length;
    if (2 * this.#taken > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return group;
  }
}
