/**
 * Which published files count. When an older checkpoint than the newest is restored, because the newest was damaged or the user asked for it,
 * the job writes again what it has published since: files that came after the restored one belong to a past that has been given up, until
 * one of that past's own checkpoints is restored again (a read error had only hidden it).
 */
import type { JobEvent } from '@millrace/engine'

export class Ledger {
  /** Of each checkpoint that was prepared the files of its past, by their final names; each with the first checkpoint that held it. */
  readonly #pasts: Map<number, ReadonlyMap<string, number>>
  /** The same of checkpoints that are in the memory of the life that runs, which have ids of their own. */
  #remembered: Map<number, ReadonlyMap<string, number>> | undefined
  /** The same of each savepoint, by its path: ids of savepoints are given again after a crash. */
  readonly #savepoints: Map<string, ReadonlyMap<string, number>>
  #files: Map<string, number>
  #rewound = false

  constructor(
    pasts: Iterable<readonly [number, ReadonlyMap<string, number>]> = [],
    files: Iterable<readonly [string, number]> = [],
    savepoints: Iterable<readonly [string, ReadonlyMap<string, number>]> = [],
  ) {
    this.#pasts = new Map(pasts)
    this.#files = new Map(files)
    this.#savepoints = new Map(savepoints)
  }

  copy(): Ledger {
    return new Ledger(this.#pasts, this.#files, this.#savepoints)
  }

  /** A life begins whose checkpoints are kept so. */
  begin(inMemory: boolean): void {
    this.#remembered = inMemory ? new Map() : undefined
  }

  get #own(): Map<number, ReadonlyMap<string, number>> {
    return this.#remembered ?? this.#pasts
  }

  /** A savepoint has been said to be complete. */
  saved(checkpointId: number, path: string): void {
    this.#savepoints.set(path, this.#own.get(checkpointId) ?? new Map())
  }

  /** Paths of the savepoints that have been said to be complete. */
  get savepoints(): readonly string[] {
    return [...this.#savepoints.keys()]
  }

  moved(from: string, to: string): void {
    this.#savepoints.set(to, this.#savepoints.get(from)!)
  }

  /** A sink has prepared these for a checkpoint. */
  prepared(checkpointId: number, names: readonly string[]): void {
    for (const name of names) if (!this.#files.has(name)) this.#files.set(name, checkpointId)
    this.#own.set(checkpointId, new Map([...this.#files].filter(([, first]) => first <= checkpointId)))
  }

  /** From now on what came after a restored checkpoint does not count. */
  rewind(): void {
    this.#rewound = true
  }

  started({ restored }: Extract<JobEvent, { kind: 'started' }>): void {
    const past = restored?.path === undefined ? undefined : this.#savepoints.get(restored.path)
    const files = restored === undefined ? undefined : (past ?? this.#own.get(restored.id))
    // Before whatever comes, in whose numbers ever.
    this.#files = new Map(Array.from(files?.keys() ?? [], (name) => [name, 0]))
  }

  /** As long as nothing was rewound every file that is visible counts. */
  counts(name: string): boolean {
    return !this.#rewound || this.#files.has(name)
  }
}
